"""A classifier of a frozen backbone and a linear head."""

import keras
import numpy as np
import pytest
from tiny_backbone import random_images, save_tiny

from foldergan.classifier import evaluation, transfer
from foldergan.config.settings import Classifier
from foldergan.data.splits import LabelledImages
from foldergan.storage import models


def settings(tmp_path, **changed):
    return Classifier(
        backbone=str(save_tiny(tmp_path)),
        augmentation=("mirror",),
        **changed,
    )


def two_kinds(count=16, shape=(32, 32, 3)):
    """Dark images and bright ones."""
    images = 0.5 * random_images(count, shape)
    images[1::2] += 0.5
    return images, np.eye(2, dtype=np.float32)[np.arange(count) % 2]


def trained(tmp_path, shape=(32, 32, 3), **changed):
    images, labels = two_kinds(shape=shape)
    rows = {"training": np.arange(12), "validation": np.arange(12, 16)}
    chosen = settings(tmp_path, **changed)
    classifier = transfer.build_classifier(chosen, shape, 2)
    data = LabelledImages(images, labels, rows)
    epochs = transfer.train(classifier, data, chosen, seed=0, cache=tmp_path)
    return classifier, [logs for _, logs in epochs], images, labels


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_it_learns_and_plain_keras_loads_it(tmp_path, output):
    classifier, (row,), images, labels = trained(tmp_path, output=output)
    assert row["accuracy"] == row["val_accuracy"] == 1
    models.save_classifier(tmp_path, classifier, ["a", "b"], ())
    rebuilt = keras.models.model_from_json((tmp_path / "train.json").read_text())
    rebuilt.load_weights(tmp_path / "train.h5")
    np.testing.assert_array_equal(
        rebuilt.predict_on_batch(images), classifier.predict_on_batch(images)
    )


def test_small_images_are_enlarged_and_need_not_be_square(tmp_path):
    trunk = transfer.build_trunk(settings(tmp_path).backbone, (32, 16, 3))
    assert trunk.get_layer("to_size_of_backbone").output.shape[1:3] == (448, 224)
    large = transfer.build_trunk(settings(tmp_path).backbone, (224, 256, 3))
    assert "to_size_of_backbone" not in [layer.name for layer in large.layers]


def test_it_classifies_few_at_a_time_where_they_are_enlarged(tmp_path, monkeypatch):
    classifier = transfer.build_classifier(settings(tmp_path), (32, 32, 3), 2)
    together, predict = [], classifier.predict_on_batch
    monkeypatch.setattr(
        classifier,
        "predict_on_batch",
        lambda images: together.append(len(images)) or predict(images),
    )
    images = random_images(40)
    assert evaluation.predict(classifier, images).shape == (40, 2)
    assert together == [27, 13]  # 2**22 numbers at 224x224x3


def test_grey_images_are_classified_too(tmp_path):
    _, (row,), *_ = trained(tmp_path, shape=(32, 32, 1))
    assert row["val_accuracy"] == 1
