"""Training and using the classifier, through Keras' own `fit` and `predict`."""

import keras
import numpy as np

from pipeline.batches import LabelledBatches
from pipeline.errors import RunError
from pipeline.presets import Classifier
from pipeline.progress import EpochProgress


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
    progress = EpochProgress(settings.epochs)
    history = []

    def on_epoch_end(epoch, logs):
        if not np.isfinite(logs["loss"]):
            raise RunError(
                f"the classifier's loss became {logs['loss']} in epoch {epoch + 1}; "
                "nothing was overwritten; try a smaller --learning-rate"
            )
        history.append({"epoch": epoch + 1, **logs})
        progress.on_epoch(epoch + 1, logs)

    def rows_as_batches(rows):
        return LabelledBatches(images, labels, rows, settings.batch_size, seed)

    train_batches = rows_as_batches(train_rows)
    classifier.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    classifier.fit(
        train_batches,
        validation_data=rows_as_batches(validation_rows)
        if len(validation_rows)
        else None,
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
    return history


def predict(classifier: keras.Model, images: np.ndarray) -> np.ndarray:
    """Classifies pictures, a slice at a time.

    Args:
        classifier: pictures 0-1 in, probabilities out.
        images: float32 array (n, height, width, channels), 0-1.

    Returns:
        float32 array of shape (n, classes): each row sums to 1.
    """
    return classifier.predict(images, batch_size=256, verbose=0)
