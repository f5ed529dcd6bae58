"""Pictures changed a little at random."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline import augmentation

SEED = tf.constant([3, 4])
NUMBERED = np.arange(300 * 16 * 8, dtype=np.float32).reshape(300, 16, 8, 1)


def seed(*numbers):
    return tf.constant(numbers)


def test_half_of_the_pictures_are_mirrored_left_to_right():
    mirrored = augmentation.mirror(NUMBERED, SEED).numpy()
    is_same = (mirrored == NUMBERED).all((1, 2, 3))
    is_flipped = (mirrored == NUMBERED[:, :, ::-1]).all((1, 2, 3))
    assert (is_same ^ is_flipped).all()
    assert 0.4 < is_flipped.mean() < 0.6


@pytest.mark.parametrize("mode", ["REFLECT", "CONSTANT"])
def test_pictures_are_shifted_by_whole_pixels_up_to_a_part_of_their_size(mode):
    shifted = augmentation.shift(NUMBERED, SEED, part=0.25, mode=mode).numpy()
    assert shifted.shape == NUMBERED.shape
    seen = set()
    for before, after in zip(NUMBERED, shifted, strict=True):
        # The picture's middle stays inside, and tells how far it went.
        down, right, _ = np.argwhere(after == before[8, 4])[0] - (8, 4, 0)
        seen.add((down, right))
        rows, columns = np.arange(4, 12), np.arange(2, 6)
        moved = after[np.ix_(rows + down, columns + right)]
        np.testing.assert_array_equal(moved, before[np.ix_(rows, columns)])
    assert {down for down, _ in seen} == set(range(-4, 5))
    assert {right for _, right in seen} == set(range(-2, 3))
    assert len(seen) > 40  # of 45: the two directions do not hang together


def test_the_edge_is_filled_as_asked():
    ones = np.ones((50, 8, 8, 3), np.float32)
    reflected = augmentation.shift(ones, SEED)
    assert (reflected.numpy() == 1).all()
    emptied = augmentation.shift(ones, SEED, mode="CONSTANT")
    assert (emptied.numpy() == 0).any()


@pytest.mark.parametrize("change", [augmentation.mirror, augmentation.shift])
def test_same_seed_same_change(change):
    one, same, step, other = (
        change(NUMBERED, seed(*numbers)).numpy()
        for numbers in ((1, 2), (1, 2), (1, 5), (2, 2))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != step).any() and (one != other).any()


@pytest.mark.parametrize("change", [augmentation.mirror, augmentation.shift])
def test_gradients_come_through(change):
    images = tf.constant(NUMBERED[:9])
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(change(images, SEED))
    gradient = tape.gradient(total, images).numpy()
    # Every pixel that is shown gives its gradient as often as it is shown.
    assert gradient.sum() == pytest.approx(NUMBERED[:9].size)
