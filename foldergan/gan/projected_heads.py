"""The light heads of a discriminator that looks through a frozen backbone."""

import keras
from keras import layers

from foldergan.config.settings import GAN
from foldergan.gan.projection import ProjectedDiscriminator

_LEAST_SIZE = 4  # height or width up to which a map is not halved


def build_heads(
    settings: GAN, feature_network: keras.Model, num_classes: int
) -> ProjectedDiscriminator:
    """Builds a head for each output of a feature network.

    Args:
        settings: its feature_filters, filters of each convolution over a mixed map,
            and its discriminator_filters, of each halving of the head over the whole
            image, of which the head over patches has the first two.
        feature_network: as of `mixing.build_feature_network`.
        num_classes: for each a further output, see `losses.logits_of`.
    """
    *maps, images, _, _ = feature_network.outputs
    filters = settings.discriminator_filters
    heads = [
        build_head(of_map.shape[1:], settings.feature_filters, num_classes)
        for of_map in maps
    ]
    whole = build_pixel_head(images.shape[1:], filters, num_classes)
    patches = build_patch_head(images.shape[1:], filters[:2], num_classes)
    return ProjectedDiscriminator([*heads, whole, patches])


def build_head(
    shape: tuple[int, int, int], width: int, num_classes: int
) -> keras.Model:
    """Builds the head of one mixed map: halvings, then one logit for the image.

    Args:
        shape: (height, width, channels) of the map.
        width: of each convolution.
        num_classes: for each a further output, see `losses.logits_of`.
    """
    values = inputs = keras.Input(shape)
    if max(shape[:2]) <= _LEAST_SIZE:
        values = _convolve(values, width, 3, 1)
    while max(values.shape[1:3]) > _LEAST_SIZE:
        values = _convolve(values, width, 4, 2)
    logits = layers.SpectralNormalization(
        layers.Conv2D(1 + num_classes, values.shape[1:3], padding="valid")
    )(values)
    return keras.Model(inputs, logits)


def _convolve(
    values: keras.KerasTensor, width: int, size: int, strides: int
) -> keras.KerasTensor:
    values = layers.SpectralNormalization(
        layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False)
    )(values)
    values = layers.BatchNormalization()(values)
    return layers.LeakyReLU(negative_slope=0.2)(values)


def build_pixel_head(
    image_shape: tuple[int, int, int], filters: tuple[int, ...], num_classes: int
) -> keras.Model:
    """Builds the head over all pixels of the image, for colours and textures."""
    values = inputs = keras.Input(image_shape)
    for filters_out in filters:
        values = layers.Conv2D(filters_out, 4, strides=2, padding="same")(values)
        values = layers.LeakyReLU(negative_slope=0.2)(values)
    values = layers.Flatten()(values)
    return keras.Model(inputs, layers.Dense(1 + num_classes)(values))


def build_patch_head(
    image_shape: tuple[int, int, int], filters: tuple[int, ...], num_classes: int
) -> keras.Model:
    """Builds the head over overlapping patches of the pixels, four pixels apart.

    A patch discriminator: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017.
    """
    values = inputs = keras.Input(image_shape)
    for filters_out in filters:
        values = layers.Conv2D(filters_out, 4, strides=2, padding="same")(values)
        values = layers.LeakyReLU(negative_slope=0.2)(values)
    logits = layers.Conv2D(1 + num_classes, 3, padding="same")(values)
    return keras.Model(inputs, logits)
