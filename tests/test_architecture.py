"""The rules of the house: who may import whom, who may write."""

import ast
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import gan

PACKAGE = {
    path.relative_to(ROOT / "foldergan").with_suffix("").as_posix(): path
    for path in (ROOT / "foldergan").rglob("*.py")
}
SCRIPTS = {path.stem: path for path in ROOT.glob("*.py")}
ALL = PACKAGE | SCRIPTS
# Each wing, and each file that stands alone, imports from lines above its own only.
FLOORS = (
    ("errors", "processor", "engine"),
    ("packages", "child", "config", "images", "backend", "progress"),
    ("team",),
    ("process", "storage"),
    ("data", "nn", "backbones"),
    ("metrics", "classifier"),
    ("gan",),
    ("report",),
)
FLOOR_OF = {wing: floor for floor, wings in enumerate(FLOORS) for wing in wings}
WRITING = {"write_text", "write_bytes", "tofile", "imwrite", "imsave", "savefig"}
WRITING |= {"save", "savez", "savez_compressed", "save_weights", "mkdir", "unlink"}
WRITING |= {"rename", "makedirs", "rmtree"}
WRITING_OURS = {"snapshots.save", "saved.save"}  # go through storage


def tree_of(path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path) -> set[str]:
    """Every module that a file names in an import, at any depth of its code."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {
                f"{node.module}.{a.name}" for a in node.names
            }
    return names


def ours(path) -> set[str]:
    """The modules of the package that a file imports, such as storage/models."""
    names = {
        name.removeprefix("foldergan.").replace(".", "/") for name in imported(path)
    }
    return names & set(PACKAGE)


def written(path) -> list[str]:
    """Every call in a file that writes to the disk."""
    calls = []
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        text = ast.unparse(node)
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = [v.value for v in values if isinstance(v, ast.Constant)]
        opens = name == "open" and any(set(str(m)) & set("wax+") for m in modes)
        if text.startswith(tuple(WRITING_OURS)):
            continue
        if name in WRITING or (opens and "os.devnull" not in text):
            calls.append(text)
    return calls


def wing_of(name: str) -> str:
    return name.partition("/")[0]


def test_the_three_scripts_and_the_package_are_found():
    assert set(SCRIPTS) == {"TrainModel", "GANModel", "GeneratePredict"}
    assert set(PACKAGE) >= {"config/presets", "gan/trainer", "backend"}


def test_every_room_has_a_floor():
    assert {wing_of(name) for name in PACKAGE} - {"__init__"} == set(FLOOR_OF)


def test_every_wing_has_tests():
    wings = {wing_of(name) for name in PACKAGE if "/" in name}
    assert wings <= {path.name for path in (ROOT / "tests").iterdir()}


@pytest.mark.parametrize("name", sorted(ALL))
def test_nobody_imports_a_script(name):
    assert not {n.partition(".")[0] for n in imported(ALL[name])} & set(SCRIPTS)


@pytest.mark.parametrize("name", sorted(set(PACKAGE) - {"__init__"}))
def test_arrows_run_one_way(name):
    own = wing_of(name)
    for other in ours(PACKAGE[name]):
        wing = wing_of(other)
        assert wing == own or FLOOR_OF[wing] < FLOOR_OF[own], f"{name} -> {other}"


def test_no_import_comes_back_to_where_it_began():
    arrows = {name: ours(path) for name, path in PACKAGE.items()}
    while leaves := {name for name, others in arrows.items() if not others}:
        arrows = {n: others - leaves for n, others in arrows.items() if n not in leaves}
    assert not arrows


@pytest.mark.parametrize(
    ("backend", "modules"),
    [
        (
            "tensorflow",
            {"engine/tensorflow_engine", "storage/events"},
        ),
        ("jax", {"engine/jax_engine", "engine/mesh"}),
    ],
)
def test_only_these_modules_import_a_backend(backend, modules):
    users = {
        name
        for name, path in ALL.items()
        if backend in {module.partition(".")[0] for module in imported(path)}
    }
    assert users == modules


def test_a_module_is_imported_when_it_is_first_used():
    code = (
        "import sys; from foldergan import gan; assert 'foldergan.gan.schedule' not in "
        "sys.modules; gan.schedule.plan; assert 'foldergan.gan.schedule' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="foldergan.gan has no module draws"):
        _ = gan.draws


def test_flags_are_named_by_config_alone():
    """The library raises facts; the command line knows what its flags are called."""
    for name, path in PACKAGE.items():
        if wing_of(name) == "config" or name == "__init__":
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(?<![\w-])--[a-z]", node.value), (
                    name,
                    node.value,
                )


@pytest.mark.parametrize("name", sorted(ALL))
def test_only_storage_writes(name):
    assert wing_of(name) == "storage" or written(ALL[name]) == []


def test_writing_is_recognised():
    for name in ("arrays", "atomic", "checkpoint", "locking", "plots", "seals"):
        assert written(PACKAGE[f"storage/{name}"])


def page() -> str:
    return (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_page_names_each_module_once():
    named, room = [], ""
    for line in page().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 3 and cells[0] not in ("room", "---"):
            room = cells[0].strip("`") or room
            modules = re.findall(r"`(\w+)`", cells[2])
            named += [f"{room}/{module}" for module in modules] or [room]
    assert sorted(named) == sorted(n for n in PACKAGE if not n.endswith("__init__"))


def test_the_drawing_names_files_and_modules_that_exist():
    drawing = page().split("```")[1]
    names = {word.rstrip(",") for word in drawing.split() if "." in word}
    modules = {f"{n.replace('/', '.')}" for n in PACKAGE}
    texts = [
        path.read_text(encoding="utf-8")
        for path in (PACKAGE["storage/filenames"], *SCRIPTS.values())
    ]
    for name in names - modules - {f"{script}.py" for script in SCRIPTS}:
        pattern = re.sub("010", "{epoch:03d}", name)
        assert any(pattern in text or name in text for text in texts), name


def test_contributing_names_modules_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:foldergan|tests|benchmarks)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
