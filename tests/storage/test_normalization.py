"""Normalization layers inside a backbone, which plain Keras loads without values."""

import keras
import numpy as np
from tiny_backbone import random_images, save_tiny

from foldergan.classifier.network import build_classifier
from foldergan.config.settings import Classifier
from foldergan.storage import models


def test_a_loaded_classifier_normalizes_as_the_trained_one(tmp_path):
    first = keras.layers.Normalization()
    first.build((None, None, None, 3))
    first.set_weights([np.full(3, 0.5), np.full(3, 0.04), np.array(9)])
    settings = Classifier(backbone=str(save_tiny(tmp_path, first=first)))
    trained = build_classifier(settings, (32, 32, 3), 2)
    rng = np.random.default_rng(0)
    for weight in trained.trainable_weights:  # the head, which begins with zeros
        weight.assign(rng.standard_normal(weight.shape))
    models.save_classifier(tmp_path, trained, ["a", "b"], ("none",))
    loaded = keras.models.model_from_json((tmp_path / "train.json").read_text())
    loaded.load_weights(tmp_path / "train.h5")
    images = random_images()
    said = trained.predict(images, verbose=0)
    assert np.ptp(said) > 0.1
    np.testing.assert_allclose(loaded.predict(images, verbose=0), said, atol=1e-6)
