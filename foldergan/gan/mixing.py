"""What a discriminator is shown of an image by a frozen, pretrained backbone.

Sauer et al., Projected GANs Converge Faster, 2021: random convolutions that are never
trained spread what a backbone has learned over all channels, and carry it from coarse
maps to fine ones, so that no head can rely on a few channels only.
"""

import math

import keras
import numpy as np
from keras import layers


def build_feature_network(
    stages: list, images, widths: list[int], seed: int
) -> keras.Model:
    """Builds the frozen network that shows an image to the heads.

    Args:
        stages: symbolic feature maps of `images`, the largest first.
        images: symbolic input, (n, height, width, channels), -1 to 1.
        widths: channels of each mixed map, as many as stages.
        seed: of the random convolutions.

    Returns:
        Images -1 to 1 in; out one mixed map a stage, the largest first, then the
        images twice, for the heads over pixels, and last the pooled features of the
        last stage, (n, d). See `calibrate`.
    """
    numbers = iter(range(10**6))

    def convolve(values, width, size):
        kernel = keras.initializers.HeNormal(seed=seed * 1000 + next(numbers))
        return layers.Conv2D(
            width, size, padding="same", use_bias=False, kernel_initializer=kernel
        )(values)

    def normalize(values):
        # Momentum 0: one batch sets them, see `calibrate`.
        return layers.BatchNormalization(momentum=0.0, center=False, scale=False)(
            values
        )

    mixed, coarser = [], None
    for values, width in zip(reversed(stages), reversed(widths), strict=True):
        values = normalize(convolve(normalize(values), width, 1))
        if coarser is not None:
            coarser = convolve(coarser, width, 3)
            coarser = _resize(coarser, values.shape[1:3])
            values = normalize(layers.Add()([values, coarser]))
        mixed.insert(0, values)
        coarser = values
    pooled = layers.GlobalAveragePooling2D()(stages[-1])
    return keras.Model(images, [*mixed, images, images, pooled], name="feature_network")


def stride_of(values, images) -> int:
    """Finds by how much a map is smaller than its images, as a power of two."""
    return 2 ** round(math.log2(images.shape[1] / values.shape[1]))


def _resize(values, size: tuple[int, int]):
    """Enlarges a map, each value blending into the next."""
    factors = [big / small for big, small in zip(size, values.shape[1:3], strict=True)]
    if all(factor == int(factor) for factor in factors):
        factors = [int(factor) for factor in factors]
        return layers.UpSampling2D(factors, interpolation="bilinear")(values)
    return layers.Resizing(*size, interpolation="bilinear")(values)


def calibrate(view: keras.Model, images: np.ndarray) -> None:
    """Scales every channel to mean 0 and deviation 1 over real images, once.

    Args:
        view: as of `build_feature_network`.
        images: float32 array (n, height, width, channels), -1 to 1; a hundred do.
    """
    view(images, training=True)
    view.trainable = False
