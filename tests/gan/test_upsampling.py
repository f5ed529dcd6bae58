"""The upsampler, and its training by real images made small."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_backbone import random_images, save_tiny

from foldergan import backend
from foldergan.gan import photographs
from foldergan.gan.upsampling import Upsampling

SMALL = (16, 24, 3)
LARGE = (32, 48, 3)
COUNT = 8


@pytest.fixture
def upsampling(tmp_path):
    backend.start(0)
    name = str(save_tiny(tmp_path))
    upsampling = Upsampling(
        photographs.build_upsampler(SMALL, 2),
        photographs._build_patch_head(LARGE, (24, 48, 64), 0),
        photographs._features_of_backbone(name, LARGE, 1, 0),
        seed=0,
    )
    photographs.calibrate(upsampling.feature_network, real_images())
    return upsampling


def real_images():
    """Smooth ones, which a network can learn to enlarge."""
    coarse = 2 * random_images(COUNT, (4, 6, 3)) - 1
    return tf.image.resize(coarse, LARGE[:2], method="bicubic")


def train(upsampling, steps, images=None):
    step_once = tf.function(upsampling.step, autograph=False)
    for step in range(steps):
        step_once(real_images() if images is None else images, tf.constant(step))


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", [SMALL, (8, 8, 1)])
def test_it_starts_as_an_enlargement(shape, factor):
    network = photographs.build_upsampler(shape, factor)
    images = 2 * random_images(2, shape) - 1
    size = [factor * length for length in shape[:2]]
    expected = tf.image.resize(images, size)
    np.testing.assert_allclose(network(images), expected, atol=1e-5)


def test_it_learns_the_detail_of_real_images(upsampling):
    images = real_images()
    small = upsampling.shrink(images)

    def error():
        return float(tf.reduce_mean(tf.abs(upsampling.upsampler(small) - images)))

    before = error()
    train(upsampling, 60)
    assert error() < 0.8 * before


def test_a_step_moves_upsampler_and_discriminator_alone(upsampling):
    parts = (
        upsampling.upsampler,
        upsampling.discriminator,
        upsampling.feature_network,
    )
    before = [part.get_weights() for part in parts]
    train(upsampling, 1)
    moved = [
        any(
            (old != new).any() for old, new in zip(old, part.get_weights(), strict=True)
        )
        for old, part in zip(before, parts, strict=True)
    ]
    assert moved == [True, True, False]


def test_the_images_of_a_step_are_spread_over_the_batch(upsampling):
    """Batches are in the order of the classes."""
    before = upsampling.upsampler.get_weights()
    images = np.array(real_images())
    images[[0, 4]] = np.nan
    train(upsampling, 1, tf.constant(np.roll(images, 1, 0)))
    after = upsampling.upsampler.get_weights()
    assert all(np.isfinite(weight).all() for weight in after)
    assert any((old != new).any() for old, new in zip(before, after, strict=True))
    train(upsampling, 1, tf.constant(images))
    assert np.isnan(upsampling.upsampler.get_weights()[0]).any()


def test_joined_with_a_generator_it_draws_from_minus_1_to_1():
    inputs = keras.Input((4,))
    values = keras.layers.Dense(16 * 24 * 3)(inputs)
    generator = keras.Model(inputs, keras.layers.Reshape(SMALL)(values))
    joined = photographs.join(generator, photographs.build_upsampler(SMALL, 2))
    images = np.asarray(joined(np.full((2, 4), 9, np.float32)))
    assert images.shape == (2, *LARGE)
    assert images.min() == -1 and images.max() == 1
