"""What no split may part, and splits that people have: in all three scripts."""

import json
import shutil

import numpy as np
import pytest
from conftest import NOT_COMPILED, draw_images, table

from foldergan.data import groups
from foldergan.images import cv2

pytestmark = NOT_COMPILED

TRAIN = ("TrainModel.py", "--preset", "smoke", "--epochs", "1")
DRAW = ("GANModel.py", "--preset", "smoke", "--epochs")
HELD = ("--held-out", "0.3")
BY_PATIENT = ("--group-by", r"p\d+")


def draw_patients(folder, patients=6, slices=4, seed=0):
    """Fills a dataset of two classes; slices of a patient are much alike."""
    rng = np.random.default_rng(seed)
    for name in ("ill", "well"):
        (folder / name).mkdir(parents=True)
        for patient in range(patients):
            for number in range(slices):
                coarse = rng.integers(0, 255, (9, 9, 3), np.uint8)
                path = folder / name / f"p{patient}{name[0] == 'w':d}_{number}.png"
                cv2.imwrite(str(path), cv2.resize(coarse, (32, 32)))
    return folder


def record(folder, script) -> dict:
    return json.loads((folder / "model" / f"run_{script}.json").read_text())


def test_patients_stay_whole_in_all_three_scripts(script, tmp_path, monkeypatch):
    draw_patients(tmp_path / "dataset")
    seen, split = [], groups.split

    def watch(grouping, divide):
        parts = split(grouping, divide)
        seen.append((grouping.named, parts[0]))
        return parts

    monkeypatch.setattr(groups, "split", watch)
    result = script(*TRAIN, *BY_PATIENT)
    assert result.code == 0, result.err
    assert r"12 groups by p\d+, each on one side of the split; at random" in result.out
    assert "no near duplicates" in result.out
    assert record(tmp_path, "TrainModel")["preset"]["data"]["group_by"] == r"p\d+"
    result = script(*DRAW, "1", *HELD)
    assert result.code == 0, result.err
    assert record(tmp_path, "GANModel")["preset"]["data"]["group_by"] == r"p\d+"
    drawn = script("GeneratePredict.py", "--evaluate", "--preset", "smoke")
    assert drawn.code == 0, drawn.err
    of_classifier, of_gan, of_evaluation = seen
    for named, parts in seen:
        on = [set(named[rows].tolist()) for rows in parts.values()]
        assert sum(map(len, on)) == len(set.union(*on)) == 12
    assert len(of_classifier[1]["validation"]) == 8
    np.testing.assert_array_equal(of_gan[1]["held out"], of_evaluation[1]["held out"])

    # What is held out must not change under a training that goes on.
    refused = script(*DRAW, "2", *HELD, "--resume", "--group-by", "none")
    assert refused.code == 2 and r"group_by was p\d+, is none" in refused.err
    assert script(*DRAW, "2", *HELD, "--resume").code == 0


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "group_by is no regular expression"),
        ("z", "finds no group in 8 of 8 paths, such as blue/0.png"),
        ("blue/.", "finds no group in 4 of 8 paths, such as red/0.png"),
        ("png", "finds one group only, png"),
        ("blue|red", "leave none for validation: the groups are too few"),
    ],
)
def test_an_expression_that_does_not_fit_is_refused(
    image_folder, script, tmp_path, pattern, words
):
    result = script(*TRAIN, "--group-by", pattern)
    assert result.code == 2 and words in result.err
    assert result.err.count("error: ") == 1 and "Traceback" not in result.err
    assert not (tmp_path / "model" / "train.h5").exists()


def test_arrays_without_paths_have_no_groups(image_folder, script, tmp_path):
    assert script(*TRAIN).code == 0
    (tmp_path / "img_data.txt.json").unlink()
    result = script(*DRAW, "1", *HELD, *BY_PATIENT)
    assert result.code == 2 and "made elsewhere, or not from files" in result.err


def test_near_duplicates_stay_together_unless_they_are_ignored(script, tmp_path):
    draw_patients(tmp_path / "dataset", slices=1)
    for path in list((tmp_path / "dataset").rglob("*.png")):
        pixels = cv2.imread(str(path))
        for quality in (60, 90):
            cv2.imwrite(str(path)[:-4] + f"{quality}.jpg", pixels, [1, quality])
    result = script(*TRAIN)
    assert result.code == 0, result.err
    assert "36 near duplicates in 12 groups, each on one side of the spl" in result.out
    page = (tmp_path / "model" / "report.html").read_text()
    assert "36 images look almost the same as another one" in page
    result = script(*TRAIN, "--near-duplicates", "ignore")
    assert "warning: 36 near duplicates in 12 groups; " in result.out
    assert "of 8 held-out images have one in training, so that" in result.out


# Splits that people have.


@pytest.fixture
def folders(tmp_path):
    for seed, name in enumerate(("dataset", "valid", "check")):
        draw_patients(tmp_path / name, patients=3 - seed, slices=3, seed=seed)
    return tmp_path


def test_folders_are_held_out_and_all_of_the_dataset_is_trained_on(folders, script):
    shutil.rmtree(folders / "check" / "ill")
    shutil.copy(folders / "dataset/well/p01_0.png", folders / "check/well/copy.png")
    result = script(*TRAIN, "--validation", "valid", "--test", "check")
    assert result.code == 0, result.err
    rows = table(folders, "train_evaluation.csv")
    counts = {row["part"]: row["pictures"] for row in rows}
    assert counts == {"training": "18", "validation": "12", "test": "4"}
    assert "no image of valid is in the dataset too, nor a near duplicate" in result.out
    assert "warning: of 4 images of check 1 are in the dataset too and 0" in result.out
    assert "note: it has no image of ill" in result.out
    known = record(folders, "TrainModel")
    assert known["preset"]["data"]["validation_split"] == 0
    held_out = known["held_out_folders"]
    assert held_out["validation"]["folder"] == "valid"
    assert held_out["test"]["images"] == {"ill": 0, "well": 4}
    # The arrays of the contract are of the dataset alone, and so is the GAN's training.
    assert len(np.load(folders / "img_data.txt.npy")) == 18
    result = script(*DRAW, "1")
    assert result.code == 0, result.err
    assert "the 18 images in img_data.txt.npy" in result.out
    result = script("GeneratePredict.py", "--preset", "smoke", "--count", "4")
    assert result.code == 0, result.err


def test_a_folder_takes_the_place_of_its_own_fraction_alone(folders, script):
    result = script(*TRAIN, "--test", "check")
    assert result.code == 0, result.err
    rows = table(folders, "train_evaluation.csv")
    counts = {row["part"]: row["pictures"] for row in rows}
    assert counts == {"training": "14", "validation": "4", "test": "6"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ("--test", "gone"),
            "gone does not exist; name another folder with --test",
        ),
        (("--validation", "more"), "more has the classes blue, red, and the dataset"),
        (
            ("--test", "check", "--test-split", "0.1"),
            "--test goes without",
        ),
        (("--test", "dataset"), "dataset is the dataset itself"),
    ],
)
def test_folders_that_do_not_fit_are_refused(folders, script, flags, words):
    draw_images(folders / "more")
    result = script(*TRAIN, *flags)
    assert result.code == 2 and words in result.err
    assert not (folders / "model" / "train.h5").exists()
