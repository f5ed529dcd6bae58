"""The networks that draw photographs through a pretrained backbone.

`build_networks` makes all of them: what the discriminator sees (mixed maps of the
backbone), its light heads, a light generator of small images, and an upsampler.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from foldergan import engine
from foldergan.backbones.loading import load_backbone
from foldergan.config.settings import GAN
from foldergan.gan import networks
from foldergan.gan.networks import Heads
from foldergan.nn.convolutions import (
    Convolution,
    Doubling,
    DoublingConvolution,
    computing_in,
)

# Channels of the mixed maps, by the stride of the map.
_MIXED_CHANNELS = {4: 48, 8: 64, 16: 128, 32: 128}
_LEAST_SIZE = 4  # height or width up to which a head does not halve a map
_MODULATED = 3  # doublings of the generator, from the first, that latents modulate
_EXCITATION = 4  # doublings between the two maps of a skip-layer excitation
_UPSAMPLER_FILTERS = (32, 16, 16)  # at the size of its input, after each doubling
_UPSAMPLER_BLOCKS = 2  # residual blocks
_UPSAMPLED_FILTERS = (24, 48, 64)  # of what tells real from upsampled images


class Networks(NamedTuple):
    """All that takes part in a training on photographs.

    Attributes:
        discriminator: a head for each map and image of the feature network.
        generator: latent vectors and scaled classes in, small images out.
        feature_network: what the discriminator sees of small images.
        upsampling: the upsampler, what tells its images from real ones, and a feature
            network of large images; None where the generator draws at full size.
    """

    discriminator: Heads
    generator: keras.Model
    feature_network: keras.Model
    upsampling: tuple[keras.Model, keras.Model, keras.Model] | None = None


def build_networks(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> Networks:
    """Builds the networks of a backbone.

    The generator and the upsampler compute in the settings' precision, the others in
    float32.

    Args:
        settings: its backbone, widths and precision.
        image_shape: (height, width, channels).
        num_classes: 0 where the networks are given no classes.
        seed: of the random convolutions behind the backbone.

    Raises:
        InputError: the generator cannot reach that shape, or the backbone does not fit
            the images or is not to be had.
    """
    name, precision = settings.backbone, settings.computed_in
    # Those of a start know one seed's convolutions.
    seed = seed if settings.start_from == "none" else 0
    settings.require_reach(image_shape)
    factor = settings.upsampling(image_shape)
    height, width, channels = image_shape
    small = (height // factor, width // factor, channels)
    # Backbones have learned from large images, and see more in upsampled small ones.
    feature_network = _features_of_backbone(name, small, 2, seed)
    discriminator = build_heads(settings, feature_network, num_classes)
    with computing_in(precision):
        generator = build_generator(settings, small, num_classes)
    if factor == 1:
        return Networks(discriminator, generator, feature_network)
    with computing_in(precision):
        upsampler = build_upsampler(small, factor)
    upsampling = (
        upsampler,
        _build_patch_head(image_shape, _UPSAMPLED_FILTERS, 0),
        _features_of_backbone(name, image_shape, 1, seed),
    )
    return Networks(discriminator, generator, feature_network, upsampling)


# What the discriminator sees.


def _features_of_backbone(
    name: str, image_shape: tuple[int, int, int], enlarged: int, seed: int
) -> keras.Model:
    """Builds the feature network of a backbone that sees images, perhaps upsampled."""
    height, width, channels = image_shape
    seen_shape = (height * enlarged, width * enlarged, channels)
    seen = images = keras.Input(image_shape, name="images")
    if enlarged > 1:
        seen = layers.UpSampling2D(enlarged, interpolation="bilinear")(images)
    stages = load_backbone(name, seen_shape)(layers.Rescaling(0.5, offset=0.5)(seen))
    strides = [2 ** round(math.log2(seen.shape[1] / x.shape[1])) for x in stages]
    widths = [_MIXED_CHANNELS[stride] for stride in strides]
    return build_feature_network(stages, images, widths, seed)


def build_feature_network(
    stages: list[keras.KerasTensor],
    images: keras.KerasTensor,
    widths: list[int],
    seed: int,
) -> keras.Model:
    """Builds the frozen network whose outputs the heads see.

    Sauer et al., Projected GANs Converge Faster, 2021: random convolutions, never
    trained, mix a backbone's features across channels, and across scales from coarse
    maps to fine ones, so that no head can rely on a few channels only.

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
    numbers = itertools.count()

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
    for values, width in zip(reversed(stages), reversed(widths), strict=True):
        values = normalize(convolve(normalize(values), width, 1))
        if mixed:
            coarser = convolve(mixed[0], width, 3)
            size = values.shape[1:3]
            coarser = layers.Resizing(*size, interpolation="bilinear")(coarser)
            values = normalize(layers.Add()([values, coarser]))
        mixed.insert(0, values)
    pooled = layers.GlobalAveragePooling2D()(stages[-1])
    return keras.Model(images, [*mixed, images, images, pooled], name="feature_network")


