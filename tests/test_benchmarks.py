"""Benchmarks and tools run too rarely to notice: what they name must still be there."""

import ast
import pkgutil

import pytest
from conftest import ROOT

PATHS = sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tools/*.py")])


def named(code: str) -> set[str]:
    """Dotted paths of all that a file takes from the package."""
    paths, known = set(), {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(
            "foldergan"
        ):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            paths.add(f"{known.get(node.value.id)}.{node.attr}")
    return {path for path in paths if not path.startswith("None.")} | {*known.values()}


def missing(code: str) -> list[str]:
    """Those that lead nowhere."""
    found = []
    for path in sorted(named(code)):
        try:
            pkgutil.resolve_name(path)
        except (ImportError, AttributeError):
            found.append(path)
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_what_it_takes_from_the_package_is_there(path):
    assert missing(path.read_text(encoding="utf-8")) == []


def test_what_is_gone_is_missed():
    code = "from foldergan.storage import arrays as some, gone\nsome.load; some.writing"
    assert missing(code) == ["foldergan.storage.arrays.load", "foldergan.storage.gone"]
