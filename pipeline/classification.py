"""Training and using the classifier, through Keras' own `fit` and `predict`."""

import keras
import numpy as np

from pipeline.batches import epoch_batches
from pipeline.errors import RunError
from pipeline.progress import EpochProgress
from pipeline.settings import Classifier


class LabelledBatches(keras.utils.PyDataset):
    """Feeds Keras from arrays that may lie on disk, in a new order each epoch.

    Args:
        images: array of shape (n, height, width, channels).
        labels: array of shape (n, ...).
        rows: row numbers to take part.
        batch_size: rows a step; the last batch of an epoch may be shorter.
        seed: of the order.
    """

    def __init__(self, images, labels, rows, batch_size: int, seed: int):
        super().__init__()
        self._images, self._labels, self._rows = images, labels, rows
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0
        self._shuffle()

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        rows = np.sort(self._rows[self._batches[index]])  # reads the disk forwards
        return self._images[rows], self._labels[rows]

    def on_epoch_end(self):
        """Puts the next epoch in its own order; Keras calls this."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self):
        self._batches = epoch_batches(
            len(self._rows), self._batch_size, self._seed, self._epoch
        )


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
    progress = EpochProgress(settings.epochs, len(train_rows))
    history = []

    def on_epoch_end(epoch, logs):
        if not np.isfinite(logs["loss"]):
            raise _diverged(f"the loss is {logs['loss']} in epoch {epoch + 1}")
        history.append({"epoch": epoch + 1, **logs})
        progress.on_epoch(epoch + 1, logs)

    def rows_as_batches(rows):
        return LabelledBatches(images, targets, rows, settings.batch_size, seed)

    targets, loss = _targets(classifier, labels)
    train_batches = rows_as_batches(train_rows)
    classifier.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss=loss,
        metrics=["accuracy"],
    )
    classifier.fit(
        train_batches,
        validation_data=(
            rows_as_batches(validation_rows) if len(validation_rows) else None
        ),
        epochs=settings.epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: progress.on_step(
                    batch + 1, len(train_batches), logs
                ),
                on_epoch_end=on_epoch_end,
            )
        ],
    )
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
    batches = LabelledBatches(images, targets, rows, _batch_size(images), seed=0)
    figures = classifier.evaluate(batches, verbose=0, return_dict=True)
    return {"pictures": len(rows)} | figures


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
    return int(np.clip(2**22 // images[0].size, 1, 256))
