"""A tiny network that stands for a pretrained one."""

import keras
import numpy as np
from keras import layers


def build_tiny(shape=(None, None, 3), first=None, dropout=0.0):
    """Four halvings; a sum ends the second stage, a widening follows it."""
    values = images = keras.Input(shape)
    if first is not None:
        values = first(values)
    values = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(values)
    values = layers.Conv2D(6, 3, strides=2, padding="same")(values)
    inner = layers.Conv2D(6, 3, padding="same")(values)
    values = layers.Add(name="end_4")([values, inner])
    if dropout:
        values = layers.Dropout(dropout)(values)
    values = layers.Conv2D(12, 1, activation="relu", name="widening")(values)
    values = layers.DepthwiseConv2D(3, strides=2, padding="same")(values)
    values = layers.BatchNormalization()(values)
    gates = layers.GlobalAveragePooling2D(keepdims=True)(values)
    gates = layers.Conv2D(12, 1, activation="sigmoid")(gates)
    values = layers.Multiply(name="end_8")([values, gates])
    values = layers.Conv2D(10, 3, strides=2, padding="same", name="end_16")(values)
    return keras.Model(images, values, name="tiny")


def save_tiny(folder, name="tiny.keras", **arguments):
    """Saves one with weights of seed 0."""
    keras.utils.set_random_seed(0)
    path = folder / name
    build_tiny(**arguments).save(path)
    return path


def save_normalizing_classifier(folder):
    """Saves a classifier through one that normalizes first, as EfficientNets do."""
    from foldergan.classifier.network import build_classifier
    from foldergan.config.settings import Classifier
    from foldergan.storage import models

    first = layers.Normalization()
    first.build((None, None, None, 3))
    first.set_weights([np.full(3, 0.5), np.full(3, 0.04), np.array(9)])
    settings = Classifier(backbone=str(save_tiny(folder, first=first)))
    classifier = build_classifier(settings, (32, 32, 3), 2)
    rng = np.random.default_rng(0)
    for weight in classifier.trainable_weights:  # the head, which begins with zeros
        weight.assign(rng.standard_normal(weight.shape))
    models.save_classifier(folder, classifier, ["a", "b"], ("none",))
    return classifier


def random_images(count=5, shape=(32, 32, 3)):
    return np.random.default_rng(0).random((count, *shape), np.float32)
