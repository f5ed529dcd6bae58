"""Files of a person's own are read a batch at a time."""

import os

import numpy as np
import pytest
from conftest import draw_images

from foldergan.classifier.classified import Classified
from foldergan.classifier.image_files import ImageFiles
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
    dataset.build_arrays(folder, tmp_path, SHAPE, resize=how)
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
