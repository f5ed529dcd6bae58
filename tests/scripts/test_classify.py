"""GeneratePredict.py --classify: images of a person's own."""

import json
import os
import shutil
import sys

import keras
import numpy as np
import pytest
from conftest import draw_images, table

from foldergan.config.presets import PRESETS
from foldergan.data import reading
from foldergan.images import cv2

CLASSIFY = ("GeneratePredict.py", "--preset", "smoke", "--classify")
HEIGHT, WIDTH, _ = PRESETS["smoke"].data.image_shape
FILES = {"classified.csv", "classified.png"}
OF_FOLDERS = FILES | {"classified_classes.csv", "classified_confusion.png"}


@pytest.fixture
def work(finished, tmp_path):
    """A folder with a classifier and no generator, and images in mine/."""
    shutil.copytree(finished / "model", tmp_path / "model")
    for path in (tmp_path / "model").glob("generator*"):
        path.unlink()
    draw_images(tmp_path / "mine")
    return tmp_path


def written(folder) -> set[str]:
    return {path.name for path in (folder / "model").glob("classified*")}


def probabilities_of(folder, paths):
    """What plain Keras says of files."""
    model = folder / "model"
    network = keras.models.model_from_json((model / "train.json").read_text())
    network.load_weights(model / "train.h5")
    images = [cv2.imread(str(folder / path))[:, :, ::-1] for path in paths]
    images = [
        cv2.resize(i, (WIDTH, HEIGHT), None, 0, 0, cv2.INTER_AREA) for i in images
    ]
    return network.predict(np.float32(images) / 255, verbose=0)


def test_a_folder_of_classes_is_what_plain_keras_says(work, script):
    result = script(*CLASSIFY, "mine")
    assert result.code == 0, result.err
    assert written(work) == OF_FOLDERS
    rows = table(work, "classified.csv")
    assert len(rows) == 8
    assert [row["true"] for row in rows] == ["blue"] * 4 + ["red"] * 4
    names = json.loads((work / "model" / "classes.json").read_text())
    assert list(rows[0])[:4] == ["file", "true", "predicted", "confidence"]
    assert list(rows[0])[4:] == [f"p_{name}" for name in names]
    expected = probabilities_of(work, [row["file"] for row in rows])
    found = np.array([[float(row[f"p_{name}"]) for name in names] for row in rows])
    np.testing.assert_allclose(found, expected, atol=2e-6)
    predicted = [names[number] for number in expected.argmax(1)]
    assert [row["predicted"] for row in rows] == predicted
    assert [float(row["confidence"]) for row in rows] == list(found.max(1))
    right = sum(row["predicted"] == row["true"] for row in rows)
    assert f" accuracy {right / 8:.1%}" in result.out
    of_classes = table(work, "classified_classes.csv")
    assert [(row["class"], row["pictures"]) for row in of_classes] == [
        ("blue", "4"),
        ("red", "4"),
    ]
    for row in of_classes:
        of_it = [each for each in rows if each["true"] == row["class"]]
        recall = np.mean([each["predicted"] == each["true"] for each in of_it])
        assert float(row["recall"]) == recall


def test_files_are_resized_as_the_classifier_was_trained(work, script, monkeypatch):
    record = work / "model" / "run_TrainModel.json"
    content = json.loads(record.read_text())
    assert content["preset"]["data"]["resize"] == "stretch"
    content["preset"]["data"]["resize"] = "pad"
    record.write_text(json.dumps(content))
    seen, read = [], reading.read_images
    monkeypatch.setattr(
        reading, "read_images", lambda *how: seen.append(how[2]) or read(*how)
    )
    assert script(*CLASSIFY, "mine").code == 0
    record.unlink()
    assert script(*CLASSIFY, "mine").code == 0
    assert seen == ["pad", "stretch"]


def test_a_large_class_that_is_always_predicted_is_no_success(work, script):
    """A network that says blue to everything."""
    said_blue(work)
    for number in range(4, 16):
        shutil.copy(work / "mine/blue/0.png", work / f"mine/blue/{number}.png")
    result = script(*CLASSIFY, "mine")
    assert result.code == 0, result.err
    headline = next(
        line for line in result.out.splitlines() if line.startswith("images  ")
    )
    assert headline.index("balanced accuracy 50.0%") < headline.index("accuracy 80.0%")
    assert "warning: red is never predicted; its 4 images" in result.out


