"""The cheaper routes against Keras' own layers: same values, same gradients."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import classifier_of, discriminator_of, generator_of
from keras import layers

from foldergan import backend
from foldergan.config.presets import PRESETS
from foldergan.gan import upsampler
from foldergan.nn import fast_layers

COUNT = 3
in_bfloat16 = functools.partial(fast_layers.run, precision="bfloat16")


def dcgan(name):
    """A preset's two networks with what goes into them."""
    backend.start(0)
    settings = PRESETS[name].gan
    shape = settings.image_shape or PRESETS[name].data.image_shape
    filters = settings.discriminator_filters
    discriminator = discriminator_of(shape, filters, dropout=0.0)
    generator = generator_of(
        shape,
        settings.latent_dim,
        settings.generator_filters,
        settings.generator_normalization,
    )
    return {
        "discriminator": (discriminator, tf.random.uniform((COUNT, *shape), -1, 1)),
        "generator": (generator, tf.random.normal((COUNT, settings.latent_dim))),
    }


def keras_own(network, inputs):
    return network(inputs, training=True)


def values_and_gradients(network, inputs, compute=fast_layers.run):
    """Outputs, and gradients by the inputs and by every variable."""
    weights = tf.random.stateless_normal(
        (COUNT, *network.output_shape[1:]), seed=[1, 2]
    )
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = compute(network, inputs)
        loss = tf.reduce_sum(outputs * weights)
    return [outputs, *tape.gradient(loss, [inputs, *network.trainable_variables])]


def largest_difference(one, other):
    """Of any entry, relative to the largest entry of its tensor.

    A bias before batch normalization has no effect, so that its gradient is noise
    beside the others'.
    """
    sizes = [float(tf.reduce_max(tf.abs(tensor))) for tensor in other]
    return max(
        float(tf.reduce_max(tf.abs(a - b))) / max(size, 0.1 * max(sizes))
        for a, b, size in zip(one, other, sizes, strict=True)
    )


@pytest.mark.parametrize("part", ["discriminator", "generator"])
@pytest.mark.parametrize("name", ["dcgan-32", "gan-128", "smoke"])
def test_every_route_is_what_keras_computes(name, part):
    network, inputs = dcgan(name)[part]
    for layer in network.layers:  # zeros would hide what a bias does
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(tf.random.normal(layer.bias.shape, stddev=0.3))
    ours = values_and_gradients(network, inputs)
    theirs = values_and_gradients(network, inputs, keras_own)
    # Normalized in another order of sums, a value next to 0 can change its sign, and
    # with it the slope of LeakyReLU there.
    is_normalized = (name, part) == ("gan-128", "generator")
    assert largest_difference(ours, theirs) < (1e-2 if is_normalized else 1e-4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(5, 7), (4, 4)])
def test_few_channels_in_and_out_on_any_shape(size, channels):
    backend.start(0)
    network = keras.Sequential([keras.Input((*size, channels))])
    for width in (6, channels):
        network.add(layers.Conv2D(width, 3, padding="same", bias_initializer="normal"))
    inputs = tf.random.normal((COUNT, *size, channels))
    ours = values_and_gradients(network, inputs)
    theirs = values_and_gradients(network, inputs, keras_own)
    assert largest_difference(ours, theirs) < 1e-5


def test_bfloat16_rounds_and_no_more():
    for network, inputs in dcgan("dcgan-32").values():
        exact = fast_layers.run(network, inputs)
        rounded = fast_layers.run(network, inputs, "bfloat16")
        assert rounded.dtype == tf.float32
        difference = largest_difference([rounded], [exact])
        assert 0 < difference < 0.05


@pytest.mark.parametrize("compute", [fast_layers.run, in_bfloat16])
def test_every_product_is_of_the_precision_asked_for(compute):
    dtype = tf.bfloat16 if compute is in_bfloat16 else tf.float32
    for network, inputs in dcgan("dcgan-32").values():
        traced = tf.function(values_and_gradients).get_concrete_function(
            network, inputs, compute
        )
        products = [
            operation.outputs[0].dtype
            for operation in traced.graph.get_operations()
            if "Conv2D" in operation.type or "MatMul" in operation.type
        ]
        assert len(products) > 10
        assert set(products) == {dtype}


def test_bfloat16_gives_float32_gradients_that_point_the_same_way():
    least = 0.97 if backend.lacks_bfloat16() else 0.99  # emulated it rounds more often
    for network, inputs in dcgan("dcgan-32").values():
        exact = values_and_gradients(network, inputs)
        rounded = values_and_gradients(network, inputs, in_bfloat16)
        for one, other in zip(rounded, exact, strict=True):
            assert one.dtype == tf.float32
            cosine = tf.reduce_sum(one * other) / (tf.norm(one) * tf.norm(other))
            assert cosine > least


