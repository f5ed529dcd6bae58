"""Images of another folder: read beside the arrays, trained on, never held out."""

import json
import shutil

import numpy as np
import pytest
from conftest import draw_images

from foldergan.config.settings import Data
from foldergan.data import dataset, extra_images, splits
from foldergan.errors import InputError
from foldergan.images import Joined
from foldergan.storage import arrays, filenames

SHAPE = (8, 8, 3)
NAMES = ["amber", "blue", "red"]
IMAGES = np.random.default_rng(0).random((60, *SHAPE), np.float32)
LABELS = np.eye(3, dtype=np.float32)[np.arange(60) % 3]


def load(folder, tmp_path, strict=False, option="augment_with"):
    own_dir = (
        tmp_path / (filenames.HELD_OUT | {"augment_with": filenames.EXTRA})[option]
    )
    return extra_images.load(folder, own_dir, NAMES, SHAPE, strict, option)


def test_joined_arrays_are_read_as_one():
    parts = IMAGES[:3], IMAGES[3:10], IMAGES[10:]
    joined = Joined(*parts)
    assert joined.shape == IMAGES.shape and len(joined) == 60
    for rows in (np.arange(60), np.array([[29, 0], [3, 9], [2, 10]]), np.arange(0)):
        read = joined[rows]
        np.testing.assert_array_equal(read, IMAGES[rows])
        assert read.dtype == np.float32


def test_columns_are_those_of_the_dataset_and_its_arrays_stay_as_they_are(tmp_path):
    np.save(tmp_path / filenames.IMAGES, IMAGES)
    before = (tmp_path / filenames.IMAGES).read_bytes()
    extra = load(draw_images(tmp_path / "more"), tmp_path)
    assert extra.images.shape == (8, *SHAPE)
    assert extra.labels.argmax(1).tolist() == [1] * 4 + [2] * 4
    assert (extra.images[extra.labels[:, 2] == 1].mean((0, 1, 2)).argmax()) == 0
    assert extra.about["images"] == {"amber": 0, "blue": 4, "red": 4}
    assert extra.about["export"] is None and extra.trained_on is None
    assert (tmp_path / filenames.IMAGES).read_bytes() == before
    assert not (tmp_path / filenames.LABELS).exists()


def test_they_are_resized_as_those_of_the_dataset_were(tmp_path):
    images = draw_images(tmp_path / "dataset")
    dataset.build(images, tmp_path, Data(image_shape=SHAPE, resize="pad"))
    load(draw_images(tmp_path / "more"), tmp_path)
    assert arrays.load_source(tmp_path / filenames.EXTRA).resize == "pad"


def test_one_class_alone_can_be_added(tmp_path):
    folder = draw_images(tmp_path / "more")
    shutil.rmtree(folder / "blue")
    assert load(folder, tmp_path).labels.tolist() == [[0, 0, 1]] * 4


@pytest.mark.parametrize(
    ("renamed", "words"),
    [
        ({"red": "green"}, "class green, and the dataset has amber, blue, red only"),
        ({"red": "green", "blue": "azure"}, "has the classes azure, green, and"),
    ],
)
@pytest.mark.parametrize("option", ["augment_with", "test"])
def test_other_classes_are_refused_before_anything_is_read(
    tmp_path, renamed, words, option
):
    folder = draw_images(tmp_path / "more")
    for before, after in renamed.items():
        (folder / before).rename(folder / after)
    with pytest.raises(InputError, match=words) as error:
        load(folder, tmp_path, option=option)
    assert error.value.options == (option,)
    assert [path.name for path in tmp_path.iterdir()] == ["more"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="gone does not exist") as error:
        load(tmp_path / "gone", tmp_path)
    assert error.value.options == ("augment_with",)


def test_an_unreadable_file_is_an_error_where_asked(tmp_path):
    folder = draw_images(tmp_path / "more")
    (folder / "red" / "bad.png").write_text("no image")
    assert len(load(folder, tmp_path).images) == 8
    with pytest.raises(InputError, match=r"bad\.png"):
        load(folder, tmp_path, strict=True)


