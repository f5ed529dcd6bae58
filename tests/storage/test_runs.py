"""What is recorded of runs, and what is said of two that do not go together."""

import json
from dataclasses import replace

import keras
import pytest

from foldergan.config.presets import find_preset
from foldergan.config.settings import GAN
from foldergan.data import training_set
from foldergan.errors import InputError
from foldergan.storage import models, run_directory
from foldergan.storage.run_directory import RunDirectory


def save(folder, script, data):
    preset = find_preset("smoke")
    about = {} if data is None else {"data": data}
    RunDirectory(folder).save_run(script, preset, {}, "auto", **about)


@pytest.mark.parametrize(
    ("of_classifier", "of_generator", "is_said"),
    [
        ("8x32x32x3 00aa", "8x32x32x3 00aa", False),
        ("8x32x32x3 00aa", "8x32x32x3 00bb", True),
        ("8x32x32x3 00aa", "9x32x32x3 00aa", True),
        ("8x64x64x3 00aa", "8x32x32x3 00bb", False),  # resized: there is no telling
        ("8x64x64x3 00aa", "9x32x32x3 00bb", True),
        (None, "8x32x32x3 00aa", False),
        ("8x32x32x3 00aa", None, False),
        (3, "8x32x32x3 00aa", False),
    ],
)
def test_networks_of_other_data_are_warned_of(
    tmp_path, capsys, of_classifier, of_generator, is_said
):
    RunDirectory(tmp_path).warn_of_other_data(
        tmp_path / "g.h5"
    )  # where nothing is recorded
    save(tmp_path, "TrainModel", of_classifier)
    save(tmp_path, "GANModel", of_generator)
    RunDirectory(tmp_path).warn_of_other_data(tmp_path / "g.h5")
    assert ("trained on other images" in capsys.readouterr().out) is is_said


@pytest.mark.parametrize(
    ("saved", "now", "says"),
    [
        ({"keras": "3.1", "numpy": "2"}, {"keras": "3.1", "numpy": "2"}, None),
        ({"keras": "3.1"}, {"keras": "3.2"}, "keras was 3.1, is 3.2\n"),
        ({"keras": "3.1"}, {"keras": "3.1", "jax": "1"}, None),  # not known then
        ({"keras": "3\x1b"}, {"keras": "3.2"}, None),  # what a terminal would obey
    ],
)
def test_only_versions_that_have_changed_are_said(tmp_path, capsys, saved, now, says):
    RunDirectory(tmp_path).save_run("GANModel", find_preset("smoke"), saved, "auto")
    RunDirectory(tmp_path).warn_of_other_versions("GANModel", now)
    said = capsys.readouterr().out
    assert said.endswith(says) if says else not said


@pytest.mark.parametrize(
    ("name", "value"),
    [("data", 3), ("seed", 2**31), ("seed", -1), ("seed", 1.0), ("seed", True)],
)
def test_what_is_no_record_of_a_training_is_refused(name, value):
    known = {"image_shape": [8, 8, 3], "held_out": 0.2, "data": "a", "seed": 0}
    assert run_directory.read_training(known)["image_shape"] == (8, 8, 3)
    assert run_directory.read_training(known | {"seed": 2**31 - 1})["seed"] == 2**31 - 1
    of_old = {n: v for n, v in known.items() if n != "data"} | {
        "pictures": "4x8x8x3 00"
    }
    assert run_directory.read_training(of_old) is None
    with pytest.raises(ValueError, match="no record of a training"):
        run_directory.read_training(known | {name: value})


@pytest.mark.parametrize(
    ("given", "allowed", "kept"),
    [
        ("auto", ("float32", "bfloat16"), "bfloat16"),
        ("auto", ("float32",), None),  # as the user says now
        ("bfloat16", ("float32", "bfloat16"), None),  # that was no choice of auto's
    ],
)
def test_auto_keeps_what_it_chose_where_it_still_may(tmp_path, given, allowed, kept):
    preset = find_preset("smoke")
    in_bfloat16 = replace(preset, gan=replace(preset.gan, precision="bfloat16"))
    RunDirectory(tmp_path).save_run("GANModel", in_bfloat16, {}, given)
    now = replace(preset, gan=replace(preset.gan, auto_precisions=allowed))
    assert RunDirectory(tmp_path).chosen_before("GANModel", now) == kept
    assert (
        RunDirectory(tmp_path).chosen_before("GANModel", replace(now, seed=1)) is None
    )


def test_a_record_tells_of_the_generators_of_its_training_only(tmp_path):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    own, other = tmp_path / "own.h5", tmp_path / "other.h5"
    for path, training in ((own, "now"), (other, "before")):
        models.save_model(path, network, {"training": training})
    in_bfloat16 = replace(find_preset("smoke").gan, precision="bfloat16")
    preset = replace(find_preset("smoke"), gan=in_bfloat16)
    about = {"data": "8x32x32x3 00aa", "training": "now"}
    RunDirectory(tmp_path).save_run("GANModel", preset, {}, "auto", **about)
    assert run_directory.describe_training(own)["data"] == "8x32x32x3 00aa"
    assert run_directory.describe_training(other) is None
    assert run_directory.precision_of_generator(own) == "bfloat16"
    assert run_directory.precision_of_generator(other) == "float32"
    with pytest.raises(InputError, match="other.h5 is of another training"):
        training_set.of_generator(other, tmp_path)


def test_records_of_before_there_was_a_resize_are_read(tmp_path):
    path = tmp_path / "run_GANModel.json"
    section = {"image_shape": [64, 64, 3], "held_out": 0.1}
    names = ("image_shape", "held_out", "resize")
    for more, expected in (({}, None), ({"resize": "crop"}, "crop")):
        path.write_text(json.dumps({"preset": {"gan": section | more, "seed": 3}}))
        found, seed = RunDirectory(tmp_path).load_settings("GANModel", GAN(), names)
        assert (found.resize, found.held_out, seed) == (expected, 0.1, 3)
