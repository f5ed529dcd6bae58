"""A classifier's predictions, their loss and accuracy."""

import keras
import numpy as np
from sklearn.metrics import recall_score

from foldergan.config import commands
from foldergan.errors import RUN_TRAINING, InputError
from foldergan.images import Images, Resized
from foldergan.nn.inference import images_at_once

_CHECKED = 1000  # images, spread evenly over all
_LEAST_PROBABILITY = 1e-7  # that a loss takes a class to have, as Keras' losses do


def predict(
    classifier: keras.Model,
    images: Images,
    rows: np.ndarray | None = None,
    augmentation: tuple[str, ...] = (),
) -> np.ndarray:
    """Classifies images, a few at a time.

    Args:
        classifier: images 0-1 in, probabilities out.
        images: float32 array (n, height, width, channels), 0-1.
        rows: row numbers to classify; all where left out.
        augmentation: of the classifier's training. Test-time augmentation averages
            over the same: each image is also shifted by a 32nd both ways, and mirrored.

    Returns:
        float32 array of shape (n, classes), each row of which sums to 1.
    """
    rows = np.arange(len(images)) if rows is None else rows
    size = images_at_once(classifier, images.shape[1:])
    batches = []
    for start in range(0, len(rows), size):
        views = _augmented(images[rows[start : start + size]], augmentation)
        batches.append(sum(map(classifier.predict_on_batch, views)) / len(views))
    outputs = np.concatenate(batches)
    if outputs.shape[1] == 1:  # one unit tells the second class
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def warn_if_guessing(
    classifier: keras.Model, images: np.ndarray | Resized, labels: np.ndarray
) -> None:
    """Warns of a classifier that is hardly better than guessing.

    Raises:
        InputError: it has another number of classes.
    """
    rows = np.arange(0, len(images), -(-len(images) // _CHECKED))
    probabilities = predict(classifier, images, rows)
    known, wanted = probabilities.shape[1], labels.shape[1]
    if known != wanted:
        raise InputError(
            f"the classifier tells {known} classes apart and the labels are of "
            f"{wanted}; to train it on these images, {RUN_TRAINING}"
        )
    truth = labels[rows].argmax(1)
    recall = recall_score(
        truth, probabilities.argmax(1), labels=np.unique(truth), average="macro"
    )
    guessing = 1 / wanted
    if recall < guessing + 0.1 * (1 - guessing):
        print(
            f"warning: the classifier is right about {recall:.0%} of a class on "
            f"average, and guessing would be about {guessing:.0%}: a network that uses "
            "its features will learn little; to train it longer first, run: "
            f"{commands.of('TrainModel')}"
        )


def _augmented(images: np.ndarray, augmentation: tuple[str, ...]) -> list[np.ndarray]:
    """Returns the images, and again shifted and mirrored where training did so."""
    views = [images]
    if "shift" in augmentation:
        height, width = images.shape[1:3]
        most = max(1, min(height, width) // 32)
        padded = np.pad(images, ((0, 0), (most,) * 2, (most,) * 2, (0, 0)), "reflect")
        for start in (0, 2 * most):
            views.append(padded[:, start : start + height, start : start + width])
    if "mirror" in augmentation:
        views += [view[:, :, ::-1] for view in views]
    return views


def evaluate(
    labels: np.ndarray, predictions: np.ndarray, label_smoothing: float = 0.0
) -> dict[str, float]:
    """Measures a classifier by its predictions.

    Args:
        labels: one-hot array of shape (n, classes).
        predictions: probabilities of shape (n, classes).
        label_smoothing: of the loss, as Keras' losses take it.

    Returns:
        `pictures`, a count; loss (cross-entropy in nats) and accuracy (0-1).
    """
    truth = labels.argmax(1)
    logs = np.log(predictions.astype(np.float64).clip(_LEAST_PROBABILITY))
    losses = -(1 - label_smoothing) * logs[np.arange(len(truth)), truth]
    return {
        "pictures": len(truth),
        "loss": float((losses - label_smoothing * logs.mean(1)).mean()),
        "accuracy": float((predictions.argmax(1) == truth).mean()),
    }
