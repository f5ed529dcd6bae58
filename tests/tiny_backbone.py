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


def random_images(count=5, shape=(32, 32, 3)):
    return np.random.default_rng(0).random((count, *shape), np.float32)
