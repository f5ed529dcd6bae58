"""The CNN that tells the classes apart."""

import keras
from keras import layers

from foldergan.classifier import transfer
from foldergan.config.settings import Classifier
from foldergan.errors import InputError


def build_classifier(
    settings: Classifier, image_shape: tuple[int, int, int], num_classes: int
) -> keras.Model:
    """Builds the CNN that tells classes apart.

    "plain" is convolutions and poolings, then a dense layer. "residual" is normalized,
    with two convolutions skipped after the first and the last halving, and the largest
    value of each map taken at the end. Such networks were made to be trained fast:
    Page, How to Train Your ResNet, 2018, after He et al., Deep Residual Learning, 2016.

    With a backbone it is that and a linear head, see `transfer`.

    Args:
        settings: its network, filters, dense_units, backbone and output.
        image_shape: (height, width, channels); values 0-1 go in.
        num_classes: probabilities that come out; of a sigmoid, that of the second of
            two classes.

    Raises:
        InputError: there are more classes than one unit can tell apart, or the images
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
