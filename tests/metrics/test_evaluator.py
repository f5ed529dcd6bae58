"""Measuring a generator by images that it never saw, and by those trained on."""

import numpy as np
import pytest
from scipy import spatial

from foldergan.errors import InputError
from foldergan.metrics import evaluator

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 2, 2, 3)).astype(np.float32)
TRAINING, HELD_OUT = np.arange(20), np.arange(20, 40)


class Pixels:
    """An extractor whose features are the pixels."""

    name = "pixels"

    def __call__(self, images, rows=None, is_mirrored=False):
        images = images if rows is None else images[rows]
        views = [images, images[:, :, ::-1]][: 1 + is_mirrored]
        return np.concatenate(views).reshape(len(views) * len(images), -1)


def measure(images):
    found = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT)
    return found.evaluate(found.features_of(images))[0]


def nearest(asked, images=IMAGES, rows=TRAINING, is_mirrored=False):
    """The nearest of images that were trained on, where none is held out."""
    none = np.arange(0)
    found = evaluator.Evaluator(Pixels(), images, rows, none, None, is_mirrored)
    return found.nearest(found.features_of(asked))


def test_drawing_what_it_was_trained_on_is_told_from_drawing_what_is_held_out():
    copied, new = measure(IMAGES[TRAINING]), measure(IMAGES[HELD_OUT])
    assert (new["real"], new["fake"], new["training"]) == (20, 20, 20)
    assert new["extractor"] == "pixels"
    assert copied["near_copy_share"] == 1
    assert new["near_copy_share"] < 0.2
    assert new["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_of_very_many_held_out_images_some_spread_evenly_are_taken(monkeypatch):
    monkeypatch.setattr(evaluator, "_MOST_HELD_OUT", 8)
    assert measure(IMAGES[HELD_OUT])["real"] == 7  # every third of twenty
    monkeypatch.setattr(evaluator, "_MOST_HELD_OUT", 20)
    assert measure(IMAGES[HELD_OUT])["real"] == 20


def test_the_unit_of_the_features_does_not_matter():
    """Unscaled, features of ten thousands gave distances of 9e26."""

    class Large(Pixels):
        def __call__(self, *args):
            return 5e4 * super().__call__(*args)

    figures = []
    for extractor in (Pixels(), Large()):
        found = evaluator.Evaluator(extractor, IMAGES, TRAINING, HELD_OUT)
        row, _ = found.evaluate(found.features_of(IMAGES[TRAINING] ** 2))
        figures.append(row)
    one, other = figures
    assert other.pop("feature_scale") == pytest.approx(
        5e4 * one.pop("feature_scale"), rel=1e-3
    )
    assert one.pop("extractor") == other.pop("extractor")
    assert one == pytest.approx(other, rel=1e-2)
    assert 0 < one["kernel_distance"] < 10


def test_absurd_features_are_refused():
    found = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT)
    with pytest.raises(InputError, match="pixels: .* times as large as those of real"):
        found.evaluate(1e5 * found.features_of(IMAGES[TRAINING]))
    with pytest.raises(InputError, match="pixels: .* the same, and tell nothing"):
        evaluator.Evaluator(Pixels(), np.ones_like(IMAGES), TRAINING, HELD_OUT)


def test_images_of_a_class_on_one_side_are_left_out_of_the_figures():
    classes = np.arange(20) % 3
    found = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT, classes)
    fake = found.features_of(IMAGES[TRAINING])
    row, _ = found.evaluate(fake, np.arange(20) % 4 + 1)  # of 1 to 4
    assert (row["real"], row["fake"]) == (np.sum(classes > 0), 10)


# The nearest of all images trained on, their mirror images too.

MANY = RNG.random((600, 2, 2, 3)).astype(np.float32)
ROWS = np.arange(20, 600)


def flat(images):
    return images.reshape(len(images), -1)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_the_nearest_of_all_rows_is_found(is_mirrored):
    views = [MANY[ROWS], MANY[ROWS, :, ::-1]][: 1 + is_mirrored]
    asked = RNG.random((90, 2, 2, 3)).astype(np.float32)
    tree = spatial.KDTree(flat(np.concatenate(views)))
    distances, places = tree.query(flat(asked))
    found = nearest(asked, MANY, ROWS, is_mirrored)
    np.testing.assert_array_equal(found.rows, ROWS[places % len(ROWS)])
    np.testing.assert_array_equal(found.is_mirrored, places >= len(ROWS))
    scale = np.sqrt(np.mean(MANY[ROWS] ** 2))
    np.testing.assert_allclose(found.distances, distances / scale, rtol=1e-3)


def test_every_copy_is_found_however_many_rows_there_are():
    """Of 5,001 rows 2,501 were searched, so that half of the copies were missed."""
    images = np.random.default_rng(1).random((5001, 1, 2, 2)).astype(np.float32)
    found = nearest(images[::7], images, np.arange(5001))
    np.testing.assert_array_equal(found.rows, np.arange(5001)[::7])
    assert not found.distances.any() and found.is_repeat.all()


def test_mirrored_copies_are_found_where_training_mirrors():
    copies = MANY[30:40, :, ::-1]
    assert not nearest(copies, MANY, ROWS).is_repeat.any()
    found = nearest(copies, MANY, ROWS, is_mirrored=True)
    np.testing.assert_array_equal(found.rows, np.arange(30, 40))
    assert found.is_repeat.all() and found.is_mirrored.all()
    mirrored = evaluator.Evaluator(Pixels(), MANY, ROWS, ROWS[:0], None, True)
    np.testing.assert_array_equal(mirrored.nearest_training(copies), copies)


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_repeat_is_nearer_than_half_of_the_way_to_any_other(is_mirrored):
    """Its own mirror image is no other."""
    images = np.array([[[[0.0], [0.1]]], [[[10.0], [10.0]]], [[[10.0], [14.0]]]], "f4")
    asked = np.array([[10, 8.1], [10, 7.9], [10, 15.9], [0, 0.2], [7, 6]], "f4")
    found = nearest(asked.reshape(5, 1, 2, 1), images, np.arange(3), is_mirrored)
    assert found.rows.tolist() == [1, 1, 2, 0, 1]
    assert found.is_repeat.tolist() == [True, False, True, True, False]
