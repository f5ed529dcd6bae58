"""Figures of unbalanced classes: scikit-learn's, with intervals that cover."""

from collections import Counter

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics
from sklearn.calibration import calibration_curve

from foldergan.classifier import evaluation, figures

NAMES = ["a", "b", "c"]


def answers(counts=(40, 25, 9), skill=1.5, seed=0):
    """Labels and probabilities of a classifier that is right now and then."""
    rng = np.random.default_rng(seed)
    labels = np.eye(len(counts))[np.repeat(np.arange(len(counts)), counts)]
    return labels, softmax(skill * labels + rng.standard_normal(labels.shape), axis=1)


def all_the_big_class(big=380, small=20):
    labels = np.eye(2)[[0] * big + [1] * small]
    return labels, np.tile([[0.95, 0.05]], (len(labels), 1))


def test_they_are_those_of_scikit_learn():
    labels, said = answers()
    truth, predicted = labels.argmax(1), said.argmax(1)
    found = figures.measure(labels, said, NAMES)
    total = found.total
    macro = metrics.precision_recall_fscore_support(truth, predicted, average="macro")
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "precision": macro[0],
        "f1": macro[2],
        "roc_auc": metrics.roc_auc_score(truth, said, multi_class="ovr"),
        "loss": metrics.log_loss(truth, said),
    }
    assert {name: total[name] for name in expected} == pytest.approx(expected)
    by_class = metrics.precision_recall_fscore_support(truth, predicted)
    for values, name in zip(by_class, ("precision", "recall", "f1"), strict=False):
        assert [row[name] for row in found.classes] == pytest.approx(list(values))
    areas = metrics.roc_auc_score(truth, said, multi_class="ovr", average=None)
    assert [row["roc_auc"] for row in found.classes] == pytest.approx(list(areas))
    np.testing.assert_array_equal(
        found.matrix, metrics.confusion_matrix(truth, predicted)
    )
    right, sure = calibration_curve(truth == predicted, said.max(1), n_bins=10)
    bins = [row for row in found.reliability if row["pictures"]]
    assert [row["accuracy"] for row in bins] == pytest.approx(list(right))
    assert [row["confidence"] for row in bins] == pytest.approx(list(sure))
    assert sum(row["pictures"] for row in bins) == total["pictures"] == 74


def test_equal_scores_count_half():
    labels, said = answers()
    said = said.round(1)
    found = figures.measure(labels, said, NAMES).classes
    for number, row in enumerate(found):
        expected = metrics.roc_auc_score(labels[:, number], said[:, number])
        assert row["roc_auc"] == pytest.approx(expected)


def test_the_large_class_alone_is_no_95_percent():
    labels, said = all_the_big_class()
    found = figures.measure(labels, said, ["cat", "dog"])
    assert found.total["headline"] == "balanced_accuracy"
    assert found.total["balanced_accuracy"] == 0.5
    line = figures.part_as_text("test", found.total)
    assert line.index("balanced accuracy 50.0%") < line.index("accuracy 95.0%")
    text = figures.as_text(found)
    assert "warning: dog is never predicted; its 20 images" in text
    assert "cat is never" not in text
    assert "20 to 380 images" in text
    assert found.total["roc_auc"] == 0.5 and found.total["roc_auc_low"] is None


def test_balanced_classes_have_accuracy_for_a_headline():
    found = figures.measure(*answers((29, 20, 10)), NAMES)
    assert found.total["headline"] == "accuracy"
    assert "balanced accuracy counts" not in figures.as_text(found)
    line = figures.part_as_text("validation", found.total)
    assert line.index(" accuracy") < line.index("balanced accuracy")
    assert figures.measure(*answers((30, 20, 10)), NAMES).total["headline"] != (
        "accuracy"
    )


def test_a_class_without_images_is_a_sentence_and_no_nan():
    labels, said = answers((10, 10, 0))
    found = figures.measure(labels, said, NAMES)
    text = figures.as_text(found)
    assert "none of these images is of c; nothing is measured" in text
    assert "nan" not in text.lower()
    assert found.classes[2]["recall"] is found.classes[2]["roc_auc"] is None
    present = [row["recall"] for row in found.classes[:2]]
    assert found.total["balanced_accuracy"] == pytest.approx(np.mean(present))
    one_class = figures.measure(*answers((10, 0, 0)), NAMES)
    assert one_class.total["roc_auc"] is None
    assert "nan" not in figures.as_text(one_class).lower()


def test_few_images_that_are_all_right_leave_room_below():
    labels = np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2, 2]]
    total = figures.measure(labels, 0.7 * labels + 0.1, NAMES).total
    for name in ("accuracy", "balanced_accuracy"):
        assert total[name] == total[f"{name}_high"] == 1
        assert 0.4 < total[f"{name}_low"] < 0.9
    for name in ("roc_auc", "f1"):  # resampling cannot tell
        assert total[name] == 1
        assert total[f"{name}_low"] is total[f"{name}_high"] is None


def test_confidence_that_accuracy_does_not_bear_out_is_an_error():
    labels = np.eye(2)[[0] * 60 + [1] * 40]
    found = figures.measure(labels, np.tile([[0.9, 0.1]], (100, 1)), ["a", "b"])
    assert found.total["calibration_error"] == pytest.approx(0.3)
    assert "error 30.0%, overconfident" in figures.as_text(found)


def test_intervals_cover_the_truth():
    """Of 200 sets of images about 95 % of the intervals hold what very many give."""
    counts = np.array([80, 50, 30])
    of_all = figures.measure(*answers(1000 * counts, seed=1), NAMES)
    inside = Counter()
    for seed in range(200):
        one = figures.measure(*answers(counts, seed=1000 + seed), NAMES)
        for name in ("accuracy", "balanced_accuracy", "f1", "roc_auc"):
            inside[name] += holds(one.total, of_all.total, name)
        for name in ("recall", "precision", "f1", "roc_auc"):
            row, truth = one.classes[2], of_all.classes[2]
            inside[f"{name} of a class"] += holds(row, truth, name)
    assert len(inside) == 8
    for name, count in inside.items():
        assert 0.91 <= count / 200 <= 0.99, (name, count)


def holds(row, truth, name):
    return row[f"{name}_low"] <= truth[name] <= row[f"{name}_high"]


# Loss and accuracy alone.


def one_hot(*classes: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[list(classes)]


def test_evaluation_weighs_every_image_alike():
    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1], [1, 0, 0]], np.float32)
    found = evaluation.evaluate(one_hot(0, 1, 2), said)
    assert found["pictures"] == 3
    assert found["accuracy"] == pytest.approx(1 / 3)
    surprise = -np.log([0.5, 0.1, 1e-7])  # a loss is never infinite
    assert found["loss"] == pytest.approx(surprise.mean(), rel=1e-6)


def test_smoothed_labels_are_those_of_keras_losses():
    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]], np.float32)
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    loss = evaluation.evaluate(one_hot(0, 1), said, 0.3)["loss"]
    assert loss == pytest.approx(float(expected(one_hot(0, 1), said)), rel=1e-6)
