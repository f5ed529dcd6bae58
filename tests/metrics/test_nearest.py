"""The nearest of all images trained on, their mirror images too."""

import numpy as np
import pytest
from scipy import spatial

from foldergan.metrics import nearest
from foldergan.metrics.nearest import TrainingImages

RNG = np.random.default_rng(0)
IMAGES = RNG.random((600, 2, 2, 3)).astype(np.float32)
ROWS = np.arange(20, 600)


def pixels(images):
    return images.reshape(len(images), -1).astype(np.float32)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_the_nearest_of_all_rows_is_found(is_mirrored):
    views = [IMAGES[ROWS], IMAGES[ROWS, :, ::-1]][: 1 + is_mirrored]
    asked = RNG.random((90, 2, 2, 3)).astype(np.float32)
    tree = spatial.KDTree(pixels(np.concatenate(views)))
    distances, found = tree.query(pixels(asked))
    result = TrainingImages(pixels, IMAGES, ROWS, is_mirrored).find(pixels(asked))
    np.testing.assert_array_equal(result.rows, ROWS[found % len(ROWS)])
    np.testing.assert_array_equal(result.is_mirrored, found >= len(ROWS))
    np.testing.assert_allclose(result.distances, distances, rtol=1e-5)


def test_every_copy_is_found_however_many_rows_there_are():
    """Of 5,001 rows 2,501 were searched, so that half of the copies were missed."""
    images = np.random.default_rng(1).random((5001, 1, 2, 2)).astype(np.float32)
    index = TrainingImages(pixels, images, np.arange(5001))
    found = index.find(pixels(images[::7]))
    np.testing.assert_array_equal(found.rows, np.arange(5001)[::7])
    assert not found.distances.any() and found.is_repeat.all()


def test_mirrored_copies_are_found_where_training_mirrors():
    copies = IMAGES[30:40, :, ::-1]
    found = TrainingImages(pixels, IMAGES, ROWS).find(pixels(copies))
    assert not found.is_repeat.any()
    index = TrainingImages(pixels, IMAGES, ROWS, is_mirrored=True)
    found = index.find(pixels(copies))
    np.testing.assert_array_equal(found.rows, np.arange(30, 40))
    assert found.is_repeat.all() and found.is_mirrored.all()
    np.testing.assert_array_equal(index.images(found), copies)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_repeat_is_nearer_than_half_of_the_way_to_any_other(is_mirrored):
    """Its own mirror image is no other."""
    images = np.array([[[[0.0], [0.1]]], [[[10.0], [10.0]]], [[[10.0], [14.0]]]], "f4")
    index = TrainingImages(pixels, images, np.arange(3), is_mirrored)
    asked = np.array([[10, 8.1], [10, 7.9], [10, 15.9], [0, 0.2], [7, 6]], "f4")
    found = index.find(asked)
    assert found.rows.tolist() == [1, 1, 2, 0, 1]
    assert found.is_repeat.tolist() == [True, False, True, True, False]


def test_an_only_training_image_is_told_apart_from_none():
    index = TrainingImages(pixels, IMAGES, np.array([3]), is_mirrored=True)
    assert index.find(pixels(IMAGES[:2])).rows.tolist() == [3, 3]


def test_many_features_lie_in_a_file(monkeypatch):
    expected = TrainingImages(pixels, IMAGES, ROWS, True).find(pixels(IMAGES[:50]))
    monkeypatch.setattr(nearest, "_MOST_IN_MEMORY", 100)
    index = TrainingImages(pixels, IMAGES, ROWS, True)
    assert isinstance(index._features, np.memmap)
    found = index.find(pixels(IMAGES[:50]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
