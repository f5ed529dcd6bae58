"""The three networks: shapes, sizes, and what comes out of their last layer."""

import keras
import numpy as np
import pytest
from conftest import classifier_of, discriminator_of, generator_of

from foldergan.config.presets import PRESETS
from foldergan.errors import InputError
from foldergan.gan import networks
from foldergan.storage import networks as stored

SHAPE = (32, 32, 3)
DCGAN = PRESETS["dcgan-32"]


def ending_in(network, bias):
    """Lets the last layer give nothing but its activation of `bias`."""
    kernel, _ = network.layers[-1].get_weights()
    bias = np.broadcast_to(np.float32(bias), kernel.shape[-1:])
    network.layers[-1].set_weights([kernel * 0, bias])
    return network


# Each layer's kernel and bias, counted by hand, are the sums below.


def test_classifier_of_the_default_preset_has_610_757_parameters():
    classifier = classifier_of(
        SHAPE, 5, DCGAN.classifier.filters, DCGAN.classifier.dense_units
    )
    convolutions = (9 * 3 * 32 + 32) + (9 * 32 * 64 + 64)
    dense = (6 * 6 * 64 * 256 + 256) + (256 * 5 + 5)  # 32 -> 30 -> 15 -> 13 -> 6
    assert classifier.count_params() == convolutions + dense == 610_757


def test_discriminator_of_the_default_preset_has_522_497_parameters():
    gan = DCGAN.gan
    discriminator = discriminator_of(SHAPE, gan.discriminator_filters, gan.dropout)
    widths = [3, 64, 128, 128, 256]
    convolutions = sum(
        9 * a * b + b for a, b in zip(widths[:-1], widths[1:], strict=True)
    )
    assert discriminator.count_params() == convolutions + 4 * 4 * 256 + 1 == 522_497


def test_generator_of_the_default_preset_has_1_875_715_parameters():
    gan = DCGAN.gan
    generator = generator_of(SHAPE, gan.latent_dim, gan.generator_filters)
    first = 200 * 4 * 4 * 256 + 4 * 4 * 256
    widths = [256, 128, 128, 128]
    doublings = sum(
        16 * a * b + b for a, b in zip(widths[:-1], widths[1:], strict=True)
    )
    last = 9 * 128 * 3 + 3
    assert generator.count_params() == first + doublings + last == 1_875_715


@pytest.mark.parametrize("shape", [(32, 32, 3), (16, 32, 1), (48, 24, 3)])
def test_shapes_go_in_and_come_out(shape):
    classifier = classifier_of(shape, 7, (4, 4), 8)
    assert (classifier.input_shape, classifier.output_shape) == (
        (None, *shape),
        (None, 7),
    )
    discriminator = discriminator_of(shape, (4, 4), 0.4)
    assert (discriminator.input_shape, discriminator.output_shape) == (
        (None, *shape),
        (None, 1),
    )
    generator = generator_of(shape, 9, (4, 4, 4))
    assert (generator.input_shape, generator.output_shape) == (
        (None, 9),
        (None, *shape),
    )


@pytest.mark.parametrize(("bias", "value"), [(100, 1), (-100, -1), (0, 0)])
def test_generator_ends_in_the_tanh_range(bias, value):
    generator = ending_in(generator_of((8, 8, 3), 4, (4, 4)), bias)
    pictures = generator.predict(np.ones((2, 4), np.float32), verbose=0)
    np.testing.assert_allclose(pictures, np.full((2, 8, 8, 3), value), atol=1e-6)


@pytest.mark.parametrize("shape", [(31, 32, 3), (32, 30, 3), (4, 4, 1)])
def test_shape_that_doublings_cannot_reach_is_refused(shape):
    with pytest.raises(InputError, match="multiples of 8, not") as error:
        generator_of(shape, 4, (4, 4, 4, 4))
    assert f"{shape[0]}x{shape[1]}" in str(error.value)


def test_the_classifier_of_binary_350_is_that_of_its_table():
    settings = PRESETS["binary-350"]
    classifier = classifier_of(
        settings.data.image_shape,
        2,
        settings.classifier.filters,
        settings.classifier.dense_units,
        settings.classifier.output,
    )
    table = [
        (type(layer).__name__, layer.output.shape[1:], layer.count_params())
        for layer in classifier.layers
    ]
    assert table == [
        ("Conv2D", (348, 348, 64), 1_792),
        ("MaxPooling2D", (174, 174, 64), 0),
        ("Conv2D", (172, 172, 128), 73_856),
        ("MaxPooling2D", (86, 86, 128), 0),
        ("Conv2D", (84, 84, 256), 295_168),
        ("MaxPooling2D", (42, 42, 256), 0),
        ("Flatten", (451_584,), 0),
        ("Dense", (256,), 115_605_760),
        ("Dense", (1,), 257),
    ]
    assert classifier.count_params() == 115_976_833
    assert classifier.layers[-1].activation.__name__ == "sigmoid"


def test_the_combined_network_gives_the_probability_of_the_logit():
    generator = generator_of((8, 8, 3), 4, (4, 4))
    discriminator = discriminator_of((8, 8, 3), (4,), 0.4)
    combined = networks.combine(generator, discriminator)
    latents = np.random.default_rng(0).standard_normal((5, 4), np.float32)
    logits = discriminator.predict(generator.predict(latents, verbose=0), verbose=0)
    np.testing.assert_allclose(
        combined.predict(latents, verbose=0), 1 / (1 + np.exp(-logits)), rtol=1e-5
    )


@pytest.mark.parametrize(("size", "filters"), [(8, (4, 8, 8)), (33, (4, 8)), (5, (4,))])
def test_residual_classifier_ends_in_as_many_features_as_its_last_width(size, filters):
    classifier = classifier_of((size, size, 3), 4, filters, 0, network="residual")
    assert classifier.output_shape == (None, 4)
    assert classifier.layers[-1].input.shape == (None, filters[-1])
    skips = [x for x in classifier.layers if isinstance(x, keras.layers.Add)]
    assert len(skips) == min(2, len(filters) - 1)


def test_networks_that_are_saved_again_have_the_same_bytes():
    """Names of layers do not count the saves: a resumed run has made fewer."""
    discriminator = discriminator_of(SHAPE, (4, 4))
    generator = generator_of(SHAPE, 5, (4, 4))
    for build in (
        lambda: networks.with_probability(discriminator),
        lambda: networks.combine(generator, discriminator),
    ):
        assert stored.encode(build()) == stored.encode(build())
