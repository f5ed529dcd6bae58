"""A twin of a network that shares its weights and computes faster.

Nearest-neighbour upsampling and a 3x3 convolution are one 4x4 transposed convolution,
with 4 multiplications a value instead of 9; batch normalization is one operation.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from foldergan.nn import fast_layers

_Shape = tuple[int | None, int, int, int]

# Each input pixel is repeated four times: which of the 9 taps of a 3x3 kernel make up
# each of the 16 of the 4x4 one. A matrix product sums them, for slices are slow.
_ALONG_AN_AXIS = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], np.float32)
_SUMS = np.kron(_ALONG_AN_AXIS, _ALONG_AN_AXIS)


def fast_twin(network: keras.Model, precision: str = "float32") -> keras.Model:
    """Builds the twin of a functional network, for training.

    Args:
        network: each `UpSampling2D` in it doubles the size by nearest neighbour and
            is followed by one 3x3 `Conv2D` without bias and nothing else.
        precision: "float32", or "bfloat16" for inputs and outputs of convolutions.

    Returns:
        A model on the network's own variables, the same within rounding.
    """
    # Inputs of upsamplings, which stand for their outputs, by id.
    doubled: dict[int, keras.KerasTensor] = {}

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> keras.KerasTensor:
        match layer:
            case layers.UpSampling2D():
                doubled[id(args[0])] = args[0]
                return args[0]
            case layers.Conv2D() if id(args[0]) in doubled:
                return _DoublingConvolution(layer, precision)(args[0])
            case layers.Conv2D():
                return _Convolution(layer, precision)(args[0])
            case layers.BatchNormalization() if len(args[0].shape) == 4:
                return _Normalization(layer)(args[0])
            case _:
                return layer(*args, **kwargs)

    return keras.models.clone_model(
        network, clone_function=lambda layer: layer, call_function=call
    )


class _Wrapper(layers.Layer):
    """A layer that computes with another's weights.

    Args:
        layer: the other.
        precision: of the computation.
    """

    def __init__(self, layer: layers.Layer, precision: str = "float32") -> None:
        super().__init__()
        self.layer = layer
        self.precision = precision
        self.built = True


class _DoublingConvolution(_Wrapper):
    """Doubles the size by nearest neighbour and convolves."""

    def call(self, values: tf.Tensor) -> tf.Tensor:
        *_, channels, filters = self.layer.kernel.shape
        taps = tf.reshape(self.layer.kernel, (9, channels * filters))
        kernel = tf.reshape(_SUMS @ taps, (4, 4, channels, filters))
        kernel = tf.transpose(kernel, (0, 1, 3, 2))
        count, (_, height, width, _) = tf.shape(values)[0], values.shape
        outputs = tf.nn.conv2d_transpose(
            tf.cast(values, self.precision),
            tf.cast(kernel, self.precision),
            (count, 2 * height, 2 * width, filters),
            2,
            "SAME",
        )
        return tf.cast(outputs, tf.float32)

    def compute_output_shape(self, shape: _Shape) -> _Shape:
        """Doubles height and width."""
        count, height, width, _ = shape
        return count, 2 * height, 2 * width, self.layer.filters


class _Convolution(_Wrapper):
    """Convolves by `fast_layers`, which is faster for few channels."""

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return fast_layers.convolve(values, self.layer, self.precision)

    def compute_output_shape(self, shape: _Shape) -> _Shape:
        """Keeps height and width."""
        return self.layer.compute_output_shape(shape)


class _Normalization(_Wrapper):
    """Normalizes by the batch in one operation."""

    def call(self, values: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training:
            return self.layer(values, training=False)
        return fast_layers.normalize(values, self.layer)

    def compute_output_shape(self, shape: _Shape) -> _Shape:
        """Keeps the shape."""
        return shape
