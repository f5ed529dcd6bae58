"""Latent vectors and the images drawn from them."""

import keras
import numpy as np
import pytest
from conftest import generator_of
from keras import layers

from foldergan.gan import networks, sampling


@pytest.fixture(scope="module")
def generator():
    keras.utils.set_random_seed(0)
    return generator_of((8, 8, 3), 5, (4, 4))


def test_latents_are_standard_normal_float32():
    latents = sampling.sample_latents(500, 40, seed=0)
    assert latents.shape == (500, 40)
    assert latents.dtype == np.float32
    assert latents.mean() == pytest.approx(0, abs=0.03)
    assert latents.std() == pytest.approx(1, abs=0.03)


def test_the_generators_range_becomes_that_of_the_arrays_on_disk():
    tanh_range = keras.Sequential(
        [keras.Input((3,)), keras.layers.Reshape((1, 1, 3))], name="identity"
    )
    images = sampling.generate(tanh_range, np.array([[-1, 0, 1]], np.float32))
    assert images.ravel().tolist() == [0, 0.5, 1]


def test_each_image_hangs_on_its_own_latent_vector(generator):
    latents = sampling.sample_latents(300, 5, seed=0)  # more than one slice
    images = sampling.generate(generator, latents)
    for row in (0, 255, 256, 299):
        alone = sampling.generate(generator, latents[row : row + 1])
        np.testing.assert_allclose(images[row], alone[0], atol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 8, 20])
def test_inputs_in_batches_are_those_that_come_at_once(generator, count):
    at_once = sampling.sample_inputs(generator, count, seed=3)
    batches = list(sampling.input_batches(generator, count, seed=3, size=7))
    assert [len(batch) for batch in batches[:-1]] == [7] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate(batches), at_once)
    np.testing.assert_array_equal(at_once, sampling.sample_latents(count, 5, seed=3))


def test_classes_come_in_turn_across_batches():
    generator = networks.inference_generator(
        generator_of((8, 8, 3), 5, (4, 4), num_classes=3), 3
    )
    batches = sampling.input_batches(generator, 8, 0, [2, 0, 1], size=4)
    class_ids = np.concatenate([class_ids for _, class_ids in batches])
    assert class_ids.tolist() == [2, 0, 1, 2, 0, 1, 2, 0]


def test_fewer_large_images_are_drawn_at_a_time():
    generator = keras.Sequential(
        [keras.Input((5,)), layers.Dense(192), layers.Reshape((8, 8, 3))]
    )
    large = keras.Sequential([generator, layers.UpSampling2D(32)])  # 256x256
    sizes = [len(batch) for batch in sampling.input_batches(large, 50, seed=0)]
    assert sizes == [21, 21, 8]  # 4 million values in each at most
    assert len(next(sampling.input_batches(generator, 500, seed=0))) == 256
