"""Training and using the classifier, through Keras' own steps.

Small networks spend half of `fit` between the steps. Here many of Keras' training
steps run in one call, on batches that were gathered together.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from pipeline.batches import epoch_batches
from pipeline.errors import RunError
from pipeline.progress import EpochProgress
from pipeline.settings import Classifier


def train(
    classifier: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
    settings: Classifier,
    seed: int,
) -> list[dict[str, float]]:
    """Trains a classifier from arrays that may lie on disk.

    Args:
        classifier: pictures 0-1 in, probabilities out; trained in place.
        images: float32 array (n, height, width, channels), 0-1.
        labels: float32 one-hot array (n, classes).
        train_rows: row numbers to train on.
        validation_rows: row numbers to measure on after each epoch; may be empty.
        settings: how to train.
        seed: of the order of the pictures.

    Returns:
        One row an epoch: epoch, loss and accuracy, and both again with "val_"
        where rows are held out.

    Raises:
        RunError: the loss is no longer a finite number.
    """
    targets, loss = _targets(classifier, labels)
    classifier.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=loss,
        metrics=["accuracy"],
    )
    train_steps = _compiled(classifier, classifier.train_step)
    test_steps = _compiled(classifier, classifier.test_step)
    progress = EpochProgress(settings.epochs, len(train_rows))
    history = []
    for epoch in range(1, settings.epochs + 1):
        classifier.reset_metrics()
        batches = epoch_batches(len(train_rows), settings.batch_size, seed, epoch - 1)
        done = 0
        for some in _stacked(batches, _steps_together(images, settings.batch_size)):
            rows = train_rows[np.sort(some)]  # reads the disk forwards
            train_steps(images[rows], targets[rows])
            done += len(some)
            logs = _figures(classifier)
            progress.on_step(done, len(batches), logs)
        if not np.isfinite(logs["loss"]):
            raise _diverged(f"the loss is {logs['loss']} in epoch {epoch}")
        if len(validation_rows):
            figures = _test(test_steps, classifier, images, targets, validation_rows)
            logs |= {f"val_{name}": value for name, value in figures.items()}
        history.append({"epoch": epoch, **logs})
        progress.on_epoch(epoch, logs)
    if not all(np.isfinite(weight).all() for weight in classifier.get_weights()):
        raise _diverged("a weight is NaN or infinite")
    return history


def predict(
    classifier: keras.Model, images: np.ndarray, rows: np.ndarray | None = None
) -> np.ndarray:
    """Classifies pictures, a few at a time.

    Args:
        classifier: pictures 0-1 in, probabilities out.
        images: float32 array (n, height, width, channels), 0-1.
        rows: row numbers to classify; all where left out.

    Returns:
        float32 array of shape (n, classes), each row of which sums to 1.
    """
    rows = np.arange(len(images)) if rows is None else rows
    size = _batch_size(images)
    outputs = np.concatenate(
        [
            classifier.predict_on_batch(images[rows[start : start + size]])
            for start in range(0, len(rows), size)
        ]
    )
    if outputs.shape[1] == 1:  # one unit tells the second class
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def evaluate(
    classifier: keras.Model, images: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> dict[str, float]:
    """Measures a compiled classifier.

    Args:
        classifier: as `train` left it.
        images: float32 array (n, height, width, channels), 0-1.
        labels: float32 one-hot array (n, classes).
        rows: row numbers to measure on.

    Returns:
        pictures, loss (cross-entropy in nats) and accuracy (0-1).
    """
    targets, _ = _targets(classifier, labels)
    test_steps = _compiled(classifier, classifier.test_step)
    figures = _test(test_steps, classifier, images, targets, rows)
    return {"pictures": len(rows)} | figures


def _compiled(classifier: keras.Model, step):
    """Compiles a function that takes one step of Keras after the other.

    It takes pictures (steps, batch_size, height, width, channels) and their targets
    (steps, batch_size, units).
    """

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, *classifier.input_shape)),
            tf.TensorSpec((None, *classifier.output_shape)),
        ],
    )
    def steps(images, targets):
        tf.map_fn(
            lambda batch: step(batch)["loss"],
            (images, targets),
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )

    return steps


def _stacked(batches: list[np.ndarray], together: int):
    """Yields batches in stacks of one length; a short last one comes alone."""
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    for start in range(0, len(full), together):
        yield np.stack(full[start : start + together])
    if len(full) < len(batches):
        yield batches[-1][None]


def _test(test_steps, classifier, images, targets, rows) -> dict[str, float]:
    """Measures loss and accuracy on some rows."""
    classifier.reset_metrics()
    size = _batch_size(images)
    for start in range(0, len(rows), size):
        some = rows[None, start : start + size]
        test_steps(images[some], targets[some])
    return _figures(classifier)


def _figures(classifier: keras.Model) -> dict[str, float]:
    """The means of the metrics since they were reset."""
    figures = classifier.get_metrics_result()
    return {name: float(figures[name]) for name in ("accuracy", "loss")}


def _diverged(what: str) -> RunError:
    return RunError(
        f"the classifier's training diverged: {what}; the saved classifier is as it "
        "was; try a smaller --learning-rate"
    )


def _targets(classifier: keras.Model, labels: np.ndarray) -> tuple[np.ndarray, str]:
    """Fits one-hot labels to the classifier's output, and names the loss.

    A single unit takes binary cross-entropy: the categorical one compares units
    with each other, and of a lone unit it is always 0.
    """
    if classifier.output_shape[-1] == 1:
        return labels[:, 1:], "binary_crossentropy"
    return labels, "categorical_crossentropy"


def _batch_size(images: np.ndarray) -> int:
    """As many pictures as keep the layers' outputs within a few gigabytes."""
    return int(np.clip(2**22 // math.prod(images.shape[1:]), 1, 256))


def _steps_together(images: np.ndarray, batch_size: int) -> int:
    """As many steps in a call as take megabytes and a moment, not more."""
    return int(np.clip(2**22 // (batch_size * math.prod(images.shape[1:])), 1, 32))
