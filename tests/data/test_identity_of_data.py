"""A training goes on with the data that it began with, all of it, or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest

from foldergan.config.settings import Data
from foldergan.data import dataset
from foldergan.errors import InputError
from foldergan.images import cv2
from foldergan.storage import arrays, checkpoint, filenames

SHAPE = (8, 8, 3)
OF_EACH = 80  # more than 64 in all: a sample of them told nothing of the others


@pytest.fixture
def folder(tmp_path) -> Path:
    """Images of two classes, and their arrays."""
    rng = np.random.default_rng(0)
    for name in ("blue", "red"):
        (tmp_path / "dataset" / name).mkdir(parents=True)
        for number in range(OF_EACH):
            pixels = rng.integers(0, 255, SHAPE, np.uint8)
            cv2.imwrite(str(tmp_path / "dataset" / name / f"{number:02}.png"), pixels)
    build(tmp_path)
    return tmp_path


def build(folder: Path) -> None:
    dataset.build(folder / "dataset", folder, Data(image_shape=SHAPE))


def state(folder: Path) -> checkpoint.Checkpoint:
    images = arrays.load_images(folder)
    arrays.load_labels(folder, len(images))
    return checkpoint.Checkpoint(folder, {"seed": 0, "data": arrays.identify(folder)})


def blacken(folder: Path) -> None:
    """Blackens one image that is in no evenly spread sample of 64."""
    row = np.setdiff1d(np.arange(2 * OF_EACH), np.linspace(0, 159, 64).astype(int))[0]
    path = folder / "dataset" / "blue" / f"{row:02}.png"
    cv2.imwrite(str(path), np.zeros(SHAPE, np.uint8))
    build(folder)


def swap_files(folder: Path) -> None:
    """Swaps files of the two classes, by their names."""
    for number in range(OF_EACH):
        one, other = (
            folder / "dataset" / n / f"{number:02}.png" for n in ("blue", "red")
        )
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    build(folder)


def rename_class(folder: Path) -> None:
    """Renames a class; images and labels stay as they are, to the last bit."""
    (folder / "dataset" / "red").rename(folder / "dataset" / "scarlet")
    build(folder)


def permute_labels(folder: Path) -> None:
    labels = np.load(folder / filenames.LABELS)
    np.save(folder / filenames.LABELS, labels[::-1])


@pytest.mark.parametrize(
    ("change", "is_recorded"),
    [(change, True) for change in (blacken, swap_files, rename_class)]
    + [(change, False) for change in (blacken, swap_files, permute_labels)],
)
def test_data_that_has_changed_is_refused(folder, change, is_recorded):
    if not is_recorded:
        (folder / filenames.ORIGIN).unlink()
    state(folder).save({})
    change(folder)
    if not is_recorded:
        (folder / filenames.ORIGIN).unlink(missing_ok=True)
    with pytest.raises(InputError, match="images, labels or class names are others"):
        state(folder).load()


def test_the_same_data_goes_on_wherever_it_lies(folder):
    state(folder).save({})
    for name in (filenames.IMAGES, filenames.LABELS):  # copied: another time of change
        (folder / name).write_bytes((folder / name).read_bytes())
    assert state(folder).load() == {}
    build(folder)
    assert state(folder).load() == {}


def test_data_without_labels_has_an_identity(folder):
    known = arrays.identify(folder)
    (folder / filenames.ORIGIN).unlink()
    (folder / filenames.LABELS).unlink()
    assert arrays.identify(folder).startswith("160x8x8x3 ") and known.count(" ") == 1
    assert arrays.identify(folder) != known


def test_a_state_that_knew_a_sample_of_the_data_is_refused(folder):
    old = {"seed": 0, "pictures": "160x8x8x3 00aabbcc"}
    checkpoint.Checkpoint(folder, old).save({})
    with pytest.raises(InputError, match="earlier version, which recorded a sample"):
        state(folder).load()


@pytest.mark.parametrize(
    ("of_images", "of_record", "is_read"),
    [
        (0, 1, False),  # the record is later, as far as the clock can tell
        (2, 1, True),
        (0, 0, True),  # another file of this size could be of the same moment
    ],
)
def test_images_that_lie_as_they_were_made_are_not_read_again(
    folder, monkeypatch, of_images, of_record, is_read
):
    read, from_file = [], np.fromfile
    monkeypatch.setattr(np, "fromfile", lambda *a: read.append(a) or from_file(*a))
    made = (folder / filenames.IMAGES).stat().st_mtime_ns
    for name, seconds in ((filenames.IMAGES, of_images), (filenames.ORIGIN, of_record)):
        os.utime(folder / name, ns=(made, made + seconds * 10**9))
    arrays.load_images(folder)
    assert bool(read) == is_read
