"""Normalization layers inside a backbone, which plain Keras loads without values."""

import keras
import numpy as np
from tiny_backbone import random_images, save_normalizing_classifier


def test_a_loaded_classifier_normalizes_as_the_trained_one(tmp_path):
    trained = save_normalizing_classifier(tmp_path)
    loaded = keras.models.model_from_json((tmp_path / "train.json").read_text())
    loaded.load_weights(tmp_path / "train.h5")
    images = random_images()
    said = trained.predict(images, verbose=0)
    assert np.ptp(said) > 0.1
    np.testing.assert_allclose(loaded.predict(images, verbose=0), said, atol=1e-6)
