"""Figures of a classifier's answers, in nats and fractions."""

import numpy as np
import pytest

from foldergan.classifier import evaluation


def one_hot(*classes: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[list(classes)]


def test_evaluation_weighs_every_image_alike():
    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1], [1, 0, 0]], np.float32)
    figures = evaluation.evaluate(one_hot(0, 1, 2), said)
    assert figures["pictures"] == 3
    assert figures["accuracy"] == pytest.approx(1 / 3)
    surprise = -np.log([0.5, 0.1, 1e-7])  # a loss is never infinite
    assert figures["loss"] == pytest.approx(surprise.mean(), rel=1e-6)


def test_smoothed_labels_are_those_of_keras_losses():
    import keras

    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]], np.float32)
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    loss = evaluation.evaluate(one_hot(0, 1), said, 0.3)["loss"]
    assert loss == pytest.approx(float(expected(one_hot(0, 1), said)), rel=1e-6)
