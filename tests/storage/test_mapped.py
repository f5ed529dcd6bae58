"""Images of a file, read by their row numbers."""

import mmap

import numpy as np
import pytest

from foldergan.data.batches import reading_ahead
from foldergan.images import Joined, Resized
from foldergan.storage.mapped import MappedImages, map_images

SHAPE = (24, 20, 3)  # 5,760 bytes: an image begins anywhere in a page


@pytest.fixture
def array():
    return np.random.default_rng(0).random((40, *SHAPE), np.float32)


@pytest.fixture
def images(tmp_path, array):
    np.save(tmp_path / "images.npy", array)
    return map_images(
        tmp_path / "images.npy", np.load(tmp_path / "images.npy", mmap_mode="r")
    )


@pytest.mark.parametrize(
    "rows",
    [
        np.array([3]),
        np.array([[39, 0], [5, 5]]),
        np.arange(40),
        np.arange(0),
        np.arange(40) % 3 == 0,
        slice(2, 30, 7),
        7,
    ],
    ids=str,
)
def test_rows_are_those_of_the_array(images, array, rows):
    found = images[rows]
    np.testing.assert_array_equal(found, array[rows])
    assert type(found) is np.ndarray


def test_nothing_can_be_written(images):
    with pytest.raises(ValueError, match="read-only"):
        images[:2][0] = 0


class Told:
    """Takes the place of a map, and keeps what it is told."""

    def __init__(self):
        self.ranges = []

    def madvise(self, advice, start, length):
        assert advice == mmap.MADV_WILLNEED and start % mmap.PAGESIZE == 0
        self.ranges.append((start, start + length))


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="needs madvise")
def test_just_the_rows_are_read_ahead_and_neighbours_together(images):
    images._map = told = Told()
    images.will_need(np.array([[30, 3], [4, 3]]))
    size, offset = 4 * 24 * 20 * 3, 128
    wanted = [(offset + a * size, offset + b * size) for a, b in ((3, 5), (30, 31))]
    assert [end for _, end in told.ranges] == [end for _, end in wanted]
    for (start, _), (first, _) in zip(told.ranges, wanted, strict=True):
        assert first - mmap.PAGESIZE < start <= first
    assert len(images[np.array([7, 9])]) == 2 and len(told.ranges) == 4


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="needs madvise")
def test_batches_are_read_ahead_wherever_the_images_lie(images, array):
    images._map = told = Told()
    joined = Joined(array, Resized(images, SHAPE))
    batches = reading_ahead(joined, [np.array([60, 2]), np.array([50]), np.array([1])])
    assert next(batches).tolist() == [2, 60]
    assert len(told.ranges) == 2  # of the first batch and of the second
    assert [batch.tolist() for batch in batches] == [[50], [1]]
    assert list(reading_ahead(array, [])) == []


def test_a_view_of_them_is_read_as_any_array(images, array):
    assert isinstance(images, MappedImages)
    np.testing.assert_array_equal(np.asarray(images)[::-1], array[::-1])
    np.testing.assert_array_equal((images + 1)[np.array([3])], array[[3]] + 1)
