"""TrainModel.py --inspect, and --preset auto."""

import json

from conftest import NOT_COMPILED
from PIL import Image

from foldergan.gan import timing

pytestmark = NOT_COMPILED


def everything_in(folder) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_folder_is_inspected_and_nothing_is_written(
    script, image_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(timing, "_SECONDS", 0.0)
    monkeypatch.setattr(timing, "_BATCHES", 4)
    before = everything_in(tmp_path)
    result = script("TrainModel.py", "--inspect", "--dataset", "dataset")
    assert result.code == 0, result.err
    assert everything_in(tmp_path) == before
    assert "TrainModel.py: inspecting dataset\n" in result.out
    assert "dataset: 8 images in 2 classes\n  blue 4, red 4\n" in result.out
    assert "preset that fits: dcgan-32, for the images are small" in result.out
    train, draw, predict = result.out.splitlines()[-3:]
    assert "TrainModel.py --preset dcgan-32 --dataset dataset  (" in train
    assert "GANModel.py --preset dcgan-32  (" in draw
    assert "GeneratePredict.py --preset dcgan-32  (" in predict
    assert all("minute" in line or "hour" in line for line in (train, draw, predict))


def test_a_split_is_named_with_the_right_command(script, image_folder, tmp_path):
    (tmp_path / "images").mkdir()
    image_folder.rename(tmp_path / "images" / "train")
    (tmp_path / "images" / "val").mkdir()
    result = script("TrainModel.py", "--inspect", "--dataset", "images")
    assert result.code == 2
    assert "with --dataset images/train --validation images/val" in result.err


def test_auto_takes_and_records_the_preset_that_fits(script, image_folder, tmp_path):
    more = ("--epochs", "1", "--filters", "4", "--dense-units", "4")
    result = script("TrainModel.py", "--preset=auto", *more)
    assert result.code == 0, result.err
    assert "preset auto: dcgan-32, for the images are small" in result.out
    record = json.loads((tmp_path / "model" / "run_TrainModel.json").read_text())
    assert record["preset"]["name"] == "dcgan-32"


def test_auto_says_so_where_there_is_nothing_to_classify(script, tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "0.png")
    result = script("TrainModel.py", "--preset", "auto", "--dataset", "images")
    assert result.code == 2
    assert "GANModel.py --preset gan-128 --dataset images" in result.err
