"""How well a classifier does: figures of its answers, and tables to read."""

import numpy as np

_LEAST_PROBABILITY = 1e-7  # that a loss takes a class to have, as Keras' losses do


def evaluate(
    labels: np.ndarray, predictions: np.ndarray, label_smoothing: float = 0.0
) -> dict[str, float]:
    """Measures a classifier by its answers.

    Args:
        labels: one-hot array of shape (n, classes).
        predictions: probabilities of shape (n, classes).
        label_smoothing: part of certainty that the loss does not ask for, as Keras'
            losses take it.

    Returns:
        pictures, loss (cross-entropy in nats) and accuracy (0-1).
    """
    truth = labels.argmax(1)
    targets = labels * (1 - label_smoothing) + label_smoothing / labels.shape[1]
    logs = np.log(predictions.astype(np.float64).clip(_LEAST_PROBABILITY))
    return {
        "pictures": len(truth),
        "loss": float(-(targets * logs).sum(1).mean()),
        "accuracy": float((predictions.argmax(1) == truth).mean()),
    }


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Counts predictions by class.

    Args:
        labels: one-hot array of shape (n, classes).
        predictions: probabilities of shape (n, classes).

    Returns:
        int64 array of shape (classes, classes): true class down, predicted across.
    """
    matrix = np.zeros((labels.shape[1],) * 2, np.int64)
    np.add.at(matrix, (labels.argmax(1), predictions.argmax(1)), 1)
    return matrix


def class_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Tells the part of each true class that was predicted right (its recall).

    Args:
        matrix: as of `confusion_matrix`.

    Returns:
        float64 array of shape (classes,), 0-1; NaN for a class with no pictures.
    """
    totals = matrix.sum(1)
    return np.divide(
        matrix.diagonal(), totals, out=np.full(len(matrix), np.nan), where=totals > 0
    )


def class_report(matrix: np.ndarray, class_names: list[str]) -> str:
    """Writes the accuracy of each class and of all as a table.

    Args:
        matrix: as of `confusion_matrix`.
        class_names: in the matrix's order.
    """
    width = max(map(len, [*class_names, "all"]))
    rows = zip(class_names, matrix.sum(1), class_accuracy(matrix), strict=True)
    overall = ("all", matrix.sum(), matrix.trace() / matrix.sum())
    return "\n".join(
        f"{name:<{width}}  {accuracy:7.2%} of {total}"
        for name, total, accuracy in [*rows, overall]
    )


def evaluation_report(evaluation: list[dict]) -> str:
    """Writes the loss and accuracy of each part as a table.

    Args:
        evaluation: rows with part, pictures, loss and accuracy.
    """
    return "\n".join(
        f"{row['part']:<10}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.2%} "
        f"of {row['pictures']}"
        for row in evaluation
    )
