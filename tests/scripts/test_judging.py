"""GeneratePredict.py as a judge of what a generator draws."""

import json

import numpy as np
from conftest import NOT_COMPILED, table, trained_by

from foldergan.images import cv2

pytestmark = NOT_COMPILED

PREDICT = ("GeneratePredict.py", "--preset", "smoke")
GAN = ("GANModel.py", "--conditioning", "class")
once_trained, trained = trained_by(
    ("TrainModel.py",), (*GAN, "--held-out", "0.5"), blue=7, red=7
)


def test_these_images_are_evaluated_as_the_saves_of_the_training_were(trained, script):
    result = script(*PREDICT, "--per-class", 6, "--evaluate")
    assert result.code == 0, result.err
    model = trained / "model"
    (row,) = table(trained, "predictions_quality.csv")
    before = table(trained, "gan_quality.csv")[0]
    assert set(row) == set(before) - {"epoch", "kernel_distance_error"}
    assert row["extractor"] == before["extractor"]
    assert (row["real"], row["fake"]) == (before["real"], "12")
    assert "too few to tell whether images are copied" in result.out
    assert "KID" in result.out
    page = cv2.imread(str(model / "predictions_nearest.png"))
    assert page is not None
    predictions = table(trained, "predictions.csv")
    assert len(predictions) == 12
    files = (trained / "img_files.txt").read_text().splitlines()
    for each in predictions:
        assert each["nearest_file"] == files[int(each["nearest_training"])]
        assert float(each["nearest_distance"]) > 0


def test_each_class_is_drawn_as_often_and_counted_in_a_matrix(trained, script):
    result = script(*PREDICT, "--per-class", 30)
    assert result.code == 0, result.err
    rows = table(trained, "predictions.csv")
    assert [row["intended"] for row in rows] == ["blue", "red"] * 30
    assert [row["picture"] for row in rows] == [str(n) for n in range(1, 61)]
    (line,) = (x for x in result.out.splitlines() if x.startswith("blue     "))
    counts = list(map(int, line.split()[1:]))
    said = [row["predicted"] for row in rows if row["intended"] == "blue"]
    assert counts == [said.count("blue"), said.count("red")]
    assert (trained / "model" / "predictions_confusion.png").is_file()


def test_what_is_of_other_images_does_not_stay(trained, script):
    quality = trained / "model" / "predictions_quality.csv"
    assert script(*PREDICT, "--evaluate").code == 0
    assert quality.is_file()
    assert script(*PREDICT).code == 0
    assert not quality.exists()


def test_each_image_is_a_file_of_its_number(trained, script):
    result = script(*PREDICT, "--save-images", "drawn/today", "--count", 3)
    assert result.code == 0, result.err
    names = sorted(path.name for path in (trained / "drawn" / "today").iterdir())
    assert names == [f"generated_00000{number}.png" for number in (1, 2, 3)]
    image = cv2.imread(str(trained / "drawn" / "today" / names[0]))
    assert image.shape == (32, 32, 3)


def test_a_folder_of_other_images_is_left_alone(trained, script):
    result = script(*PREDICT, "--save-images", "dataset")
    assert result.code == 2
    assert "folder dataset is not empty; name another folder with --save" in result.err
    assert not (trained / "model" / "predictions.csv").exists()


def test_other_images_than_those_trained_on_are_refused(trained, script):
    images = np.load(trained / "img_data.txt.npy")
    np.save(trained / "img_data.txt.npy", 1 - images)
    (trained / "img_data.txt.json").unlink()  # it has the checksums of the others
    result = script(*PREDICT, "--evaluate")
    assert result.code == 2 and "trained on other images, labels or class" in result.err
    record = json.loads((trained / "model" / "run_GANModel.json").read_text())
    del record["data"]  # as of version 0.2
    (trained / "model" / "run_GANModel.json").write_text(json.dumps(record))
    assert script(*PREDICT, "--evaluate").code == 0


def test_a_training_that_is_not_recorded_is_named(trained, script):
    (trained / "model" / "run_GANModel.json").write_text("[")
    result = script(*PREDICT, "--evaluate")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "run_GANModel.json" in result.err and "/GANModel.py" in result.err


def test_too_few_images_are_not_compared(trained, script):
    result = script(*PREDICT, "--evaluate", "--count", 3)
    assert result.code == 2 and "change --count" in result.err


def test_without_held_out_images_there_is_a_page_and_no_figures(trained, script):
    result = script(*GAN, "--preset", "smoke")
    assert result.code == 0, result.err
    result = script(*PREDICT, "--evaluate")
    assert result.code == 0, result.err
    assert "held out too few" in result.out
    assert (trained / "model" / "predictions_nearest.png").is_file()
    assert not (trained / "model" / "predictions_quality.csv").exists()
