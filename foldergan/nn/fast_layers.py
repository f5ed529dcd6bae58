"""CPU-optimised equivalents of the layers: same function, same weights.

On a processor, oneDNN's convolutions reach most of what its matrix product reaches,
but for a few things, which take a quarter of a DCGAN's step and are done otherwise
here: convolutions that read or draw the few channels of an image, gradients of
biases, activations that keep their input for the gradient, and batch normalization.
A layer that is none of those known here is computed by Keras.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from foldergan.nn import plain_layers

_FEW = 4  # channels: oneDNN pads them to 16, and computes as many


def run(
    network: keras.Sequential, inputs: tf.Tensor, precision: str = "float32"
) -> tf.Tensor:
    """Computes ``network(inputs, training=True)``.

    Args:
        network: any; only layers that `_is_known` take a faster route.
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
            case layers.Dense() if _is_known(layer):
                values = tf.cast(values, precision) @ tf.cast(layer.kernel, precision)
                values = _finish(layer, tf.nn.bias_add(values, _bias(layer, values)))
            case layers.Conv2D() if _is_known(layer):
                values = convolve(values, layer, precision)
            case layers.Conv2DTranspose() if _is_known(layer):
                values = _convolve_transposed(tf.cast(values, precision), layer)
                values = _finish(layer, _add_bias(values, _bias(layer, values)))
            case layers.BatchNormalization() if len(values.shape) == 4 and _is_known(
                layer
            ):
                values = normalize(values, layer)
            case layers.LeakyReLU():
                values = _leaky_relu(values, layer.negative_slope)
            case _:
                values = layer(values, training=True)
    return tf.cast(values, tf.float32)


def optimized_copy(network: keras.Model, precision: str) -> keras.Model:
    """Copies a network to one that computes the same faster.

    It keeps its weights and its means in float32, and starts with those of `network`.

    Args:
        network: with one output; may hold others.
        precision: "float32", or "bfloat16" as of `plain_layers.copy_of`.
    """
    return plain_layers.copy_of(
        network, precision, {layers.BatchNormalization: _BatchNormalization}
    )


class _BatchNormalization(layers.BatchNormalization):
    """The same in one operation, where images are normalized by their batch."""

    def call(
        self,
        inputs: tf.Tensor,
        training: bool | None = None,
        mask: tf.Tensor | None = None,
    ) -> tf.Tensor:
        if training and len(inputs.shape) == 4 and _is_known(self):
            return normalize(inputs, self)
        return super().call(inputs, training=training, mask=mask)


def _is_known(layer: layers.Layer) -> bool:
    """Tells whether the routes here compute what a layer computes.

    They pad as "same" does, do not dilate or group, read channels last, and take a
    bias, or a scale and a center, for granted.
    """
    if isinstance(layer, layers.BatchNormalization):
        return layer.scale and layer.center and layer.axis in (-1, 3)
    if not layer.use_bias:
        return False
    return isinstance(layer, layers.Dense) or (
        layer.padding == "same"
        and layer.data_format == "channels_last"
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "output_padding", None) is None
    )


def _bias(layer: layers.Layer, values: tf.Tensor) -> tf.Tensor:
    return tf.cast(layer.bias, values.dtype)


def _finish(layer: layers.Layer, values: tf.Tensor) -> tf.Tensor:
    """Applies a layer's own activation, which bends too much for bfloat16."""
    if layer.activation is keras.activations.linear:
        return values
    return layer.activation(tf.cast(values, tf.float32))


def convolve(
    values: tf.Tensor, layer: layers.Conv2D, precision: str = "float32"
) -> tf.Tensor:
    """Computes a `Conv2D` that pads as "same" does, activation included.

    Args:
        values: tensor (n, height, width, channels).
        layer: with a bias or without.
        precision: as of `run`.
    """
    values = _convolve(tf.cast(values, precision), layer)
    if layer.use_bias:
        values = tf.nn.bias_add(values, _bias(layer, values))
    return _finish(layer, values)


def _convolve(values: tf.Tensor, layer: layers.Conv2D) -> tf.Tensor:
    """Convolves; images' few channels as matrix products over shifted copies."""
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


def normalize(values: tf.Tensor, layer: layers.BatchNormalization) -> tf.Tensor:
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


def _convolve_transposed(values: tf.Tensor, layer: layers.Conv2DTranspose) -> tf.Tensor:
    height, width = (values.shape[1 + axis] * layer.strides[axis] for axis in (0, 1))
    shape = (tf.shape(values)[0], height, width, layer.filters)
    kernel = tf.cast(layer.kernel, values.dtype)
    return tf.nn.conv2d_transpose(values, kernel, shape, layer.strides, "SAME")


def _multiply(values: tf.Tensor, matrix: tf.Tensor) -> tf.Tensor:
    """Multiplies the channels of (n, height, width, channels) by a matrix."""
    rows = tf.reshape(values, (-1, values.shape[3])) @ matrix
    return tf.reshape(rows, (-1, *values.shape[1:3], matrix.shape[1]))


def _shifts(height: int, width: int, channels: int) -> np.ndarray:
    """Makes the filters that copy an image's channels, shifted to each tap's place.

    Returns:
        float32 array (height, width, channels, height * width * channels) of 0 and 1.
    """
    taps = np.eye(height * width * channels, dtype=np.float32)
    return taps.reshape(height, width, channels, -1)


@tf.custom_gradient
def _add_bias(
    values: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    """Adds a bias to each channel; its gradient sums as a matrix product does."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count, *shape, channels = upstream.shape
        rows = tf.reshape(upstream, (-1, np.prod(shape), channels))
        ones = tf.ones((tf.shape(rows)[0], 1, rows.shape[1]), rows.dtype)
        sums = tf.cast(ones @ rows, tf.float32)
        return upstream, tf.cast(tf.reduce_sum(sums, (0, 1)), bias.dtype)

    return tf.nn.bias_add(values, bias), gradient


def _leaky_relu(values: tf.Tensor, negative_slope: float) -> tf.Tensor:
    """LeakyReLU whose gradient needs its output only, which has the input's sign.

    The input need not be kept then, and can be overwritten.
    """

    @tf.custom_gradient
    def activate(
        values: tf.Tensor,
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        outputs = tf.nn.leaky_relu(values, negative_slope)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.LeakyReluGrad(
                gradients=upstream, features=outputs, alpha=negative_slope
            )

        return outputs, gradient

    return activate(values)
