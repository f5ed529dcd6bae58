"""The commands to give next, in the way in which the last one was given."""

import dataclasses
import json
import shlex
import subprocess
import sys

import pytest

from foldergan.config import commands
from foldergan.config.presets import PRESETS

PYTHON = sys.orig_argv[0]


@pytest.fixture(autouse=True)
def given(tmp_path, monkeypatch):
    """Says how this script was called."""
    monkeypatch.chdir(tmp_path)

    def given(*words):
        monkeypatch.setattr(sys, "argv", [*map(str, words)])

    given("TrainModel.py")
    return given


def record(folder, name, script):
    folder.mkdir(exist_ok=True)
    preset = dataclasses.asdict(PRESETS[name])
    (folder / f"run_{script}.json").write_text(json.dumps({"preset": preset}))


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("TrainModel.py", [PYTHON, "GANModel.py"]),
        ("./TrainModel.py", [PYTHON, "./GANModel.py"]),
        ("/a b/TrainModel.py", [PYTHON, "/a b/GANModel.py"]),
        ("foldergan train", ["foldergan", "draw"]),
        ("foldergan inspect", ["foldergan", "draw"]),
    ],
)
def test_another_script_is_called_as_this_one_was(given, called, expected):
    given(called)
    assert shlex.split(commands.of("GANModel")) == expected


@pytest.mark.parametrize("subcommand", commands.SUBCOMMANDS)
def test_each_subcommand_is_of_a_script(given, subcommand):
    given(f"foldergan {subcommand}")
    assert commands.this_script() == commands.SUBCOMMANDS[subcommand].script


def test_folders_and_seed_are_given_again_quoted(given):
    folders = ("--data-dir", "a b", "--model-dir=m'o", "--seed", 7)
    given("TrainModel.py", *folders, "--epochs", 3, "--dataset", "my images")
    words = shlex.split(commands.of("GANModel"))
    assert words[2:] == ["--data-dir", "a b", "--model-dir", "m'o", "--seed", "7"]


def test_a_folder_may_look_like_a_flag(given):
    given("TrainModel.py", "--data-dir=-x")
    assert shlex.split(commands.of("GANModel"))[2:] == ["--data-dir=-x"]


def test_the_images_are_named_to_the_script_that_reads_them(given):
    given("GANModel.py", "--dataset", "my images")
    assert shlex.split(commands.of("TrainModel"))[2:] == ["--dataset", "my images"]
    assert shlex.split(commands.of("GeneratePredict"))[2:] == []


def test_further_flags_replace_those_that_were_given(given):
    given("GeneratePredict.py", "--model-dir", "m")
    words = shlex.split(commands.of("TrainModel", model_dir="n", augment_with="x y"))
    assert words[2:] == ["--model-dir", "n", "--augment-with", "x y"]


def test_the_preset_is_named_where_the_folder_does_not_remember_it(given, tmp_path):
    def words(*flags, **more):
        given("TrainModel.py", *flags)
        return shlex.split(commands.of("GANModel", **more))[2:]

    smoke, model = ["--preset", "smoke"], tmp_path / "model"
    assert words(*smoke) == smoke  # nothing is recorded yet
    record(model, "smoke", "TrainModel")
    assert words(*smoke) == words() == []
    assert words("--preset", "best-32") == ["--preset", "best-32"]
    assert words(*smoke, model_dir="other") == [*smoke, "--model-dir", "other"]
    record(model, "best-32", "GANModel")  # which GANModel.py would take
    assert words(*smoke) == words() == smoke


def test_a_command_is_given_again_with_more_flags(given):
    given("GANModel.py", "--model-dir", "a b", "--epochs", 3)
    expected = [PYTHON, "GANModel.py", "--model-dir", "a b", "--epochs", "3"]
    assert shlex.split(commands.again()) == expected
    assert shlex.split(commands.again("resume")) == [*expected, "--resume"]
    given("foldergan draw", "--resume")
    assert commands.again("resume") == "foldergan draw --resume"


def test_a_script_in_a_sentence_becomes_a_whole_command(given):
    given("foldergan predict", "--data-dir", "a b")
    said = commands.completed("x.h5 is damaged; run: python GANModel.py, or remove it")
    assert said == (
        "x.h5 is damaged; run: foldergan draw --data-dir 'a b', or remove it"
    )


def test_windows_has_quotes_of_its_own(given, monkeypatch):
    given("foldergan train", "--data-dir", 'C:\\a "b" c')
    monkeypatch.setattr(sys, "platform", "win32")
    words = ["foldergan", "draw", "--data-dir", 'C:\\a "b" c']
    assert commands.of("GANModel") == subprocess.list2cmdline(words)
