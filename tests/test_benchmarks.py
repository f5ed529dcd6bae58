"""What benchmarks, tools and notebooks take from the package must still be there."""

import ast
import json
import pkgutil
import re

import pytest
from conftest import ROOT

FOLDERS = ("benchmarks/*.py", "tools/*.py", "notebooks/*.ipynb")
PATHS = sorted(path for pattern in FOLDERS for path in ROOT.glob(pattern))


def code_of(path) -> str:
    """The Python of a file, of a notebook without the lines that are none."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = (x["source"] for x in json.loads(text)["cells"] if x["cell_type"] == "code")
    code = "\n".join("".join(lines) for lines in cells)
    return re.sub(r"^(\s*)[!%].*", r"\1pass", code, flags=re.MULTILINE)


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
    assert missing(code_of(path)) == []


def test_what_is_gone_is_missed():
    code = "from foldergan.storage import arrays as some, gone\nsome.load; some.writing"
    assert missing(code) == ["foldergan.storage.arrays.load", "foldergan.storage.gone"]