@pytest.mark.parametrize(
    ("part", "option", "test_split"),
    [("training", "augment_with", 0.2), ("test", "test", 0.0)],
)
def test_they_are_added_to_one_part_and_no_other_has_one(
    tmp_path, part, option, test_split
):
    extra = load(draw_images(tmp_path / "more"), tmp_path, option=option)
    rows = splits.split_in_three(LABELS, Data(test_split=test_split), 0)
    data = splits.LabelledImages(IMAGES, LABELS, rows)
    data = extra_images.add(extra, part, data)
    images, labels, joined = data.images, data.labels, data.rows
    added = joined.pop(part)[len(rows[part]) :]
    assert added.tolist() == list(range(60, 68))
    np.testing.assert_array_equal(images[added], extra.images)
    np.testing.assert_array_equal(labels[added], extra.labels)
    for other, numbers in joined.items():
        np.testing.assert_array_equal(numbers, rows[other])
        np.testing.assert_array_equal(images[numbers], IMAGES[numbers])


# What the generator has seen.


@pytest.fixture
def said(tmp_path, capsys):
    """What is said of a generator that was trained with these held out."""
    folder = draw_images(tmp_path / "more")

    def said(held_out, seed=0, identity="own", image_shape=None, split=0.2):
        trained_on = {
            "data": identity,
            "image_shape": image_shape,
            "held_out": held_out,
            "seed": seed,
            "group_by": "none",
            "near_duplicates": "keep-together",
        }
        record = {"made_from": {"seed": 5}, "about": {"trained_on": trained_on}}
        path = folder / "export.json"
        path.write_text(json.dumps(record | {"state": {}}))
        extra = load(folder, tmp_path)
        assert extra.about["export"] == {"seed": 5}
        capsys.readouterr()
        rows = splits.split_in_three(LABELS, Data(validation_split=split), 0)
        data = splits.LabelledImages(IMAGES, LABELS, rows)
        extra_images.warn_of_leak(extra, tmp_path, "own", data)
        return capsys.readouterr().out

    return said


def test_a_generator_that_has_seen_what_is_held_out_is_warned_of(said):
    assert "trained on 12 of the 12 images that are held out here" in said(0.0)
    assert "trained on 6 of the 12" in said(0.1)
    assert "warning" in said(0.2, seed=1)


def test_the_same_held_out_for_both_is_no_leak(said):
    assert said(0.2) == "" == said(0.3)


def test_other_images_are_no_leak(said):
    assert said(0.0, identity="other") == ""


def test_the_same_images_at_another_size_are(said):
    assert "12 of the 12" in said(0.0, image_shape=[4, 4, 3])


def test_an_export_that_was_stopped_is_warned_of(tmp_path, capsys):
    folder = draw_images(tmp_path / "more")
    record = {"made_from": {}, "about": {}, "state": {}}
    (folder / "export.json").write_text(json.dumps(record))
    load(folder, tmp_path)
    assert "has not come to its end" in capsys.readouterr().out
    (folder / "SHA256SUMS").touch()
    load(folder, tmp_path)
    assert "has not come to its end" not in capsys.readouterr().out


def test_it_is_read_once(tmp_path, capsys):
    folder = draw_images(tmp_path / "more")
    load(folder, tmp_path)
    capsys.readouterr()
    load(folder, tmp_path)
    assert "not read again" in capsys.readouterr().out
    dataset.build(folder, tmp_path, Data(image_shape=SHAPE))
    assert "not read again" not in capsys.readouterr().out


# What is held out from a folder of its own.


def test_what_is_in_the_dataset_too_is_counted(tmp_path, capsys):
    folder = draw_images(tmp_path / "more")
    extra = load(folder, tmp_path, option="test")
    own_dir = tmp_path / filenames.HELD_OUT["test"]
    capsys.readouterr()
    extra_images.warn_of_duplicates(extra, own_dir, IMAGES, "one")
    assert f"no image of {folder} is in the dataset too, nor" in capsys.readouterr().out
    images = np.concatenate([IMAGES, extra.images[:3]])
    images[-1] = 0.9 * images[-1] + 0.05  # a little less contrast
    for _ in range(2):  # found, and found again
        extra_images.warn_of_duplicates(extra, own_dir, images, "other")
        said = capsys.readouterr().out
        counts = f"of 8 images of {folder} 2 are in the dataset too and 1 have"
        assert counts in said
