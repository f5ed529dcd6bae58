"""The features that a discriminator sees: mixed maps of a pretrained backbone.

Sauer et al., Projected GANs Converge Faster, 2021: random convolutions, never trained,
mix a backbone's features across channels, and across scales from coarse maps to fine
ones, so that no head can rely on a few channels only.
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from foldergan import engine


def build_feature_network(
    stages: list[keras.KerasTensor],
    images: keras.KerasTensor,
    widths: list[int],
    seed: int,
) -> keras.Model:
    """Builds the frozen network whose outputs the heads look at.

    Args:
        stages: symbolic feature maps of `images`, the largest first.
        images: symbolic input, (n, height, width, channels), -1 to 1.
        widths: channels of each mixed map, as many as stages.
        seed: of the random convolutions.

    Returns:
        Images -1 to 1 in; out one mixed map for each stage, the largest first, then
        the images twice, for the heads over pixels, and last the pooled features of
        the last stage, (n, d). See `calibrate`.
    """
    numbers = iter(range(10**6))

    def convolve(values: keras.KerasTensor, width: int, size: int) -> keras.KerasTensor:
        return layers.Conv2D(
            width,
            size,
            padding="same",
            use_bias=False,
            kernel_initializer=_he_normal((seed, next(numbers))),
        )(values)

    def normalize(values: keras.KerasTensor) -> keras.KerasTensor:
        # Momentum 0: one batch sets mean and variance, see `calibrate`.
        return layers.BatchNormalization(momentum=0.0, center=False, scale=False)(
            values
        )

    mixed: list[keras.KerasTensor] = []
    coarser = None
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


def _he_normal(seed: tuple[int, int]) -> Callable[..., np.ndarray]:
    """Draws a kernel (He et al., Delving Deep into Rectifiers, 2015).

    No state holds the kernels, so NumPy draws them: a training that goes on with the
    other backend must find the same.
    """

    def draw(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        deviation = math.sqrt(2 / math.prod(shape[:-1]))
        return np.random.default_rng(seed).normal(0, deviation, shape).astype(dtype)

    return draw


def maps_of(outputs: list[keras.KerasTensor]) -> list[keras.KerasTensor]:
    """Picks the mixed maps of what a feature network returns."""
    *maps, _, _, _ = outputs
    return maps


def stride_of(values: keras.KerasTensor, images: keras.KerasTensor) -> int:
    """Computes the stride of a map to its images, as a power of two."""
    return 2 ** round(math.log2(images.shape[1] / values.shape[1]))


def _resize(values: keras.KerasTensor, size: tuple[int, int]) -> keras.KerasTensor:
    """Upsamples a map by bilinear interpolation."""
    factors = [big / small for big, small in zip(size, values.shape[1:3], strict=True)]
    if all(factor == int(factor) for factor in factors):
        factors = [int(factor) for factor in factors]
        return layers.UpSampling2D(factors, interpolation="bilinear")(values)
    return layers.Resizing(*size, interpolation="bilinear")(values)


def calibrate(feature_network: keras.Model, images: np.ndarray) -> None:
    """Calibrates a feature network with real images, once, and freezes it.

    Over these every channel of its mixed maps has mean 0 and standard deviation 1.

    Args:
        feature_network: as of `build_feature_network`.
        images: float32 array (n, height, width, channels), -1 to 1; a hundred are
            enough.
    """
    # Compiled, for then a layer's outputs are held no longer than they are needed.
    calibrate_by = engine.compiled(
        lambda batch: feature_network(batch, training=True)[-1],
        [((None, *images.shape[1:]), "float32")],
        moved=lambda: [feature_network],
    )
    own = np.asarray(images)[engine.own_rows(len(images))]
    calibrate_by(engine.whole(own, len(images)))
    feature_network.trainable = False
