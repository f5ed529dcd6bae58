"""TrainModel.py --augment-with: more to train on, the same to measure by."""

import json

import numpy as np
import pytest
from conftest import NOT_COMPILED, draw_images, table
from tiny_backbone import save_tiny

from foldergan.images import cv2

pytestmark = NOT_COMPILED

TRAIN = ("TrainModel.py", "--preset", "smoke")


@pytest.fixture
def more(image_folder):
    folder = draw_images(image_folder.parent / "more")
    for path in folder.rglob("*.png"):
        cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
    return folder


def test_they_are_trained_on_and_neither_held_out_nor_in_the_arrays(
    more, script, tmp_path
):
    flags = [f"--backbone={save_tiny(tmp_path)}"]
    assert script(*TRAIN, *flags).code == 0
    path = tmp_path / "model" / "run_TrainModel.json"
    assert "augmented_with" not in json.loads(path.read_text())
    assert not (tmp_path / "extra_images").exists()
    plain = (tmp_path / "model" / "train.h5").read_bytes()
    files = [tmp_path / f"img_{name}.txt.npy" for name in ("data", "label")]
    before = [path.read_bytes() for path in files]
    features = set(tmp_path.glob("features-*"))
    result = script(*TRAIN, *flags, "--augment-with", "more")
    assert result.code == 0, result.err
    assert "8 of more are added to the training" in result.out
    assert [path.read_bytes() for path in files] == before
    rows = {row["part"]: row for row in table(tmp_path, "train_evaluation.csv")}
    assert (
        rows["training"]["pictures"] == "14" and rows["validation"]["pictures"] == "2"
    )
    assert (tmp_path / "model" / "train.h5").read_bytes() != plain
    assert json.loads(path.read_text())["augmented_with"] == {
        "folder": "more",
        "images": {"blue": 4, "red": 4},
        "export": None,
    }
    # The dataset's features were found again.
    assert len(features) == 1 and features < set(tmp_path.glob("features-*"))
    assert script("GANModel.py", "--preset", "smoke").code == 0
    assert np.load(files[0]).shape[0] == 8


@pytest.mark.parametrize(("name", "words"), [("gone", "gone does not exist"), ("", "")])
def test_what_does_not_fit_is_refused(more, script, tmp_path, name, words):
    if not name:
        (more / "red").rename(more / "green")
    result = script(*TRAIN, "--augment-with", name or "more")
    assert result.code == 2 and result.err.count("\n") == 1
    assert (words or "more has the class green") in result.err
    assert result.err.endswith("name another folder with --augment-with\n")
    assert not (tmp_path / "model" / "train.h5").exists()