def maps_of(outputs: list[Any]) -> list[Any]:
    """Picks the mixed maps of what a feature network returns."""
    return outputs[:-3]


def calibrate(feature_network: keras.Model, images: np.ndarray) -> None:
    """Calibrates a feature network with real images, once, and freezes it.

    Over these every channel of its mixed maps has mean 0 and standard deviation 1.

    Args:
        feature_network: made by `build_feature_network`.
        images: float32 array (n, height, width, channels), -1 to 1; some hundred.
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


def calibrated(feature_network: keras.Model) -> list[layers.Layer]:
    """Lists the layers that `calibrate` sets."""
    return [
        layer
        for layer in feature_network.layers
        if isinstance(layer, layers.BatchNormalization) and layer.momentum == 0
    ]


def _he_normal(seed: tuple[int, int]) -> Callable[..., np.ndarray]:
    """Draws a kernel (He et al., Delving Deep into Rectifiers, 2015).

    No state holds the kernels, so NumPy draws them: a training resumed with the
    other backend must find the same.
    """

    def draw(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        deviation = math.sqrt(2 / math.prod(shape[:-1]))
        return np.random.default_rng(seed).normal(0, deviation, shape).astype(dtype)

    return draw


# The heads of the discriminator; each ends in 1 + num_classes outputs.


def build_heads(settings: GAN, feature_network: keras.Model, num_classes: int) -> Heads:
    """Builds a head for each output of a feature network.

    The settings' feature_filters are of each convolution over a mixed map, and their
    discriminator_filters of each halving of the head over the whole image, of which
    the head over patches has the first two.
    """
    *maps, images, _, _ = feature_network.outputs
    image_shape, filters = images.shape[1:], settings.discriminator_filters
    heads = [
        _build_head(of_map.shape[1:], settings.feature_filters, num_classes)
        for of_map in maps
    ]
    whole = _build_pixel_head(image_shape, filters, num_classes)
    patches = _build_patch_head(image_shape, filters[:2], num_classes)
    return Heads([*heads, whole, patches])


def _build_head(
    shape: tuple[int, int, int], width: int, num_classes: int
) -> keras.Model:
    """Halves a map while it is larger than 4 pixels, then one logit for the image."""

    def convolve(
        values: keras.KerasTensor, size: int, strides: int
    ) -> keras.KerasTensor:
        values = layers.SpectralNormalization(
            layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False)
        )(values)
        values = layers.BatchNormalization()(values)
        return layers.LeakyReLU(negative_slope=0.2)(values)

    values = inputs = keras.Input(shape)
    if max(shape[:2]) <= _LEAST_SIZE:
        values = convolve(values, 3, 1)
    while max(values.shape[1:3]) > _LEAST_SIZE:
        values = convolve(values, 4, 2)
    logits = layers.SpectralNormalization(
        layers.Conv2D(1 + num_classes, values.shape[1:3], padding="valid")
    )(values)
    return keras.Model(inputs, logits)


def _halved(values: keras.KerasTensor, filters: tuple[int, ...]) -> keras.KerasTensor:
    for filters_out in filters:
        values = layers.Conv2D(filters_out, 4, strides=2, padding="same")(values)
        values = layers.LeakyReLU(negative_slope=0.2)(values)
    return values


def _build_pixel_head(
    image_shape: tuple[int, int, int], filters: tuple[int, ...], num_classes: int
) -> keras.Model:
    """Looks at all pixels of the image, for colours and textures."""
    inputs = keras.Input(image_shape)
    values = layers.Flatten()(_halved(inputs, filters))
    return keras.Model(inputs, layers.Dense(1 + num_classes)(values))


def _build_patch_head(
    image_shape: tuple[int, int, int], filters: tuple[int, ...], num_classes: int
) -> keras.Model:
    """Looks at overlapping patches of the pixels, as a patch discriminator.

    Isola et al., Image-to-Image Translation with Conditional Adversarial Networks,
    2017.
    """
    inputs = keras.Input(image_shape)
    values = _halved(inputs, filters)
    logits = layers.Conv2D(1 + num_classes, 3, padding="same")(values)
    return keras.Model(inputs, logits)


# The generator.


def build_generator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Model:
    """Builds a generator that a CPU can train: few, cheap convolutions.

    Liu et al., Towards Faster and Stabilized GAN Training for High-fidelity Few-shot
    Image Synthesis, 2021. It upsamples by nearest neighbour, for transposed
    convolutions leave checkerboard artifacts, and has their skip-layer excitation:
    small maps rescale the channels of large ones.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    base = networks.first_block_shape(settings, image_shape)
    inputs = keras.Input((settings.latent_dim + num_classes,))
    values = layers.Dense(math.prod(base), use_bias=False)(inputs)
    values = _activate(layers.Reshape(base)(values))
    maps = [values]
    for number, filters in enumerate(settings.generator_filters[1:], 1):
        values = _activate(DoublingConvolution(filters)(Doubling()(values)))
        if number <= _MODULATED:
            factors = layers.Dense(filters, bias_initializer="ones")(inputs)
            values = _rescale(values, factors)
        if number >= _EXCITATION:  # a gate, 0 to 1, for each channel
            pooled = layers.GlobalAveragePooling2D()(maps[number - _EXCITATION])
            gates = layers.Dense(filters, activation="leaky_relu")(pooled)
            gates = layers.Dense(filters, activation="sigmoid")(gates)
            values = _rescale(values, gates)
        maps.append(values)
    images = Convolution(image_shape[2], 3, padding="same", activation="tanh")(values)
    return keras.Model(inputs, images, name="generator")


