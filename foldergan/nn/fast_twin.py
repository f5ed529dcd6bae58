"""A twin of a network that shares its weights and computes by cheaper routes.

Repeating pixels and then convolving by 3x3 is one transposed convolution by 4x4, of 4
multiplications a value instead of 9; batch normalization is one operation.
"""

import keras
import tensorflow as tf
from keras import layers

from foldergan.nn import fast_layers


def fast_twin(network: keras.Model, precision: str = "float32") -> keras.Model:
    """Builds the twin of a functional network, for training.

    Args:
        network: each `UpSampling2D` in it repeats pixels twice and is followed by
            one 3x3 `Conv2D` without bias and nothing else.
        precision: "float32", or "bfloat16" for what convolutions read and write.

    Returns:
        A model on the network's own variables, the same within rounding.
    """
    doubled = {}  # what an upsampling would return -> what it was given

    def call(layer, *args, **kwargs):
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
        precision: of what it reads and writes inside.
    """

    def __init__(self, layer, precision: str = "float32"):
        super().__init__()
        self.layer = layer
        self.precision = precision
        self.built = True


class _DoublingConvolution(_Wrapper):
    """Doubles the size by repeating pixels and convolves."""

    def call(self, values):
        kernel = tf.pad(self.layer.kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
        # Each input pixel stands in four places: a kernel's sum over those.
        kernel = kernel[1:, 1:] + kernel[:-1, 1:] + kernel[1:, :-1] + kernel[:-1, :-1]
        kernel = tf.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))
        count, (_, height, width, _) = tf.shape(values)[0], values.shape
        outputs = tf.nn.conv2d_transpose(
            tf.cast(values, self.precision),
            tf.cast(kernel, self.precision),
            (count, 2 * height, 2 * width, kernel.shape[2]),
            2,
            "SAME",
        )
        return tf.cast(outputs, tf.float32)

    def compute_output_shape(self, shape):
        """Doubles height and width."""
        count, height, width, _ = shape
        return count, 2 * height, 2 * width, self.layer.filters


class _Convolution(_Wrapper):
    """Convolves; few channels by `fast_layers`' cheaper route."""

    def call(self, values):
        return fast_layers.convolve(values, self.layer, self.precision)

    def compute_output_shape(self, shape):
        """Keeps height and width."""
        return self.layer.compute_output_shape(shape)


class _Normalization(_Wrapper):
    """Normalizes by the batch in one operation."""

    def call(self, values, training=None):
        if not training:
            return self.layer(values, training=False)
        return fast_layers.normalize(values, self.layer)

    def compute_output_shape(self, shape):
        """Keeps the shape."""
        return shape