def said_blue(work):
    from foldergan.storage import models

    network, names, _ = models.load_classifier(work / "model")
    *weights, bias = network.get_weights()
    bias[:] = np.where(np.array(names) == "blue", 100, 0)
    network.set_weights([*weights, bias])
    models.save_classifier(work / "model", network, names, ())


def test_one_file_needs_no_folder(work, script):
    result = script(*CLASSIFY, "mine/red/0.png")
    assert result.code == 0, result.err
    (row,) = table(work, "classified.csv")
    assert row["file"] == os.path.join("mine", "red", "0.png")
    assert "true" not in row
    assert written(work) == FILES
    assert "accuracy" not in result.out


def test_strange_folders_and_files_are_named_and_left_out(work, script):
    shutil.move(work / "mine/red", work / "mine/green")
    (work / "mine/blue/notes.txt").write_text("no image")
    shutil.copy(work / "mine/green/0.png", work / "mine/loose.png")
    result = script(*CLASSIFY, "mine")
    assert result.code == 0, result.err
    assert "note: the classifier has no class green; the 4 files there" in result.out
    assert "skipped 1 of 10 files" in result.out
    assert "notes.txt is not an image" in result.out
    assert "none of these images is of red" in result.out
    rows = table(work, "classified.csv")
    assert [row["true"] for row in rows] == ["blue"] * 4 + ["green"] * 4 + [""]
    of_classes = table(work, "classified_classes.csv")
    assert [row["pictures"] for row in of_classes] == ["4", "0"]
    assert of_classes[1]["recall"] == ""


def test_no_class_folder_of_the_classifier_is_no_figure(work, script):
    for name in ("blue", "red"):
        shutil.move(work / "mine" / name, work / "mine" / f"my {name}")
    result = script(*CLASSIFY, "mine")
    assert result.code == 0, result.err
    assert "has no class my blue, my red; the 8 files" in result.out
    assert written(work) == FILES and "accuracy" not in result.out


def test_what_told_of_other_images_goes(work, script):
    assert script(*CLASSIFY, "mine").code == 0
    assert script(*CLASSIFY, "mine/blue").code == 0
    assert written(work) == FILES


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are text there")
def test_a_name_that_is_no_text_is_escaped(work, script):
    folder = os.fsencode(work / "mine" / "blue")
    os.rename(os.path.join(folder, b"0.png"), os.path.join(folder, b"\xff\x1b.png"))
    result = script(*CLASSIFY, "mine/blue")
    assert result.code == 0, result.err
    assert "\x1b" not in result.out
    rows = table(work, "classified.csv")
    assert any("\\udcff" in row["file"] for row in rows)


def empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def gone(folder):
    shutil.rmtree(folder)


def only_text(folder):
    empty(folder)
    (folder / "notes.txt").write_text("no image")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (gone, "mine does not exist; name another file or folder with --classify"),
        (empty, "mine has no files in it; name another"),
        (only_text, "no file of mine is an image that can be read; name another"),
    ],
)
def test_nothing_to_classify_is_a_sentence_and_loses_nothing(work, script, spoil, says):
    assert script(*CLASSIFY, "mine").code == 0
    before = {name: (work / "model" / name).read_bytes() for name in OF_FOLDERS}
    spoil(work / "mine")
    result = script(*CLASSIFY, "mine")
    assert result.code == 2 and "Traceback" not in result.err
    assert says in result.err
    assert before == {n: (work / "model" / n).read_bytes() for n in OF_FOLDERS}


@pytest.mark.parametrize(
    "flags",
    [("--count", 4), ("--evaluate",), ("--show",), ("--min-confidence", 0.5)],
)
def test_flags_that_do_nothing_beside_it_are_refused(work, script, flags):
    result = script(*CLASSIFY, "mine", *flags)
    assert result.code == 2
    assert f"--classify draws nothing and goes without {flags[0]}" in result.err
    assert not written(work)


def test_without_a_classifier_it_says_what_to_run(work, script):
    shutil.rmtree(work / "model")
    result = script(*CLASSIFY, "mine")
    assert result.code == 2 and "train.json not found; run: " in result.err
    assert "TrainModel.py --preset smoke" in result.err
