"""Figures of a classifier's answers, and the table of what it says of images."""

import numpy as np
import pytest

from foldergan.classifier import evaluation, predictions


def one_hot(*classes: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[list(classes)]


def test_evaluation_weighs_every_image_alike():
    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1], [1, 0, 0]], np.float32)
    figures = evaluation.evaluate(one_hot(0, 1, 2), said)
    assert figures["pictures"] == 3
    assert figures["accuracy"] == pytest.approx(1 / 3)
    surprise = -np.log([0.5, 0.1, 1e-7])  # a loss is never infinite
    assert figures["loss"] == pytest.approx(surprise.mean(), rel=1e-6)


def test_confusion_matrix_has_true_classes_down_and_predicted_across():
    said = 0.6 * one_hot(0, 2, 2, 2) + 0.1
    matrix = evaluation.confusion_matrix(one_hot(0, 0, 0, 2), said)
    assert matrix.tolist() == [[1, 0, 2], [0, 0, 0], [0, 0, 1]]
    assert matrix.dtype == np.int64


def test_class_accuracy_is_recall_and_nan_where_there_is_no_image():
    accuracy = evaluation.class_accuracy(np.array([[1, 0, 2], [0, 0, 0], [1, 0, 3]]))
    np.testing.assert_allclose(accuracy, [1 / 3, np.nan, 3 / 4])


def test_table_names_the_most_probable_class():
    rows = predictions.table(np.array([[0.25, 0.75], [0.875, 0.125]]), ["a", "b"])
    assert rows == [
        {"picture": 1, "predicted": "b", "probability": 0.75, "p_a": 0.25, "p_b": 0.75},
        {
            "picture": 2,
            "predicted": "a",
            "probability": 0.875,
            "p_a": 0.875,
            "p_b": 0.125,
        },
    ]


@pytest.mark.parametrize(("count", "more"), [(49, None), (50, "... and 1 more")])
def test_long_tables_are_cut_and_counted_in_full(count, more):
    found = predictions.Predictions(["a", "b"], kept=100)
    for some in np.array_split(np.tile([[0.25, 0.75]], (count, 1)), 3):
        found.add(some, None)
    lines = found.as_text()
    assert lines.count("75.00%") == 49
    assert lines.endswith(f"in all: b {count}")
    assert found.counts() == [("", "b", count)]
    assert more is None or more in lines


def test_smoothed_labels_are_those_of_keras_losses():
    import keras

    said = np.array([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]], np.float32)
    expected = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    loss = evaluation.evaluate(one_hot(0, 1), said, 0.3)["loss"]
    assert loss == pytest.approx(float(expected(one_hot(0, 1), said)), rel=1e-6)


NAMES = ["a", "long"]


def test_predictions_that_stream_by_are_numbered_counted_and_the_first_kept():
    found = predictions.Predictions(NAMES, kept=3)
    said = np.array([[0.9, 0.1], [0.2, 0.8]])
    found.add(said, np.array([0, 0]))
    rows = found.add(said, np.array([1, 1]))
    assert [row["picture"] for row in rows] == [3, 4]
    assert [row["picture"] for row in found.rows] == [1, 2, 3]
    assert [row["intended"] for row in found.rows] == ["a", "a", "long"]
    assert found.matrix.tolist() == [[1, 1], [1, 1]]
    assert set(found.counts()) == {(a, b, 1) for a in NAMES for b in NAMES}
    found.add(said[:1], np.array([1]))
    assert found.as_text().splitlines()[-4:] == [
        "as intended: 2 of 5, 40%",
        "intended, predicted as  a  long",
        "a                       1     1",
        "long                    2     1",
    ]


def test_only_classes_that_were_intended_have_a_line():
    found = predictions.Predictions(["a", "b"], kept=3)
    found.add(np.array([[0.9, 0.1]]), np.array([1]))
    assert found.as_text().splitlines()[-1].split() == ["b", "1", "0"]
    assert len(found.as_text().splitlines()) == 6
