"""What is said of generated images, and of files, which are read in batches."""

import os

import numpy as np
import pytest
from conftest import draw_images

from foldergan.classifier.image_files import ImageFiles
from foldergan.classifier.predictions import Classified, Predictions
from foldergan.config.settings import Data
from foldergan.data import dataset
from foldergan.storage import arrays

SHAPE = (8, 8, 3)


def many_files(folder, count=300):
    """Links to one image, all but each tenth, which is none."""
    images = draw_images(folder / "drawn")
    (folder / "mine" / "red").mkdir(parents=True)
    (folder / "text").write_text("no image")
    for number in range(count):
        target = folder / "text" if number % 10 == 9 else images / "red" / "0.png"
        os.link(target, folder / "mine" / "red" / f"{number:04}.png")
    return ImageFiles(folder / "mine")


def test_no_more_than_a_batch_is_kept(tmp_path):
    files = many_files(tmp_path)
    sizes, numbers = [], []
    for some, images in files.batches((128, 128, 3), 16):
        assert images.shape == (len(some), 128, 128, 3)
        sizes.append(len(some))
        numbers += some.tolist()
    assert max(sizes) < 24 and len(sizes) > 10
    assert numbers == [n for n in range(300) if n % 10 != 9]
    assert len(files.skipped) == 30
    assert files.skipped[0].startswith(files.paths[9])


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_files_are_resized_as_arrays_are(tmp_path, how):
    folder = draw_images(tmp_path / "mine")
    dataset.build(folder, tmp_path, Data(image_shape=SHAPE, resize=how))
    [(_, found)] = ImageFiles(folder).batches(SHAPE, 99, how)
    np.testing.assert_array_equal(found, arrays.load_images(tmp_path))


def test_the_sheet_shows_images_of_all_folders(tmp_path):
    draw_images(tmp_path)
    files = ImageFiles(tmp_path)
    found = Classified(files, ["red", "blue"], shown=4)
    for numbers, images in files.batches(SHAPE, 1):
        found.add(numbers, images, np.tile([[0.75, 0.25]], (len(numbers), 1)))
    assert [row["intended"] for row in found.rows] == ["blue", "blue", "red", "red"]
    assert len(found.images) == 4
    assert found.figures().matrix.tolist() == [[4, 0], [4, 0]]
    lines = found.as_text().splitlines()
    assert len(lines) == 9 and lines[-1] == "in all: red 8"


def test_of_many_files_only_the_sum_is_printed(tmp_path):
    files = many_files(tmp_path, count=40)
    found = Classified(files, ["red", "blue"], shown=4)
    for numbers, images in files.batches(SHAPE, 1):
        found.add(numbers, images, np.tile([[0.75, 0.25]], (len(numbers), 1)))
    assert found.as_text() == "in all: red 36"


# Of generated images.


@pytest.mark.parametrize(("count", "more"), [(49, None), (50, "... and 1 more")])
def test_long_tables_are_cut_and_counted_in_full(count, more):
    found = Predictions(["a", "b"], kept=100)
    for some in np.array_split(np.tile([[0.25, 0.75]], (count, 1)), 3):
        found.add(some, None)
    lines = found.as_text()
    assert lines.count("75.00%") == 49
    assert lines.endswith(f"in all: b {count}")
    assert found.counts() == [("", "b", count)]
    assert more is None or more in lines


NAMES = ["a", "long"]


def test_predictions_that_stream_by_are_numbered_counted_and_the_first_kept():
    found = Predictions(NAMES, kept=3)
    said = np.array([[0.9, 0.1], [0.2, 0.8]])
    found.add(said, np.array([0, 0]))
    rows = found.add(said, np.array([1, 1]))
    assert rows[1] == {
        **{"picture": 4, "intended": "long", "predicted": "long", "probability": 0.8},
        **{"p_a": 0.2, "p_long": 0.8},
    }
    assert [row["picture"] for row in found.rows] == [1, 2, 3]
    assert [row["intended"] for row in found.rows] == ["a", "a", "long"]
    assert found.matrix.tolist() == [[1, 1], [1, 1]]
    assert set(found.counts()) == {(a, b, 1) for a in NAMES for b in NAMES}
    found.add(said[:1], np.array([1]))
    assert found.as_text().splitlines()[-4:] == [
        "as intended: 2 of 5, 40%",
        "intended, predicted as  a  long",
        "a                       1     1",
        "long                    2     1",
    ]


def test_only_classes_that_were_intended_have_a_line():
    found = Predictions(["a", "b"], kept=3)
    found.add(np.array([[0.9, 0.1]]), np.array([1]))
    assert found.as_text().splitlines()[-1].split() == ["b", "1", "0"]
    assert len(found.as_text().splitlines()) == 6
