"""Training and using the classifier, through Keras' own steps.

Small networks spend half of `fit` between the steps. Here many of Keras' training
steps run in one call, on batches that were gathered together.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from foldergan.classifier import evaluation, whitening
from foldergan.classifier.evaluation import predict
from foldergan.config.settings import Classifier
from foldergan.data.batches import epoch_batches, epochs_of
from foldergan.errors import RunError
from foldergan.nn import augmentation, fast_layers, optimizers
from foldergan.progress import EpochProgress


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
        where rows are held out, of one view each.

    Raises:
        RunError: the loss is no longer a finite number.
    """
    targets = _targets(classifier, labels)
    size = settings.batch_size
    epochs = epochs_of(settings.epochs, settings.least_steps, len(train_rows), size)
    num_steps = epochs * math.ceil(len(train_rows) / size)
    if settings.network == "residual":
        whitening.whiten(classifier, images, train_rows)
    twin = fast_layers.optimized_copy(classifier, settings.precision)
    twin.compile(
        optimizer=optimizers.build_optimizer(settings, num_steps),
        loss=_loss(twin, labels[train_rows], settings),
        metrics=["accuracy"],
    )
    train_steps = _compiled_steps(twin, settings.augmentation, seed)
    progress = EpochProgress(epochs, len(train_rows))
    history, step = [], 0
    for epoch in range(1, epochs + 1):
        twin.reset_metrics()
        batches = epoch_batches(len(train_rows), settings.batch_size, seed, epoch - 1)
        done = 0
        for some in _stacked(batches, _steps_together(images, settings.batch_size)):
            rows = train_rows[np.sort(some)]  # reads the disk forwards
            train_steps(images[rows], targets[rows], np.int32(step))
            step += len(some)
            done += len(some)
            logs = _means(twin)
            progress.on_step(done, len(batches), logs)
        if not np.isfinite(logs["loss"]):
            raise _diverged(f"the loss is {logs['loss']} in epoch {epoch}")
        if len(validation_rows):
            probabilities = predict(twin, images, validation_rows)
            figures = evaluation.evaluate(
                labels[validation_rows], probabilities, settings.label_smoothing
            )
            logs |= {f"val_{name}": figures[name] for name in logs}
        history.append({"epoch": epoch, **logs})
        progress.on_epoch(epoch, logs)
    if not all(np.isfinite(weight).all() for weight in twin.get_weights()):
        raise _diverged("a weight is NaN or infinite")
    classifier.set_weights(twin.get_weights())
    return history


def _compiled_steps(classifier: keras.Model, augmented: tuple[str, ...], seed: int):
    """Compiles a function that takes one training step of Keras after the other.

    It takes pictures (steps, batch_size, height, width, channels), their targets
    (steps, batch_size, units) and the number of the first step.
    """

    def train_step(batch):
        images, targets, step = batch
        draws = tf.stack([seed, 3 * step])
        if "shift" in augmented:
            images = augmentation.shift(images, draws)
        if "mirror" in augmented:
            images = augmentation.mirror(images, draws)
        return classifier.train_step((images, targets))["loss"]

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, *classifier.input_shape)),
            tf.TensorSpec((None, *classifier.output_shape)),
            tf.TensorSpec((), tf.int32),
        ],
    )
    def train_steps(images, targets, first_step):
        numbers = first_step + tf.range(tf.shape(images)[0])
        tf.map_fn(
            train_step,
            (images, targets, numbers),
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )

    return train_steps


def _stacked(batches: list[np.ndarray], together: int):
    """Yields batches in stacks of one length; a short last one comes alone."""
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    for start in range(0, len(full), together):
        yield np.stack(full[start : start + together])
    if len(full) < len(batches):
        yield batches[-1][None]


def _means(classifier: keras.Model) -> dict[str, float]:
    """The means of the metrics since they were reset."""
    figures = classifier.get_metrics_result()
    return {name: float(figures[name]) for name in ("accuracy", "loss")}


def _diverged(what: str) -> RunError:
    return RunError(
        f"the classifier's training diverged: {what}; the saved classifier is as it "
        "was; try a smaller --learning-rate"
    )


def _targets(classifier: keras.Model, labels: np.ndarray) -> np.ndarray:
    """Fits one-hot labels to the classifier's output."""
    return labels[:, 1:] if classifier.output_shape[-1] == 1 else labels


def _loss(classifier: keras.Model, labels: np.ndarray, settings: Classifier):
    """Builds the loss of targets and probabilities.

    A single unit takes binary cross-entropy: the categorical one compares units
    with each other, and of a lone unit it is always 0. Balanced, each class weighs
    as much as any other in all, and a picture 1 on average.
    """
    is_single = classifier.output_shape[-1] == 1
    cross_entropy = (
        keras.losses.binary_crossentropy
        if is_single
        else keras.losses.categorical_crossentropy
    )
    counts = labels.sum(0)
    weights = (len(labels) / np.count_nonzero(counts) / counts.clip(1)).astype("f4")

    def loss(targets, probabilities):
        losses = cross_entropy(
            targets, probabilities, label_smoothing=settings.label_smoothing
        )
        if settings.class_weights == "none":
            return losses
        if is_single:
            targets = tf.concat([1 - targets, targets], 1)
        return losses * tf.linalg.matvec(targets, weights)

    return loss


def _steps_together(images: np.ndarray, batch_size: int) -> int:
    """As many steps in a call as take megabytes and a moment, not more."""
    return int(np.clip(2**22 // (batch_size * math.prod(images.shape[1:])), 1, 32))
