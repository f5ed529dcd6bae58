"""The light networks that judge what a frozen backbone shows of an image."""

import keras
from keras import layers

_LEAST_SIZE = 4  # height or width up to which a map is not halved


class ProjectedHeads(keras.Model):
    """One network for each output of a view.

    Args:
        heads: networks that each take one output and end in logits.
    """

    def __init__(self, heads: list[keras.Model]):
        super().__init__(name="discriminator")
        self.heads = heads
        self.built = True  # for every head is


def build_heads(
    view: keras.Model, width: int, filters: tuple[int, ...], num_classes: int
) -> ProjectedHeads:
    """Builds the networks that judge what a view shows.

    Args:
        view: as of `mixing.build_mixed_view`: mixed maps, then the images twice.
        width: of each convolution over a mixed map.
        filters: width of each halving of the head that judges the whole image; the
            first two are those of the head that judges patches.
        num_classes: for each a further output, see `losses.logits_of`.
    """
    *maps, images, _ = view.outputs
    heads = [build_head(values.shape[1:], width, num_classes) for values in maps]
    whole = build_pixel_head(images.shape[1:], filters, num_classes)
    patches = build_patch_head(images.shape[1:], filters[:2], num_classes)
    return ProjectedHeads([*heads, whole, patches])


def build_head(shape, width: int, num_classes: int):
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


def _convolve(values, width, size, strides):
    values = layers.SpectralNormalization(
        layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False)
    )(values)
    values = layers.BatchNormalization()(values)
    return layers.LeakyReLU(negative_slope=0.2)(values)


def build_pixel_head(image_shape, filters, num_classes: int):
    """Builds the head that judges colours and textures of the whole image."""
    values = inputs = keras.Input(image_shape)
    for filters_out in filters:
        values = layers.Conv2D(filters_out, 4, strides=2, padding="same")(values)
        values = layers.LeakyReLU(negative_slope=0.2)(values)
    values = layers.Flatten()(values)
    return keras.Model(inputs, layers.Dense(1 + num_classes)(values))


def build_patch_head(image_shape, filters, num_classes: int):
    """Judges every other pixel by what is a few pixels around it.

    Isola et al., Image-to-Image Translation with Conditional Adversarial Networks,
    2017.
    """
    values = inputs = keras.Input(image_shape)
    for filters_out in filters:
        values = layers.Conv2D(filters_out, 4, strides=2, padding="same")(values)
        values = layers.LeakyReLU(negative_slope=0.2)(values)
    logits = layers.Conv2D(1 + num_classes, 3, padding="same")(values)
    return keras.Model(inputs, logits)
