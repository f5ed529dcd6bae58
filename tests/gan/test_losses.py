"""Closed forms of the adversarial losses. Real is 1 and fake is 0."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from foldergan.gan import losses

ZEROS = np.zeros((4, 1), np.float32)


def some_logits(seed, count=6):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (count, 1)).astype(np.float32)


def gradient(loss, *logits):
    tensors = [tf.constant(values) for values in logits]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = loss(*tensors)
    return [part.numpy() for part in tape.gradient(value, tensors)]


def test_discriminator_loss_is_cross_entropy_of_ones_for_real_and_zeros_for_fake():
    real, fake = some_logits(0), some_logits(1)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    labels = np.concatenate([np.ones_like(real), np.zeros_like(fake)])
    expected = cross_entropy(labels, np.concatenate([real, fake]))
    assert float(losses.discriminator_loss(real, fake)) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_generator_loss_is_cross_entropy_of_ones_for_fake():
    fake = some_logits(2)
    expected = keras.losses.BinaryCrossentropy(from_logits=True)(
        np.ones_like(fake), fake
    )
    assert float(losses.generator_loss(fake)) == pytest.approx(
        float(expected), rel=1e-6
    )


def test_both_halves_weigh_the_same_whatever_their_sizes():
    real, fake = np.full((2, 1), 3.0), np.full((8, 1), -1.0)
    expected = (np.log1p(np.exp(-3)) + np.log1p(np.exp(-1))) / 2
    assert float(losses.discriminator_loss(real, fake)) == pytest.approx(expected)


def test_extreme_logits_give_finite_losses():
    far = np.full((4, 1), 1e4, np.float32)
    assert float(losses.discriminator_loss(-far, far)) == pytest.approx(1e4)
    assert float(losses.discriminator_loss(far, -far)) == pytest.approx(0, abs=1e-6)
    assert float(losses.generator_loss(-far)) == pytest.approx(1e4)
    for part in gradient(losses.discriminator_loss, -far, far):
        assert np.isfinite(part).all()


def test_the_generator_raises_fake_logits():
    (fake,) = gradient(losses.generator_loss, some_logits(5))
    assert (fake < 0).all()
    # And pulls hardest where the fake is told best: that is non-saturating.
    (told, taken) = gradient(losses.generator_loss, np.array([[-5.0], [5.0]]))[0]
    assert abs(told) > 50 * abs(taken)


# Hinge.


def test_hinge_of_a_discriminator_that_knows_nothing_is_1():
    assert float(losses.hinge_discriminator_loss(ZEROS, ZEROS)) == 1
    assert float(losses.hinge_generator_loss(ZEROS)) == 0


def test_hinge_asks_for_no_logit_beyond_1():
    real, fake = np.float32([[0.5], [3.0]]), np.float32([[-4.0], [2.0]])
    expected = ((0.5 + 0) / 2 + (0 + 3) / 2) / 2
    assert float(losses.hinge_discriminator_loss(real, fake)) == expected
    pulls_on_real, pulls_on_fake = gradient(losses.hinge_discriminator_loss, real, fake)
    np.testing.assert_allclose(pulls_on_real, [[-0.25], [0]])
    np.testing.assert_allclose(pulls_on_fake, [[0], [0.25]])


def test_the_generator_raises_fake_logits_against_hinge_by_the_same_everywhere():
    (fake,) = gradient(losses.hinge_generator_loss, some_logits(6, count=5))
    np.testing.assert_allclose(fake, -1 / 5)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_all_patches_weigh_the_same(name):
    of_discriminator, of_generator = losses.LOSSES[name]
    real, fake = some_logits(7), some_logits(8)
    patches = [np.concatenate([part, part + 1], axis=1) for part in (real, fake)]
    mean = (of_discriminator(real, fake) + of_discriminator(real + 1, fake + 1)) / 2
    assert float(of_discriminator(*patches)) == pytest.approx(float(mean), rel=1e-5)
    mean = (of_generator(fake) + of_generator(fake + 1)) / 2
    assert float(of_generator(patches[1])) == pytest.approx(float(mean), rel=1e-5)


def test_each_patch_has_its_logit_and_what_the_class_adds():
    outputs = np.arange(2 * 3 * 4 * 3, dtype=np.float32).reshape(2, 3, 4, 3)
    classes = np.array([[0, 1], [1, 0]], np.float32)
    logits = np.asarray(losses.logits_of(outputs, classes))
    assert logits.shape == (2, 12)
    for image, column in ((0, 2), (1, 1)):
        expected = outputs[image, ..., 0] + outputs[image, ..., column]
        np.testing.assert_array_equal(logits[image], expected.ravel())


def test_accuracies_are_fractions_told_right_averaged_over_the_heads():
    def logits(*values):
        return np.array(values, np.float32)[:, None]

    real, fake = losses.accuracies_of(
        [
            (logits(2, 0.5, 0, -1), logits(0, -0.5)),  # half; all
            (logits(0.5, 0.5), logits(0.5, -0.5)),  # all; half
            (logits(1, 2, 3, -4), logits(1, 2)),  # three quarters; none
        ]
    )
    assert float(real) == 0.75 and float(fake) == 0.5
