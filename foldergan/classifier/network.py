"""The CNN, and its first weights."""

import math

import keras
import numpy as np
from keras import layers

from foldergan.classifier import transfer
from foldergan.config.settings import Classifier
from foldergan.errors import InputError
from foldergan.images import Images

_MOST_IMAGES = 250  # whose patches are taken, spread evenly over all
_MOST_PIXELS = 2**22  # of these together
_STRIDE = 4  # pixels between patches
_NOISE = 0.01  # variance below which an axis is not amplified


def build_classifier(
    settings: Classifier, image_shape: tuple[int, int, int], num_classes: int
) -> keras.Model:
    """Builds a classifier.

    "plain" is convolutions and poolings, then a dense layer. "residual" is normalized,
    with two convolutions skipped after the first and the last halving, and the largest
    value of each map taken at the end. Such networks were made to be trained fast:
    Page, How to Train Your ResNet, 2018, after He et al., Deep Residual Learning, 2016.

    With a backbone it is that and a linear head, see `transfer`.

    Args:
        settings: its network, filters, dense_units, backbone and output; a sigmoid
            tells the probability of the second of two classes.
        image_shape: (height, width, channels); values 0-1 go in.
        num_classes: probabilities that come out.

    Raises:
        InputError: there are more classes than one unit can distinguish, or the images
            are too small.
    """
    if settings.output == "sigmoid" and num_classes != 2:
        raise InputError(
            f"one sigmoid unit tells two classes apart, not {num_classes}; use softmax",
            ("output",),
        )
    if settings.backbone != "none":
        return transfer.build_classifier(settings, image_shape, num_classes)
    settings.require_fit(image_shape)
    units = 1 if settings.output == "sigmoid" else num_classes
    if settings.network == "residual":
        images = keras.Input(image_shape)
        features = _residual_features(images, settings.filters)
        probabilities = layers.Dense(units, activation=settings.output)(features)
        return keras.Model(images, probabilities, name="classifier")
    classifier = keras.Sequential([keras.Input(image_shape)], name="classifier")
    for width in settings.filters:
        classifier.add(layers.Conv2D(width, 3, activation="relu"))
        classifier.add(layers.MaxPooling2D())
    classifier.add(layers.Flatten())
    classifier.add(layers.Dense(settings.dense_units, activation="relu"))
    classifier.add(layers.Dense(units, activation=settings.output))
    return classifier


def _residual_features(
    images: keras.KerasTensor, filters: tuple[int, ...]
) -> keras.KerasTensor:
    """Ends in as many features an image as the last convolution is wide."""

    def convolve(
        values: keras.KerasTensor, width: int, halves: bool = False
    ) -> keras.KerasTensor:
        values = layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=False,  # the normalization has one
            kernel_initializer="he_normal",
        )(values)
        if halves:
            values = layers.MaxPooling2D()(values)
        values = layers.BatchNormalization(momentum=0.9)(values)
        return layers.ReLU()(values)

    values = layers.Rescaling(4.0, offset=-2.0)(images)  # about mean 0, deviation 1
    values = convolve(values, filters[0])
    for number, width in enumerate(filters[1:], 1):
        values = convolve(values, width, halves=True)
        if number in (1, len(filters) - 1):
            skipped = convolve(convolve(values, width), width)
            values = layers.Add()([values, skipped])
    return layers.GlobalMaxPooling2D()(values)


def whiten(classifier: keras.Model, images: Images, rows: np.ndarray) -> None:
    """Sets the first convolution's weights by the principal axes of patches.

    Neighbouring pixels say nearly the same; filters that begin at random mostly see the
    mean of them all. These begin as the directions in which patches differ, each scaled
    so that its answers vary alike (Page, How to Train Your ResNet 8: Bag of Tricks,
    2019). Half of the filters are axes, those of the largest variance, the other half
    the same with their signs turned, for a rectifier passes one sign only. Filters
    that are left, where patches have fewer axes than that, stay as they are.

    Args:
        classifier: begins with a convolution, after layers without weights.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of the images that it will be trained on.
    """
    convolution = next(
        layer for layer in classifier.layers if isinstance(layer, keras.layers.Conv2D)
    )
    kernel, *bias = convolution.get_weights()
    height, width, channels, num_filters = kernel.shape
    most = max(1, min(_MOST_IMAGES, _MOST_PIXELS // math.prod(images.shape[1:3])))
    some = images[rows[:: -(-len(rows) // most)]]
    seen = keras.Model(classifier.inputs, convolution.input).predict_on_batch(some)
    windows = np.lib.stride_tricks.sliding_window_view(seen, (height, width), (1, 2))
    windows = windows[:, ::_STRIDE, ::_STRIDE].transpose(0, 1, 2, 4, 5, 3)
    patches = windows.reshape(-1, height * width * channels)
    variances, axes = np.linalg.eigh(np.cov(patches, rowvar=False, dtype=np.float64))
    scaled = (axes / np.sqrt(variances + _NOISE))[:, ::-1]  # the largest first
    scaled = scaled[:, : num_filters // 2]
    filters = np.concatenate([scaled, -scaled], axis=1)
    kernel[..., : filters.shape[1]] = filters.reshape(height, width, channels, -1)
    convolution.set_weights([kernel, *bias])
