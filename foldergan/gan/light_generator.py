"""A generator for photographs that a CPU can train: few, cheap convolutions.

Liu et al., Towards Faster and Stabilized GAN Training for High-fidelity Few-shot Image
Synthesis, 2021. It upsamples by nearest neighbour, for transposed convolutions leave
checkerboard artifacts, and has their skip-layer excitation: small maps rescale the
channels of large ones. It has stock layers only, so that plain Keras loads its file.
"""

import keras
from keras import layers

from foldergan.config.settings import GAN
from foldergan.gan import networks

_MODULATED = 3  # doublings, from the first, that the latent vector modulates
_EXCITATION = 4  # doublings between the two maps of a skip-layer excitation


def build_light_generator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Model:
    """Builds the generator.

    Args:
        settings: its latent_dim and generator_filters.
        image_shape: (height, width, channels) of the images; values -1-1.
        num_classes: further inputs behind the latent vector, see
            `networks.encode_classes`.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    filters, channels = settings.generator_filters, image_shape[2]
    base = networks.first_block_shape(settings, image_shape)
    inputs = keras.Input((settings.latent_dim + num_classes,))
    values = layers.Dense(base[0] * base[1] * base[2], use_bias=False)(inputs)
    values = _activate(layers.Reshape(base)(values))
    maps = [values]
    for number, filters_out in enumerate(filters[1:], 1):
        values = layers.UpSampling2D()(values)
        values = layers.Conv2D(filters_out, 3, padding="same", use_bias=False)(values)
        values = _activate(values)
        if number <= _MODULATED:
            factors = layers.Dense(filters_out, bias_initializer="ones")(inputs)
            values = _rescale(values, factors)
        if number >= _EXCITATION:
            values = _excite(values, maps[number - _EXCITATION])
        maps.append(values)
    images = layers.Conv2D(channels, 3, padding="same", activation="tanh")(values)
    return keras.Model(inputs, images, name="generator")


def _activate(values: keras.KerasTensor) -> keras.KerasTensor:
    values = layers.BatchNormalization(momentum=0.9)(values)
    return layers.LeakyReLU(negative_slope=0.2)(values)


def _excite(
    values: keras.KerasTensor, small_map: keras.KerasTensor
) -> keras.KerasTensor:
    """Rescales each channel by a gate, 0 to 1, computed from a pooled small map."""
    pooled = layers.GlobalAveragePooling2D()(small_map)
    gates = layers.Dense(values.shape[-1], activation="leaky_relu")(pooled)
    gates = layers.Dense(values.shape[-1], activation="sigmoid")(gates)
    return _rescale(values, gates)


def _rescale(
    values: keras.KerasTensor, factors: keras.KerasTensor
) -> keras.KerasTensor:
    return layers.Multiply()([values, layers.Reshape((1, 1, -1))(factors)])
