"""The light generator of photographs."""

import keras
import numpy as np
import pytest

from foldergan.config.settings import GAN
from foldergan.errors import InputError
from foldergan.gan import networks, photographs
from foldergan.nn.convolutions import copy_of

FILTERS = (8, 8, 6, 6, 4, 4)


def build(shape=(64, 64, 3), num_classes=2, filters=FILTERS):
    keras.utils.set_random_seed(0)
    settings = GAN(latent_dim=5, generator_filters=filters)
    return photographs.build_generator(settings, shape, num_classes)


def some_inputs(generator, count=6):
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, generator.input_shape[1])).astype(np.float32)


@pytest.mark.parametrize("shape", [(64, 64, 3), (128, 96, 3), (32, 32, 1)])
def test_it_draws_images_of_its_shape(shape):
    generator = build(shape)
    images = np.asarray(generator(some_inputs(generator)))
    assert images.shape == (6, *shape)
    assert np.abs(images).max() <= 1


def test_a_shape_that_doubling_misses_is_refused():
    with pytest.raises(InputError, match="multiples of 32"):
        build((100, 100, 3))


@pytest.mark.parametrize("num_classes", [0, 2])
def test_plain_keras_loads_what_is_saved(tmp_path, num_classes):
    generator = build(num_classes=num_classes)
    drawer = copy_of(networks.inference_generator(generator, num_classes))
    drawer.save(tmp_path / "generator.h5", include_optimizer=False)
    loaded = keras.models.load_model(tmp_path / "generator.h5", compile=False)
    inputs = [some_inputs(generator)[:, :5], np.arange(6) % 2][: 1 + bool(num_classes)]
    inputs = inputs if num_classes else inputs[0]
    np.testing.assert_allclose(loaded(inputs), drawer(inputs), rtol=1e-5, atol=1e-6)
    kinds = {type(layer).__module__.split(".")[0] for layer in loaded.layers}
    assert kinds == {"keras"}
