"""Images changed a little at random."""

import numpy as np
import pytest
import tensorflow as tf

from foldergan.config.settings import GAN
from foldergan.nn import augmentation

SEED = tf.constant([3, 4])
NUMBERED = np.arange(300 * 16 * 8, dtype=np.float32).reshape(300, 16, 8, 1)


def seed(*numbers):
    return tf.constant(numbers)


def test_half_of_the_images_are_mirrored_left_to_right():
    mirrored = augmentation.mirror(NUMBERED, SEED).numpy()
    is_same = (mirrored == NUMBERED).all((1, 2, 3))
    is_flipped = (mirrored == NUMBERED[:, :, ::-1]).all((1, 2, 3))
    assert (is_same ^ is_flipped).all()
    assert 0.4 < is_flipped.mean() < 0.6


@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_images_are_shifted_by_whole_pixels_up_to_a_part_of_their_size(mode):
    shifted = augmentation.shift(NUMBERED, SEED, mode=mode).numpy()
    assert shifted.shape == NUMBERED.shape
    seen = set()
    for before, after in zip(NUMBERED, shifted, strict=True):
        # The image's middle stays inside, and tells how far it went.
        down, right, _ = np.argwhere(after == before[8, 4])[0] - (8, 4, 0)
        seen.add((down, right))
        rows, columns = np.arange(2, 14), np.arange(1, 7)
        moved = after[np.ix_(rows + down, columns + right)]
        np.testing.assert_array_equal(moved, before[np.ix_(rows, columns)])
    assert {down for down, _ in seen} == set(range(-2, 3))
    assert {right for _, right in seen} == set(range(-1, 2))
    assert len(seen) == 15  # the two directions do not hang together


def test_the_edge_is_filled_as_asked():
    ones = np.ones((50, 8, 8, 3), np.float32)
    reflected = augmentation.shift(ones, SEED)
    assert (reflected.numpy() == 1).all()
    emptied = augmentation.shift(ones, SEED, mode="constant")
    assert (emptied.numpy() == 0).any()


@pytest.mark.parametrize(
    "change", [augmentation.mirror, augmentation.shift, augmentation.color]
)
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


def some_images(count=400, size=(4, 6)):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, *size, 3)).astype(np.float32)


def test_colors_change_by_as_much_as_the_paper_says():
    before = some_images()
    after = augmentation.color(before, SEED).numpy()
    brighter = (after - before).mean((1, 2, 3))  # which the others leave alone
    # Differences between two channels of a pixel: saturation times contrast. Between
    # the pixels' means: contrast alone.
    grey = [images.mean(3) for images in (before, after)]
    contrast = grey[1].std((1, 2)) / grey[0].std((1, 2))
    scale = (after[..., 0] - after[..., 1]) / (before[..., 0] - before[..., 1])
    saturation = scale[:, 0, 0] / contrast
    for factor, least, most in (
        (brighter, -0.5, 0.5),
        (contrast, 0.5, 1.5),
        (saturation, 0, 2),
    ):
        assert least - 1e-3 < factor.min() < least + 0.05 * (most - least)
        assert most - 0.05 * (most - least) < factor.max() < most + 1e-3
        assert factor.mean() == pytest.approx((least + most) / 2, abs=0.1)
    np.testing.assert_allclose(scale, scale[:, :1, :1] + 0 * scale, rtol=0.05)
    factors = np.corrcoef([brighter, contrast, saturation])
    assert np.abs(factors - np.eye(3)).max() < 0.2  # they do not hang together


def test_changes_are_made_as_named():
    images = some_images(50, size=(8, 8))
    changed = augmentation.augment(images, ("color", "shift", "mirror"), SEED)
    expected = augmentation.mirror(images, SEED)
    expected = augmentation.shift(expected, SEED, mode="constant")
    expected = augmentation.color(expected, SEED + 3)
    np.testing.assert_array_equal(changed, expected)
    for one in ("color", "shift", "mirror"):
        alone = augmentation.augment(images, (one,), SEED).numpy()
        assert (alone != images).any()
        assert (alone != changed.numpy()).any()


def test_cutout_blanks_one_rectangle_of_each_image():
    images = tf.ones((20, 20, 10, 3))
    cut = np.asarray(augmentation.cutout(images, SEED))
    for image in cut:
        blank = image[..., 0] == 0
        rows, columns = blank.any(1).sum(), blank.any(0).sum()
        assert blank.sum() == rows * columns
        assert 0 < rows <= 5 and 0 < columns <= 3
    assert len({image.tobytes() for image in cut}) > 10


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (("none",), "not augmented"),
        (("shift",), "shifted"),
        (("shift", "mirror"), "mirrored and shifted"),
        (
            ("mirror", "shift", "color", "cutout"),
            "mirrored, shifted, changed in colour and partly blanked",
        ),
    ],
)
def test_changes_are_said_in_words(changes, said):
    assert augmentation.as_text(changes) == said


def test_every_change_has_its_word():
    choices = GAN.__dataclass_fields__["augmentation"].metadata["choices"]
    assert {"none", *augmentation._IN_WORDS} == set(choices)
