"""Convolutions that a processor computes faster, and copies of networks without them.

A network that trains may have layers of ours; what is saved has Keras' own alone, so
that plain Keras loads its file.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from foldergan import engine
from foldergan.images import Tensor

_Shape = tuple[int | None, int, int, int]

_FEW = 4  # channels: oneDNN pads them to 16, and computes as many
# Each input pixel is repeated four times: which of the 9 taps of a 3x3 kernel make up
# each of the 16 of a 4x4 one. A matrix product sums them, for slices are slow.
_ALONG_AN_AXIS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
_SUMS = np.kron(_ALONG_AN_AXIS, _ALONG_AN_AXIS)
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class Convolution(layers.Conv2D):
    """`Conv2D` of the same weights, by a route that is faster for few channels.

    For oneDNN it reads or draws images as a matrix product over shifted copies of the
    pixels, which saves 6 % of `dcgan-32`'s step. Its own activation is computed in
    float32, for tanh bends too much for bfloat16.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Computes feature maps; float32 after an activation."""
        *_, channels, filters = self.kernel.shape
        is_plain = (self.strides, self.dilation_rate) == ((1, 1), (1, 1))
        is_plain &= self.padding == "same" and self.groups == 1
        if not is_plain or min(channels, filters) > _FEW or not engine.has_onednn():
            outputs = self.convolution_op(inputs, self.kernel)
        elif channels <= _FEW:
            outputs = _convolve_few_channels(inputs, self.kernel)
        else:
            outputs = _convolve_to_few_channels(inputs, self.kernel)
        if self.use_bias:
            outputs += self.bias
        if self.activation is keras.activations.linear:
            return outputs
        return self.activation(ops.cast(outputs, "float32"))


class Doubling(layers.UpSampling2D):
    """`UpSampling2D`, left to the `DoublingConvolution` that follows it."""

    def call(self, inputs: Tensor) -> Tensor:
        """Returns maps as they are for oneDNN, else twice as high and wide."""
        return inputs if engine.has_onednn() else super().call(inputs)

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Tells the shape of what `call` returns."""
        if engine.has_onednn():
            return input_shape
        return super().compute_output_shape(input_shape)


class DoublingConvolution(layers.Conv2D):
    """A 3x3 `Conv2D` without bias that doubles the size by nearest neighbour first.

    Both are one 4x4 transposed convolution, with 4 multiplications a value instead of
    9, which saves a quarter of `photo-128`'s step where the backbone is small.

    Args:
        filters: of the convolution.
    """

    def __init__(self, filters: int, **of_keras: Any) -> None:
        asked = {"kernel_size": 3, "padding": "same", "use_bias": False}
        super().__init__(filters, **(of_keras | asked))

    def call(self, inputs: Tensor) -> Tensor:
        """Computes maps from those of `Doubling`, with oneDNN not doubled yet."""
        if not engine.has_onednn():
            return super().call(inputs)
        *_, channels, filters = self.kernel.shape
        taps = ops.reshape(self.kernel, (9, channels * filters))
        sums = ops.cast(_SUMS, taps.dtype) @ taps
        kernel = ops.reshape(sums, (4, 4, channels, filters))
        kernel = ops.transpose(kernel, (0, 1, 3, 2))
        return ops.conv_transpose(inputs, kernel, strides=2, padding="same")

    def compute_output_shape(self, input_shape: _Shape) -> _Shape:
        """Tells the shape of what `call` returns."""
        count, height, width, _ = super().compute_output_shape(input_shape)
        factor = 2 if engine.has_onednn() else 1
        return count, factor * height, factor * width, self.filters


_STOCK = {
    Convolution: layers.Conv2D,
    Doubling: layers.UpSampling2D,
    DoublingConvolution: layers.Conv2D,
}


def _convolve_few_channels(images: Tensor, kernel: Tensor) -> Tensor:
    height, width, channels, filters = kernel.shape
    shifts = ops.cast(_shifts(height, width, channels), images.dtype)
    copies = ops.conv(images, shifts, padding="same")
    return _multiply(copies, ops.reshape(kernel, (-1, filters)))


def _convolve_to_few_channels(maps: Tensor, kernel: Tensor) -> Tensor:
    height, width, channels, filters = kernel.shape
    shifts = _shifts(height, width, filters).swapaxes(2, 3)
    matrix = ops.reshape(ops.transpose(kernel, (2, 0, 1, 3)), (channels, -1))
    copies = _multiply(maps, matrix)
    return ops.conv(copies, ops.cast(shifts, maps.dtype), padding="same")


def _multiply(values: Tensor, matrix: Tensor) -> Tensor:
    """Multiplies the channels of (n, height, width, channels) by a matrix."""
    rows = ops.reshape(values, (-1, values.shape[3])) @ matrix
    return ops.reshape(rows, (-1, *values.shape[1:3], matrix.shape[1]))


def _shifts(height: int, width: int, channels: int) -> np.ndarray:
    """Makes the filters that copy an image's channels, shifted to each tap's place.

    Returns:
        float32 array (height, width, channels, height * width * channels) of 0 and 1.
    """
    taps = np.eye(height * width * channels, dtype=np.float32)
    return taps.reshape(height, width, channels, -1)


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Lets networks that are built inside compute in a precision.

    Args:
        precision: "float32", or "bfloat16" for what layers read and write; weights and
            means stay in float32.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def copy_of(network: keras.Model, precision: str = "float32") -> keras.Model:
    """Copies a network, and its weights, to one of Keras' own layers.

    Args:
        network: with one output; may hold others.
        precision: "float32", or "bfloat16" for all layers but those whose outputs have
            the rank and the channels of the network's own: nothing else is added up to
            images.
    """
    of_network = network.output_shape

    def copied(layer: layers.Layer) -> layers.Layer:
        shape = layer.output.shape
        is_exact = len(shape) == len(of_network) and shape[-1] == of_network[-1]
        policy = _POLICIES["float32" if is_exact else precision]
        kind = _STOCK.get(type(layer), type(layer))
        return kind.from_config(layer.get_config() | {"dtype": policy})

    made = keras.models.clone_model(network, clone_function=copied, recursive=True)
    made.set_weights(network.get_weights())
    return made


def in_precision(network: keras.Model, precision: str) -> keras.Model:
    """Lets a trained network compute in a precision; in float32 it is left alone."""
    return network if precision == "float32" else copy_of(network, precision)
