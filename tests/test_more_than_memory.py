"""Nothing reads all images at once: there may be more than memory holds.

Each part is given images that can be read by rows alone, and by few at once.
"""

import keras
import numpy as np
import pytest
from conftest import classifier_of
from counted_rows import CountedRows

from foldergan.backbones import features
from foldergan.classifier import evaluation, training
from foldergan.config.presets import PRESETS
from foldergan.config.settings import Classifier
from foldergan.data import splits
from foldergan.data.training_set import TrainingSet
from foldergan.gan import codes, photograph_trainer
from foldergan.images import Joined, Resized
from foldergan.metrics.evaluator import Evaluator
from foldergan.metrics.features import FeatureExtractor
from foldergan.report import classifier as page

COUNT, MOST, SHAPE = 600, 256, (16, 16, 3)
LABELS = np.eye(2, dtype=np.float32)[np.arange(COUNT) % 2]
ROWS = np.arange(COUNT)


@pytest.fixture
def images():
    array = np.random.default_rng(0).random((COUNT, *SHAPE), np.float32)
    return CountedRows(array, MOST)


@pytest.fixture(scope="module")
def classifier():
    return classifier_of(SHAPE, 2, (4,), 4)


def pooling():
    taken = keras.Input(SHAPE)
    return keras.Model(taken, keras.layers.GlobalAveragePooling2D()(taken))


def test_a_classifier_trains_and_is_evaluated(images, classifier):
    kept, held = splits.split_by_class(LABELS, 0.5, seed=0)
    settings = Classifier(epochs=1, batch_size=8)
    rows = {"training": kept, "validation": held}
    data = splits.LabelledImages(images, LABELS, rows)
    ((_, logs),) = training.train(classifier, data, settings, 0)
    assert "val_loss" in logs
    said = evaluation.predict(classifier, images, held)
    found = page.describe("validation", ["a", "b"], images, held, LABELS[held], said)
    assert sum(cell[2] for cell in found["cells"]) == len(held)
    evaluation.warn_if_guessing(classifier, images, LABELS)


def test_a_gan_trains_and_is_evaluated(images):
    trainer = photograph_trainer.build_trainer(PRESETS["smoke"].gan, SHAPE, 0, seed=0)
    next(trainer.train(TrainingSet(images, ROWS), 1, 512), None)
    extractor = FeatureExtractor(pooling(), "pooling")
    evaluator = Evaluator(extractor, images, ROWS[:300], ROWS[300:])
    fakes = np.random.default_rng(1).random((8, *SHAPE), np.float32)
    row, _ = evaluator.evaluate(evaluator.features_of(fakes))
    assert np.isfinite(row["kernel_distance"])
    assert evaluator.nearest_training(fakes).shape == fakes.shape


def test_features_are_computed_and_kept_in_parts(images, tmp_path):
    parts = Joined(images, Resized(images, SHAPE))
    found = features.cached_features(pooling(), parts, False, tmp_path)
    assert found.shape == (2 * COUNT, 1, 3)
    assert {type(part) for part in found.parts} == {np.memmap}
    np.testing.assert_allclose(found[ROWS[:9]], found[ROWS[:9] + COUNT])


def test_codes_of_many_images_are_those_of_few(monkeypatch):
    """Of more images than are kept the others are described once more."""
    rng = np.random.default_rng(0)
    strengths = rng.standard_normal((200, 3)) * (4, 1, 0.25)
    patterns = rng.standard_normal((3, *SHAPE)).repeat(4, 1).repeat(4, 2)[:, :16, :16]
    images = np.tensordot(strengths, patterns, 1).astype(np.float32)
    rows = np.arange(3, 200)
    data = TrainingSet(CountedRows(images, 64), rows, labels=LABELS[:200])
    given = pooled_maps(), data, np.asarray, 3, True
    expected = codes.encode(*given).values[rows]
    monkeypatch.setattr(codes, "_MOST_FITTED", 50)
    found = codes.encode(*given).values
    assert (found[:3] == 0).all()
    for one, other in zip(expected.T, found[rows].T, strict=True):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) > 0.95
        np.testing.assert_allclose([other.mean(), other.std()], [0, 1], atol=1e-4)


def pooled_maps():
    """A feature network, as of `mixing.build_feature_network`, of plain poolings."""
    taken = keras.Input(SHAPE)
    maps = keras.layers.AveragePooling2D(4)(taken)
    pooled = keras.layers.GlobalAveragePooling2D()(maps)
    return keras.Model(taken, [maps, taken, taken, pooled])
