"""The preset that a model folder was begun with is taken again, which is said."""

import dataclasses
import json
import sys

import pytest

from foldergan.config import command_line
from foldergan.config.presets import PRESETS, RUN, find_preset, recall
from foldergan.errors import InputError

SCRIPTS = ("TrainModel", "GANModel", "GeneratePredict")
TOML = 'base = "smoke"\nseed = 3\n[gan]\nlatent_dim = 9\n[generate]\ncount = 5\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The folder that scripts run in, with a folder of models."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    return tmp_path


@pytest.fixture
def parse(monkeypatch):
    def parse(*arguments, script="GANModel", sections=("gan",)):
        monkeypatch.setattr(sys, "argv", [f"{script}.py", *map(str, arguments)])
        return command_line.Parser("Summary.\n\n    examples", sections).parse()[1]

    return parse


def record(preset, script="TrainModel", model_dir="model"):
    path = RUN.format(script=script)
    with open(f"{model_dir}/{path}", "w", encoding="utf-8") as file:
        json.dump({"preset": dataclasses.asdict(preset)}, file)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_recorded_preset_is_taken_and_said(parse, capsys, script):
    record(PRESETS["best-32"])
    assert parse(script=script) == PRESETS["best-32"]
    said = capsys.readouterr().out
    path = "model/run_TrainModel.json"
    assert said.startswith(f"{script}.py: preset best-32 (recorded in {path}), ")
    assert said.count("\n") == 1


def test_without_a_record_it_is_the_default(parse, capsys):
    assert parse() == PRESETS["dcgan-32"]
    assert "preset dcgan-32 (the default), " in capsys.readouterr().out


def test_a_folder_that_is_named_is_looked_into(parse, folder):
    (folder / "other one").mkdir()
    record(PRESETS["smoke"])
    record(PRESETS["gan-128"], model_dir="other one")
    assert parse("--model-dir", "other one").name == "gan-128"
    assert parse("--model-dir=other one").name == "gan-128"


def test_another_one_given_is_used_and_named_as_a_departure(parse, capsys):
    record(PRESETS["best-32"])
    assert parse("--preset", "smoke") == PRESETS["smoke"]
    _, note = capsys.readouterr().out.splitlines()
    known = "model/run_TrainModel.json records the preset best-32"
    assert note == f"note: {known}; this run uses smoke"
    assert parse("--preset", "best-32") == PRESETS["best-32"]
    assert "note:" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "name"),
    [("TrainModel", "best-32"), ("GANModel", "smoke"), ("GeneratePredict", "smoke")],
)
def test_the_script_itself_decides_and_then_the_one_that_ran_before_it(
    parse, script, name
):
    record(PRESETS["best-32"])
    record(PRESETS["smoke"], "GANModel")
    assert parse(script=script).name == name


def test_flags_beside_the_preset_are_not_remembered(parse):
    changed = dataclasses.replace(PRESETS["smoke"].gan, epochs=77)
    record(dataclasses.replace(PRESETS["smoke"], seed=5, gan=changed), "GANModel")
    assert parse() == PRESETS["smoke"]
    assert parse("--epochs", "3").gan.epochs == 3


def test_a_file_of_ones_own_is_remembered_when_it_has_moved(parse, folder, capsys):
    (folder / "mine.toml").write_text(TOML)
    given = find_preset("mine.toml")
    changed = dataclasses.replace(given.gan, epochs=77)
    record(dataclasses.replace(given, gan=changed))
    (folder / "mine.toml").unlink()
    found = parse(sections=("gan", "generate"))
    assert found == given and found.gan.latent_dim == 9 and found.seed == 3
    assert "preset mine.toml (recorded in " in capsys.readouterr().out


def test_a_file_of_ones_own_that_has_changed_is_said(parse, folder, capsys):
    (folder / "mine.toml").write_text(TOML)
    record(find_preset("mine.toml"))
    assert parse("--preset", "mine.toml").gan.latent_dim == 9
    assert "note:" not in capsys.readouterr().out
    (folder / "mine.toml").write_text(TOML.replace("9", "10"))
    assert parse("--preset", "mine.toml").gan.latent_dim == 10
    path = "model/run_TrainModel.json"
    said = f"note: mine.toml has changed since {path} recorded it\n"
    assert said in capsys.readouterr().out


def test_a_file_named_like_a_preset_is_not_taken_for_it(parse, folder):
    (folder / "best-32.toml").write_text(TOML)
    record(find_preset("best-32.toml"))
    assert parse().gan.latent_dim == 9


def test_a_record_of_an_earlier_version_names_a_known_preset(parse, folder):
    old = {"name": "smoke", "gan": {"epochs": 1}}
    (folder / "model" / "run_GANModel.json").write_text(json.dumps({"preset": old}))
    assert parse() == PRESETS["smoke"]
    old["name"] = "mine"
    (folder / "model" / "run_GANModel.json").write_text(json.dumps({"preset": old}))
    assert parse() == PRESETS["dcgan-32"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"preset": 1}',
        '{"preset": {"name": 1}}',
        '{"preset": {"name": "\\u001b[2J", "toml": ""}}',
        '{"preset": {"name": "x", "toml": 1}}',
        '{"preset": {"name": "x", "toml": "epochs ="}}',
        '{"preset": {"name": "x", "toml": "[gan]\\nepochs = 0"}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_record_is_a_sentence(parse, folder, capsys, text):
    path = folder / "model" / "run_TrainModel.json"
    path.write_text(text)
    with pytest.raises(InputError, match="run_TrainModel.json is damaged"):
        recall(folder / "model", "GANModel")
    with pytest.raises(SystemExit) as end:
        parse()
    assert end.value.code == 2
    sentence = capsys.readouterr().err.splitlines()[-1]
    assert "run_TrainModel.json is damaged" in sentence
    assert sentence.endswith("; name one with --preset") and sentence.isprintable()
    assert parse("--preset", "smoke") == PRESETS["smoke"]
    with pytest.raises(SystemExit) as end:
        parse("--help")
    assert end.value.code == 0
