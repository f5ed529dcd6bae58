"""The rules of the house: who may import whom, and who may write files."""

import ast

import pytest
from conftest import ROOT

PACKAGE = {
    path.relative_to(ROOT / "foldergan").with_suffix("").as_posix(): path
    for path in (ROOT / "foldergan").rglob("*.py")
}
SCRIPTS = {path.stem: path for path in ROOT.glob("*.py")}
ARTIFACTS = {f"artifacts/{name}" for name in ("arrays", "models", "resume", "records")}
WRITERS = {"files", "plots"} | ARTIFACTS
WRITING = {"write_text", "write_bytes", "tofile", "imwrite", "imsave", "savefig"}
WRITING |= {"save", "savez", "savez_compressed", "save_weights", "mkdir", "unlink"}
WRITING |= {"rename", "makedirs", "rmtree"}


def imported(path) -> set[str]:
    """Every module that a file names in an import, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {
                f"{node.module}.{a.name}" for a in node.names
            }
    return names


def written(path) -> list[str]:
    """Every call in a file that writes to the disk."""
    calls = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        text = ast.unparse(node)
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = [v.value for v in values if isinstance(v, ast.Constant)]
        opens = name == "open" and any(set(str(m)) & set("wax+") for m in modes)
        if name in WRITING or (opens and "os.devnull" not in text):
            calls.append(text)
    return calls


def test_the_three_scripts_and_the_package_are_found():
    assert set(SCRIPTS) == {"TrainModel", "GANModel", "GeneratePredict"}
    assert set(PACKAGE) >= {"presets", "flags", "adversarial", "backend"} | WRITERS


def test_the_map_of_the_package_names_each_room_once():
    text = ast.get_docstring(ast.parse(PACKAGE["__init__"].read_text(encoding="utf-8")))
    lines = [line for line in text.splitlines() if line.startswith("    ")]
    rooms = {name.partition("/")[0] for name in PACKAGE} - {"__init__"}
    assert sorted(line.split()[0].rstrip("/") for line in lines) == sorted(rooms)


@pytest.mark.parametrize(
    "path", [*SCRIPTS.values(), *PACKAGE.values()], ids=lambda p: p.name
)
def test_nobody_imports_a_script(path):
    assert not {name.partition(".")[0] for name in imported(path)} & set(SCRIPTS)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("fields", ()), ("settings", ("fields",)), ("presets", ("fields", "settings"))],
)
def test_settings_and_presets_are_leaves(name, allowed):
    modules = {n.split(".")[1] for n in imported(PACKAGE[name]) if "pipeline." in n}
    assert modules == set(allowed)


def test_only_five_modules_import_tensorflow():
    paths = PACKAGE | SCRIPTS
    users = {
        name
        for name, path in paths.items()
        if "tensorflow" in {module.partition(".")[0] for module in imported(path)}
    }
    assert users == {"adversarial", "augmentation", "backend"} | {
        "classification",
        "kernels",
    }


@pytest.mark.parametrize("name", sorted((PACKAGE | SCRIPTS).keys() - WRITERS))
def test_only_files_artifacts_and_plots_write(name):
    assert written((PACKAGE | SCRIPTS)[name]) == []


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_writing_is_recognised(name):
    assert written(PACKAGE[name])
