"""What the networks' layers compute, by cheaper routes: same function, same weights.

On a processor, oneDNN's convolutions reach most of what its matrix product reaches,
but for a few things, which take a quarter of a DCGAN's step and are done otherwise
here: convolutions that read or draw the few channels of a picture, gradients of
biases, activations that keep their input for the gradient, and batch normalization.
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

_FEW = 4  # channels: oneDNN pads them to 16, and computes as many


def run(network: keras.Sequential, inputs, precision: str = "float32"):
    """Computes ``network(inputs, training=True)``.

    Args:
        network: of layers that `foldergan.gan.networks` builds.
        inputs: float32 tensor.
        precision: "float32", or "bfloat16" for what convolutions and matrix products
            read and write. They add up in float32; weights, means and the result are
            float32.

    Returns:
        float32 tensor, the same within rounding.
    """
    values = inputs
    for layer in network.layers:
        match layer:
            case layers.Dense():
                values = tf.cast(values, precision) @ tf.cast(layer.kernel, precision)
                values = _finish(layer, tf.nn.bias_add(values, _bias(layer, values)))
            case layers.Conv2D():
                values = convolve(values, layer, precision)
            case layers.Conv2DTranspose():
                values = _convolve_transposed(tf.cast(values, precision), layer)
                values = _finish(layer, _add_bias(values, _bias(layer, values)))
            case layers.BatchNormalization() if len(values.shape) == 4:
                values = normalize(values, layer)
            case layers.LeakyReLU():
                values = _leaky_relu(values, layer.negative_slope)
            case _:
                values = layer(values, training=True)
    return tf.cast(values, tf.float32)


def optimized_copy(network: keras.Model, precision: str) -> keras.Model:
    """Makes a copy that computes by cheaper routes what `network` does.

    It keeps its weights and its means in float32, and starts with those of `network`.

    Args:
        network: with one output.
        precision: "float32", or "bfloat16" for all layers but the last.
    """
    *_, output = network.layers
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]

    def copied(layer):
        kind, dtype = type(layer), "float32" if layer is output else policy
        if kind is layers.BatchNormalization:
            kind = _BatchNormalization
        return kind.from_config(layer.get_config() | {"dtype": dtype})

    made = keras.models.clone_model(network, clone_function=copied)
    made.set_weights(network.get_weights())
    return made


class _BatchNormalization(layers.BatchNormalization):
    """The same in one operation, where pictures are normalized by their batch."""

    def call(self, inputs, training=None, mask=None):
        if training and len(inputs.shape) == 4:
            return normalize(inputs, self)
        return super().call(inputs, training=training, mask=mask)


def _bias(layer, values):
    return tf.cast(layer.bias, values.dtype)


def _finish(layer, values):
    """Applies a layer's own activation, which bends too much for bfloat16."""
    if layer.activation is keras.activations.linear:
        return values
    return layer.activation(tf.cast(values, tf.float32))


def convolve(values, layer, precision: str):
    """Computes a `Conv2D` of "same" padding, bias and activation included."""
    values = _convolve(tf.cast(values, precision), layer)
    if layer.use_bias:
        values = tf.nn.bias_add(values, _bias(layer, values))
    return _finish(layer, values)


def _convolve(values, layer):
    """Convolves; pictures' few channels as matrix products over shifted copies."""
    kernel = tf.cast(layer.kernel, values.dtype)
    height, width, channels, filters = layer.kernel.shape
    strides = layer.strides
    if channels <= _FEW and strides == (1, 1):
        shifts = tf.constant(_shifts(height, width, channels), values.dtype)
        copies = tf.nn.conv2d(values, shifts, 1, "SAME")
        return _multiply(copies, tf.reshape(kernel, (-1, filters)))
    if filters <= _FEW and strides == (1, 1):
        shifts = _shifts(height, width, filters).swapaxes(2, 3)
        matrix = tf.reshape(tf.transpose(kernel, (2, 0, 1, 3)), (channels, -1))
        copies = _multiply(values, matrix)
        return tf.nn.conv2d(copies, tf.constant(shifts, values.dtype), 1, "SAME")
    return tf.nn.conv2d(values, kernel, strides, "SAME")


def normalize(values, layer):
    """Normalizes by the batch, in one operation, and moves the layer's means on."""
    nothing = tf.zeros(0)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=values,
        scale=layer.gamma,
        offset=layer.beta,
        mean=nothing,
        variance=nothing,
        epsilon=layer.epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(values) / tf.size(mean), tf.float32)
    variance *= (count - 1) / count  # it comes as an estimate of the population's
    for moving, now in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(layer.momentum * moving + (1 - layer.momentum) * now)
    return outputs


def _convolve_transposed(values, layer):
    height, width = (values.shape[1 + axis] * layer.strides[axis] for axis in (0, 1))
    shape = (tf.shape(values)[0], height, width, layer.filters)
    kernel = tf.cast(layer.kernel, values.dtype)
    return tf.nn.conv2d_transpose(values, kernel, shape, layer.strides, "SAME")


def _multiply(values, matrix):
    """Multiplies the channels of (n, height, width, channels) by a matrix."""
    rows = tf.reshape(values, (-1, values.shape[3])) @ matrix
    return tf.reshape(rows, (-1, *values.shape[1:3], matrix.shape[1]))


def _shifts(height: int, width: int, channels: int) -> np.ndarray:
    """Makes the filters that copy a picture's channels, shifted to each tap's place.

    Returns:
        float32 array (height, width, channels, height * width * channels) of 0 and 1.
    """
    taps = np.eye(height * width * channels, dtype=np.float32)
    return taps.reshape(height, width, channels, -1)


@tf.custom_gradient
def _add_bias(values, bias):
    """Adds a bias to each channel; its gradient sums as a matrix product does."""

    def gradient(upstream):
        count, *shape, channels = upstream.shape
        rows = tf.reshape(upstream, (-1, np.prod(shape), channels))
        ones = tf.ones((tf.shape(rows)[0], 1, rows.shape[1]), rows.dtype)
        sums = tf.cast(ones @ rows, tf.float32)
        return upstream, tf.cast(tf.reduce_sum(sums, (0, 1)), bias.dtype)

    return tf.nn.bias_add(values, bias), gradient


def _leaky_relu(values, negative_slope: float):
    """LeakyReLU whose gradient needs its output only, which has the input's sign.

    The input need not be kept then, and can be overwritten.
    """

    @tf.custom_gradient
    def activate(values):
        outputs = tf.nn.leaky_relu(values, negative_slope)

        def gradient(upstream):
            return tf.raw_ops.LeakyReluGrad(
                gradients=upstream, features=outputs, alpha=negative_slope
            )

        return outputs, gradient

    return activate(values)