def _activate(values: keras.KerasTensor) -> keras.KerasTensor:
    values = layers.BatchNormalization(momentum=0.9)(values)
    return layers.LeakyReLU(negative_slope=0.2)(values)


def _rescale(
    values: keras.KerasTensor, factors: keras.KerasTensor
) -> keras.KerasTensor:
    return layers.Multiply()([values, layers.Reshape((1, 1, -1))(factors)])


# What upsamples its images and adds the detail that photographs have.


def build_upsampler(image_shape: tuple[int, int, int], factor: int) -> keras.Model:
    """Builds the upsampler: residual blocks, then doublings.

    Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative
    Adversarial Network, 2017; without batch normalization, as Lim et al., Enhanced
    Deep Residual Networks for Single Image Super-Resolution, 2017. It starts as an
    enlargement by bilinear interpolation, to which it adds what it learns.

    Args:
        image_shape: (height, width, channels) of its input, values -1 to 1.
        factor: of height and width, a power of two.

    Returns:
        Images of `factor` times that height and width, values about -1 to 1.
    """

    def convolve(values: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        values = layers.Conv2D(filters, 3, padding="same")(values)
        return layers.LeakyReLU(negative_slope=0.2)(values)

    first, *others = _UPSAMPLER_FILTERS
    images = keras.Input(image_shape)
    values = Convolution(first, 3, padding="same")(images)
    values = layers.LeakyReLU(negative_slope=0.2)(values)
    for _ in range(_UPSAMPLER_BLOCKS):
        added = convolve(convolve(values, first), first)
        values = layers.Add()([values, added])
    for filters in others[: int(math.log2(factor))]:
        values = DoublingConvolution(filters)(Doubling()(values))
        values = layers.LeakyReLU(negative_slope=0.2)(values)
        values = convolve(values, filters)
    detail = Convolution(
        image_shape[2], 3, padding="same", kernel_initializer="zeros", dtype="float32"
    )(values)
    enlarged = layers.Resizing(
        *detail.shape[1:3], interpolation="bilinear", dtype="float32"
    )(images)
    joined = layers.Add(dtype="float32")([enlarged, detail])
    return keras.Model(images, joined, name="upsampler")


def join(generator: keras.Model, upsampler: keras.Model) -> keras.Model:
    """Joins both: the generator's inputs in, upsampled images out, values -1 to 1."""
    images = upsampler(generator(generator.inputs[0]))
    return keras.Model(
        generator.inputs[0],
        layers.Activation("hard_tanh", name="range")(images),
        name="upsampling_generator",
    )
