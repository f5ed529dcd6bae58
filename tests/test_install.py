"""The command `foldergan`, from a wheel in an environment of its own."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from conftest import ROOT, draw_images

import foldergan
from foldergan.config import commands

SCRIPTS = ("TrainModel.py", "GANModel.py", "GeneratePredict.py")


@pytest.fixture
def words(monkeypatch, capsys):
    """Runs `foldergan` as far as its script; tells which, and with which words."""

    def run(*arguments):
        begun = []
        monkeypatch.setattr(sys, "argv", ["foldergan", *arguments])
        monkeypatch.setattr(
            runpy, "run_module", lambda name, run_name: begun.append((name, run_name))
        )
        commands.main()
        assert begun[0][1] == "__main__"
        return begun[0][0], sys.argv

    return run


@pytest.mark.parametrize(
    ("given", "script", "argv"),
    [
        ("train --epochs 3", "TrainModel", ["foldergan train", "--epochs", "3"]),
        ("draw --help", "GANModel", ["foldergan draw", "--help"]),
        ("predict", "GeneratePredict", ["foldergan predict"]),
        (
            "inspect --dataset x",
            "TrainModel",
            ["foldergan inspect", "--inspect", "--dataset", "x"],
        ),
        (
            "classify x --model-dir m",
            "GeneratePredict",
            ["foldergan classify", "--classify", "x", "--model-dir", "m"],
        ),
        ("classify --help", "GeneratePredict", ["foldergan classify", "--help"]),
    ],
)
def test_a_subcommand_is_a_script_with_the_words_after_it(words, given, script, argv):
    assert words(*given.split()) == (script, argv)


@pytest.mark.parametrize("arguments", [(), ("paint",), ("--epochs",)])
def test_no_or_another_subcommand_is_refused(words, capsys, arguments):
    with pytest.raises(SystemExit) as end:
        words(*arguments)
    assert end.value.code == 2
    assert "foldergan: error: " in capsys.readouterr().err


def test_help_lists_the_subcommands(words, capsys):
    with pytest.raises(SystemExit) as end:
        words("--help")
    assert end.value.code == 0
    said = capsys.readouterr().out
    for name, each in commands.SUBCOMMANDS.items():
        assert re.search(f"^  {name} +{each.about}$", said, re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout, built from a copy: a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "foldergan", source / "foldergan", ignore=hidden)
    names = ("pyproject.toml", "README.md", "LICENSE", *SCRIPTS)
    for path in (*map(ROOT.joinpath, names), *ROOT.glob("requirements*.txt")):
        shutil.copy(path, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", folder, source)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The program, in an environment that borrows the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip("--python", programs / "python", "install", "--no-deps", wheel)
    return programs / "foldergan"


def pip(*arguments):
    run(sys.executable, "-m", "pip", "--quiet", "--no-input", *arguments)


def run(*words, cwd=None, **environment):
    known = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env=known | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "foldergan").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert names >= package | set(SCRIPTS)
    others = {n for n in names if ".dist-info/" not in n} - package - set(SCRIPTS)
    assert not others


@pytest.mark.slow
def test_installed_it_goes_from_images_to_the_page(installed, tmp_path):
    """Each next command is run as it is printed; nothing of the checkout is near."""
    packages = {"PYTHONPATH": sysconfig.get_path("purelib"), "PYTHONSAFEPATH": "1"}
    said = run(installed, "--version", cwd=tmp_path)
    assert said == f"foldergan {foldergan.__version__}\n"
    said = run(installed, "train", "--help", cwd=tmp_path)
    assert said.startswith("usage: foldergan train ") and "--dataset" in said

    draw_images(tmp_path / "my images")
    flags = ("--dataset", "my images", "--model-dir", "the model's")
    words = ("train", "--preset", "smoke", *flags)
    for number, subcommand in enumerate(("train", "draw", "predict")):
        said = run(installed, *words, cwd=tmp_path, **packages)
        assert said.startswith(f"foldergan {subcommand}: preset smoke")
        lines = said.splitlines()
        assert lines[-1] == "report: the model's/report.html"
        if number < 2:
            program, *words = shlex.split(lines[-2].removeprefix("next: "))
            assert program == "foldergan"
    assert (tmp_path / "the model's" / "predictions.csv").is_file()