def test_dropout_and_batch_statistics_are_those_of_training():
    backend.start(0)
    network = keras.Sequential(
        [keras.Input((8,)), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    inputs = tf.random.normal((64, 8), mean=3.0)
    outputs = fast_layers.run(network, inputs)
    assert np.mean(outputs == 0) == pytest.approx(0.5, abs=0.1)
    assert abs(float(tf.reduce_mean(outputs))) < 0.2
    moving_mean = network.layers[0].moving_mean
    np.testing.assert_allclose(moving_mean, 0.01 * tf.reduce_mean(inputs, 0), rtol=1e-4)


def test_normalization_is_that_of_keras():
    backend.start(0)
    inputs = 3 + 2 * tf.random.normal((COUNT, 4, 5, 6))
    network = keras.Sequential([keras.Input(inputs.shape[1:])])
    network.add(layers.BatchNormalization())
    for weight in network.trainable_weights:
        weight.assign(tf.random.normal(weight.shape))
    ours = values_and_gradients(network, inputs)
    theirs = values_and_gradients(network, inputs, keras_own)
    assert largest_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_normalization_moves_its_means_as_keras_does(precision):
    backend.start(0)
    inputs = 3 + 2 * tf.random.normal((COUNT, 4, 5, 6))
    ours, theirs = (
        keras.Sequential([keras.Input(inputs.shape[1:]), layers.BatchNormalization()])
        for _ in range(2)
    )
    for _ in range(3):
        fast_layers.run(ours, tf.cast(inputs, precision), precision)
        theirs(inputs, training=True)
    tolerance = 1e-5 if precision == "float32" else 1e-2
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance)
    assert abs(ours.layers[0].moving_mean.numpy() - 0.09).max() < 0.05


def test_a_twin_normalizes_as_keras_does_and_leaves_the_network_alone():
    backend.start(0)
    network = classifier_of((16, 16, 3), 3, (4, 8), 0, network="residual")
    before = network.get_weights()
    inputs = tf.random.uniform((COUNT, 16, 16, 3))
    twin = fast_layers.optimized_copy(network, "float32")
    ours = values_and_gradients(twin, inputs, keras_own)
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    theirs = values_and_gradients(network, inputs, keras_own)
    assert largest_difference(ours, theirs) < 1e-4
    for one, other in zip(twin.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert any(
        (one != other).any()
        for one, other in zip(before, network.get_weights(), strict=True)
    )
    np.testing.assert_allclose(twin(inputs), network(inputs), atol=1e-5)


def test_a_twin_in_bfloat16_rounds_all_but_the_last_layer():
    backend.start(0)
    network = classifier_of((16, 16, 3), 3, (4, 8), 0, network="residual")
    inputs = tf.random.uniform((COUNT, 16, 16, 3))
    twin = fast_layers.optimized_copy(network, "bfloat16")
    assert {str(weight.dtype) for weight in twin.weights} == {"float32"}
    assert twin.layers[-1].compute_dtype == "float32"
    assert {layer.compute_dtype for layer in twin.layers[1:-1]} == {"bfloat16"}
    np.testing.assert_allclose(twin(inputs), network(inputs), atol=0.03)


def test_a_copy_in_bfloat16_does_not_round_images():
    backend.start(0)
    generator = generator_of((16, 16, 3), 5, (4, 4, 4))
    joined = upsampler.join(generator, upsampler.build_upsampler((16, 16, 3), 2))
    twin = fast_layers.optimized_copy(joined, "bfloat16")
    inputs = tf.random.normal((COUNT, 5))
    images = twin(inputs)
    rounded = tf.cast(tf.cast(images, tf.bfloat16), tf.float32)
    assert np.mean(images != rounded) > 0.9
    np.testing.assert_allclose(images, joined(inputs), atol=0.01)


# Layers that the routes do not know are Keras' own: silently wrong before.

UNKNOWN = {
    "valid": lambda: layers.Conv2D(5, 3, padding="valid"),
    "valid, strided": lambda: layers.Conv2D(5, 3, strides=2, padding="valid"),
    "dilated": lambda: layers.Conv2D(5, 3, dilation_rate=2, padding="same"),
    "grouped": lambda: layers.Conv2D(6, 3, groups=3, padding="same"),
    "no bias": lambda: layers.Conv2D(5, 3, use_bias=False, padding="same"),
    "transposed valid": lambda: layers.Conv2DTranspose(5, 4, strides=2),
    "transposed no bias": lambda: layers.Conv2DTranspose(
        5, 4, strides=2, padding="same", use_bias=False
    ),
    "dense no bias": lambda: layers.Dense(5, use_bias=False),
    "no scale": lambda: layers.BatchNormalization(scale=False),
    "normalized over rows": lambda: layers.BatchNormalization(axis=1),
}


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("channels", [3, 6])
def test_a_layer_that_no_route_knows_is_computed_as_keras_does(name, channels):
    backend.start(0)
    network = keras.Sequential([keras.Input((9, 8, channels)), UNKNOWN[name]()])
    inputs = tf.random.normal((COUNT, 9, 8, channels))
    for ours, theirs in (
        (fast_layers.run(network, inputs), network(inputs, training=True)),
        (
            fast_layers.optimized_copy(network, "float32")(inputs, training=True),
            network(inputs, training=True),
        ),
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
