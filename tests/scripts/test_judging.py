"""GeneratePredict.py as a judge of what a generator draws."""

import csv
import json
import shutil

import numpy as np
import pytest
from conftest import draw_images, run_here

from foldergan.images import cv2

PREDICT = ("GeneratePredict.py", "--preset", "smoke")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a classifier and a GAN of both classes, half of it held out."""
    folder = tmp_path_factory.mktemp("trained")
    draw_images(folder / "dataset")
    for name in ("4", "5", "6"):
        for of_class in ("blue", "red"):
            some = folder / "dataset" / of_class
            shutil.copy(some / "0.png", some / f"{name}.png")
    for command in (
        ("TrainModel.py",),
        ("GANModel.py", "--conditioning", "class", "--held-out", "0.5"),
    ):
        assert run_here(folder, *command, "--preset", "smoke") == 0
    return folder


@pytest.fixture
def work(trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


def table(path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_these_images_are_evaluated_as_the_saves_of_the_training_were(work, script):
    result = script(*PREDICT, "--per-class", 6, "--evaluate")
    assert result.code == 0, result.err
    model = work / "model"
    (row,) = table(model / "predictions_quality.csv")
    trained = table(model / "gan_quality.csv")[0]
    assert set(row) == set(trained) - {"epoch", "kernel_distance_error"}
    assert row["extractor"] == trained["extractor"]
    assert (row["real"], row["fake"]) == (trained["real"], "12")
    assert "too few to tell whether images are copied" in result.out
    assert "KID" in result.out
    page = cv2.imread(str(model / "predictions_nearest.png"))
    assert page is not None
    predictions = table(model / "predictions.csv")
    assert len(predictions) == 12
    files = (work / "img_files.txt").read_text().splitlines()
    for each in predictions:
        assert each["nearest_file"] == files[int(each["nearest_training"])]
        assert float(each["nearest_distance"]) > 0


def test_each_class_is_drawn_as_often_and_counted_in_a_matrix(work, script):
    result = script(*PREDICT, "--per-class", 30)
    assert result.code == 0, result.err
    rows = table(work / "model" / "predictions.csv")
    assert [row["intended"] for row in rows] == ["blue", "red"] * 30
    assert [row["picture"] for row in rows] == [str(n) for n in range(1, 61)]
    (line,) = (x for x in result.out.splitlines() if x.startswith("blue     "))
    counts = list(map(int, line.split()[1:]))
    said = [row["predicted"] for row in rows if row["intended"] == "blue"]
    assert counts == [said.count("blue"), said.count("red")]
    assert (work / "model" / "predictions_confusion.png").is_file()


def test_what_is_of_other_images_does_not_stay(work, script):
    quality = work / "model" / "predictions_quality.csv"
    assert script(*PREDICT, "--evaluate").code == 0
    assert quality.is_file()
    assert script(*PREDICT).code == 0
    assert not quality.exists()


def test_each_image_is_a_file_of_its_number(work, script):
    result = script(*PREDICT, "--save-images", "drawn/today", "--count", 3)
    assert result.code == 0, result.err
    names = sorted(path.name for path in (work / "drawn" / "today").iterdir())
    assert names == [f"generated_00000{number}.png" for number in (1, 2, 3)]
    image = cv2.imread(str(work / "drawn" / "today" / names[0]))
    assert image.shape == (32, 32, 3)


def test_a_folder_of_other_images_is_left_alone(work, script):
    result = script(*PREDICT, "--save-images", "dataset")
    assert result.code == 2
    assert "folder dataset is not empty; name another folder with --save" in result.err
    assert not (work / "model" / "predictions.csv").exists()


def test_other_images_than_those_trained_on_are_refused(work, script):
    images = np.load(work / "img_data.txt.npy")
    np.save(work / "img_data.txt.npy", 1 - images)
    (work / "img_data.txt.json").unlink()  # it has the checksums of the others
    result = script(*PREDICT, "--evaluate")
    assert result.code == 2 and "trained on other images, labels or class" in result.err
    record = json.loads((work / "model" / "run_GANModel.json").read_text())
    del record["data"]  # as of version 0.2
    (work / "model" / "run_GANModel.json").write_text(json.dumps(record))
    assert script(*PREDICT, "--evaluate").code == 0


@pytest.mark.parametrize("content", [None, "[", "{}"])
def test_a_training_that_is_not_recorded_is_named(work, script, content):
    path = work / "model" / "run_GANModel.json"
    path.unlink() if content is None else path.write_text(content)
    result = script(*PREDICT, "--evaluate")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "run_GANModel.json" in result.err and "/GANModel.py" in result.err


def test_too_few_images_are_not_compared(work, script):
    result = script(*PREDICT, "--evaluate", "--count", 3)
    assert result.code == 2 and "change --count" in result.err


def test_without_held_out_images_there_is_a_page_and_no_figures(work, script):
    result = script("GANModel.py", "--preset", "smoke", "--conditioning", "class")
    assert result.code == 0, result.err
    result = script(*PREDICT, "--evaluate")
    assert result.code == 0, result.err
    assert "held out too few" in result.out
    assert (work / "model" / "predictions_nearest.png").is_file()
    assert not (work / "model" / "predictions_quality.csv").exists()


def test_a_number_for_each_class_needs_a_generator_with_classes(work, script):
    assert script("GANModel.py", "--preset", "smoke").code == 0
    result = script(*PREDICT, "--per-class", 3)
    assert result.code == 2 and "leave out --per-class" in result.err
