"""A network that enlarges images and adds the detail that photographs have."""

import math

import keras
from keras import layers

_FILTERS = (32, 16, 16)  # at the size of its input, then after each doubling
_BLOCKS = 2  # residual blocks


def build_upsampler(image_shape: tuple[int, int, int], factor: int) -> keras.Model:
    """Builds the upsampler: residual blocks, then doublings.

    Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative
    Adversarial Network, 2017; without batch normalization, as Lim et al., Enhanced
    Deep Residual Networks for Single Image Super-Resolution, 2017. It starts as an
    enlargement by bilinear interpolation, to which it adds what it learns.

    Args:
        image_shape: (height, width, channels) of its input, values -1-1.
        factor: by which it enlarges, a power of two.

    Returns:
        Images of `factor` times that height and width, values about -1-1.
    """
    images = keras.Input(image_shape)
    values = layers.Conv2D(_FILTERS[0], 3, padding="same")(images)
    values = layers.LeakyReLU(negative_slope=0.2)(values)
    for _ in range(_BLOCKS):
        added = values
        for _ in range(2):
            added = layers.Conv2D(_FILTERS[0], 3, padding="same")(added)
            added = layers.LeakyReLU(negative_slope=0.2)(added)
        values = layers.Add()([values, added])
    for filters in _FILTERS[1 : 1 + int(math.log2(factor))]:
        values = layers.UpSampling2D()(values)
        for uses_bias in (False, True):
            values = layers.Conv2D(filters, 3, padding="same", use_bias=uses_bias)(
                values
            )
            values = layers.LeakyReLU(negative_slope=0.2)(values)
    detail = layers.Conv2D(
        image_shape[2], 3, padding="same", kernel_initializer="zeros"
    )(values)
    enlarged = layers.Resizing(
        *detail.shape[1:3], interpolation="bilinear", dtype="float32"
    )(images)
    return keras.Model(images, layers.Add()([enlarged, detail]), name="upsampler")


def join(generator: keras.Model, upsampler: keras.Model) -> keras.Model:
    """Joins both: the generator's inputs in, enlarged images out, values -1-1."""
    images = upsampler(generator(generator.inputs[0]))
    return keras.Model(
        generator.inputs[0],
        layers.Activation("hard_tanh", name="range")(images),
        name="upsampling_generator",
    )
