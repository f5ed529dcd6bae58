"""The convolution of few channels against Keras' own, and copies without it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import classifier_of, generator_of
from keras import layers

from foldergan import backend
from foldergan.gan import photographs
from foldergan.nn import convolutions
from foldergan.nn.convolutions import (
    Convolution,
    Doubling,
    DoublingConvolution,
    computing_in,
    copy_of,
)

COUNT = 3


@pytest.fixture(autouse=True)
def started():
    backend.start(0)


def both(channels, filters, precision="float32", **asked):
    """Keras' layer and ours, of the same weights, and what goes into them."""
    with computing_in(precision):
        own, ours = (kind(filters, 3, **asked) for kind in (layers.Conv2D, Convolution))
    for layer in (own, ours):
        layer.build((None, 8, 10, channels))
    weights = [np.float32(tf.random.normal(w.shape)) for w in own.weights]
    own.set_weights(weights)
    ours.set_weights(weights)
    return own, ours, tf.random.uniform((COUNT, 8, 10, channels), -1, 1)


def values_and_gradients(compute, images, layer=None):
    layer = layer or compute
    weights = tf.random.stateless_normal(compute(images).shape, seed=[1, 2])
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = compute(images)
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32) * weights)
    return [outputs, *tape.gradient(loss, [images, *layer.trainable_variables])]


@pytest.mark.parametrize(
    ("channels", "filters", "asked"),
    [
        (3, 16, {"padding": "same"}),
        (1, 16, {"padding": "same", "use_bias": False}),
        (16, 3, {"padding": "same", "activation": "tanh"}),
        (16, 1, {"padding": "same"}),
        (3, 16, {"padding": "same", "strides": 2}),
        (3, 16, {"padding": "valid"}),
        (4, 8, {"padding": "same", "groups": 2}),
    ],
)
def test_it_computes_what_keras_does(channels, filters, asked):
    own, ours, images = both(channels, filters, **asked)
    for expected, found in zip(
        values_and_gradients(own, images),
        values_and_gradients(ours, images),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_it_takes_another_route_for_few_channels_on_a_processor(monkeypatch):
    """Else the tests above would compare Keras with itself."""
    taken = []
    monkeypatch.setattr(convolutions, "_multiply", lambda *a: taken.append(1) or a[0])
    for channels, filters in ((3, 16), (16, 3)):
        layer = Convolution(filters, 3, padding="same")
        layer.build((None, 8, 8, channels))
        for has_gpu, count in ((True, 0), (False, 1)):
            monkeypatch.setattr(
                convolutions.engine, "has_onednn", lambda gpu=has_gpu: not gpu
            )
            taken.clear()
            with pytest.MonkeyPatch.context() as context:
                context.setattr(layer, "use_bias", False)
                context.setattr(convolutions.ops, "conv", lambda x, *_, **__: x)
                layer.call(tf.zeros((1, 8, 8, channels)))
            assert len(taken) == count


@pytest.mark.parametrize("channels", [3, 8])
def test_the_doubling_convolution_computes_what_keras_does(channels, monkeypatch):
    own, ours = (
        layers.Conv2D(5, 3, padding="same", use_bias=False),
        DoublingConvolution(5),
    )
    for layer in (own, ours):
        layer.build((None, 8, 10, channels))
    ours.set_weights(own.get_weights())
    images = tf.random.uniform((COUNT, 8, 10, channels), -1, 1)
    expected = own(layers.UpSampling2D()(images))
    assert ours.compute_output_shape((COUNT, 8, 10, channels)) == (COUNT, 16, 20, 5)
    np.testing.assert_allclose(ours(Doubling()(images)), expected, atol=1e-5)
    pairs = [
        values_and_gradients(lambda x: own(layers.UpSampling2D()(x)), images, own),
        values_and_gradients(lambda x: ours(Doubling()(x)), images, ours),
    ]
    for one, other in zip(*pairs, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)
    # Elsewhere Keras' own route, of the same shapes.
    monkeypatch.setattr(convolutions.engine, "has_onednn", lambda: False)
    doubled = Doubling()(images)
    assert doubled.shape[1:] == (16, 20, channels)
    assert Doubling().compute_output_shape((COUNT, 8, 10, channels)) == doubled.shape
    np.testing.assert_allclose(ours(doubled), expected, atol=1e-5)


def test_in_bfloat16_an_activation_is_exact():
    own, ours, images = both(16, 3, "bfloat16", padding="same", activation="tanh")
    images = ours(images)
    assert images.dtype == tf.float32
    rounded = tf.cast(tf.cast(images, tf.bfloat16), tf.float32)
    assert np.mean(images != rounded) > 0.5
    assert {str(weight.dtype) for weight in ours.weights} == {"float32"}


def test_the_policy_of_before_comes_back():
    with pytest.raises(RuntimeError), computing_in("bfloat16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"


def kinds_in(network):
    kinds = {type(layer) for layer in network.layers if not hasattr(layer, "layers")}
    return kinds.union(
        *(kinds_in(layer) for layer in network.layers if hasattr(layer, "layers"))
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_copy_has_stock_layers_in_float32_and_the_weights(precision, tmp_path):
    with computing_in(precision):
        generator = generator_of((16, 16, 3), 5, (4, 4, 4), "batch")
        joined = photographs.join(
            generator, photographs.build_upsampler((16, 16, 3), 2)
        )
    assert {Convolution, Doubling, DoublingConvolution} <= kinds_in(joined)
    copy = copy_of(joined)
    assert {kind.__module__.split(".")[0] for kind in kinds_in(copy)} == {"keras"}
    copy.save(tmp_path / "a.h5", include_optimizer=False)
    loaded = keras.models.load_model(tmp_path / "a.h5", compile=False)
    inputs = tf.random.normal((COUNT, 5))
    limit = 1e-5 if precision == "float32" else 0.05
    np.testing.assert_allclose(loaded(inputs), joined(inputs), atol=limit)
    for one, other in zip(loaded.get_weights(), joined.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_copy_in_bfloat16_rounds_all_but_the_last_layer():
    network = classifier_of((16, 16, 3), 3, (4, 8), 0, network="residual")
    inputs = tf.random.uniform((COUNT, 16, 16, 3))
    copy = copy_of(network, "bfloat16")
    assert {str(weight.dtype) for weight in copy.weights} == {"float32"}
    assert copy.layers[-1].compute_dtype == "float32"
    assert {layer.compute_dtype for layer in copy.layers[1:-1]} == {"bfloat16"}
    np.testing.assert_allclose(copy(inputs), network(inputs), atol=0.03)


def test_a_copy_in_bfloat16_does_not_round_images():
    generator = generator_of((16, 16, 3), 5, (4, 4, 4))
    joined = photographs.join(generator, photographs.build_upsampler((16, 16, 3), 2))
    copy = copy_of(joined, "bfloat16")
    inputs = tf.random.normal((COUNT, 5))
    images = copy(inputs)
    rounded = tf.cast(tf.cast(images, tf.bfloat16), tf.float32)
    assert np.mean(images != rounded) > 0.9
    np.testing.assert_allclose(images, joined(inputs), atol=0.01)
