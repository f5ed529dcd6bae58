"""Training and using the classifier, through Keras' own steps.

Small networks spend half of `fit` between the steps. Here many of Keras' training
steps run in one call, on batches that were gathered together.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from pipeline import augmentation, kernels, optimizers, reports, whitening
from pipeline.batches import epoch_batches, epochs_of
from pipeline.errors import InputError, RunError
from pipeline.progress import EpochProgress
from pipeline.settings import Classifier

_CHECKED = 1000  # pictures, spread evenly over all


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
    twin = kernels.twin(classifier, settings.precision)
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
            figures = reports.evaluate(
                labels[validation_rows], probabilities, settings.label_smoothing
            )
            logs |= {f"val_{name}": figures[name] for name in logs}
        history.append({"epoch": epoch, **logs})
        progress.on_epoch(epoch, logs)
    if not all(np.isfinite(weight).all() for weight in twin.get_weights()):
        raise _diverged("a weight is NaN or infinite")
    classifier.set_weights(twin.get_weights())
    return history


def predict(
    classifier: keras.Model,
    images: np.ndarray,
    rows: np.ndarray | None = None,
    augmented: tuple[str, ...] = (),
) -> np.ndarray:
    """Classifies pictures, a few at a time.

    Args:
        classifier: pictures 0-1 in, probabilities out.
        images: float32 array (n, height, width, channels), 0-1.
        rows: row numbers to classify; all where left out.
        augmented: how pictures were changed in its training, as the setting
            `augmentation` says. What it then holds for the same picture, it is shown
            too: each shifted by a 32nd both ways, and each mirrored, and the mean of
            what it says is taken.

    Returns:
        float32 array of shape (n, classes), each row of which sums to 1.
    """
    rows = np.arange(len(images)) if rows is None else rows
    size = _batch_size(images)
    outputs = []
    for start in range(0, len(rows), size):
        views = _views(images[rows[start : start + size]], augmented)
        outputs.append(sum(map(classifier.predict_on_batch, views)) / len(views))
    outputs = np.concatenate(outputs)
    if outputs.shape[1] == 1:  # one unit tells the second class
        outputs = np.concatenate([1 - outputs, outputs], axis=1)
    return outputs


def check_knows(classifier: keras.Model, images: np.ndarray, labels: np.ndarray):
    """Warns of a classifier that hardly tells the pictures' classes apart.

    Args:
        classifier: pictures 0-1 in, probabilities out.
        images: float32 array (n, height, width, channels), 0-1; some are looked at.
        labels: float32 one-hot array (n, classes).

    Raises:
        InputError: it tells other classes apart.
    """
    rows = np.arange(0, len(images), -(-len(images) // _CHECKED))
    probabilities = predict(classifier, images, rows)
    known, wanted = probabilities.shape[1], labels.shape[1]
    if known != wanted:
        raise InputError(
            f"the classifier tells {known} classes apart and the labels are of "
            f"{wanted}; train it on these pictures with TrainModel.py"
        )
    matrix = reports.confusion_matrix(labels[rows], probabilities)
    recall = np.nanmean(reports.class_accuracy(matrix))
    guessing = 1 / wanted
    if recall < guessing + 0.1 * (1 - guessing):
        print(
            f"warning: the classifier is right about {recall:.0%} of a class on "
            f"average, and guessing would be about {guessing:.0%}: what looks through "
            "it will see little; train it longer with TrainModel.py first"
        )


def _views(images: np.ndarray, augmented: tuple[str, ...]) -> list[np.ndarray]:
    """The pictures, and again shifted and mirrored where training did the same."""
    views = [images]
    if "shift" in augmented:
        height, width = images.shape[1:3]
        most = max(1, min(height, width) // 32)
        padded = np.pad(images, ((0, 0), (most,) * 2, (most,) * 2, (0, 0)), "reflect")
        for start in (0, 2 * most):
            views.append(padded[:, start : start + height, start : start + width])
    if "mirror" in augmented:
        views += [view[:, :, ::-1] for view in views]
    return views


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


def _batch_size(images: np.ndarray) -> int:
    """As many pictures as keep the layers' outputs within a few gigabytes."""
    return int(np.clip(2**22 // math.prod(images.shape[1:]), 1, 256))


def _steps_together(images: np.ndarray, batch_size: int) -> int:
    """As many steps in a call as take megabytes and a moment, not more."""
    return int(np.clip(2**22 // (batch_size * math.prod(images.shape[1:])), 1, 32))
