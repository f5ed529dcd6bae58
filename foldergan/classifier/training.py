"""Training the classifier, through Keras' own steps.

Small networks spend half of `fit` between the steps. Here many of Keras' training
steps run in one call, on batches that were gathered together.
"""

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from foldergan.classifier import evaluation, whitening
from foldergan.config.settings import Classifier
from foldergan.data.batches import epoch_batches, epochs_of, reading_ahead
from foldergan.data.splits import class_counts
from foldergan.errors import RunError
from foldergan.images import Images
from foldergan.nn import augmentation, fast_layers, optimizers

_OnStep = Callable[[int, int, dict[str, float]], None]
# A batch, or some in a stack: images, targets, and the number of the first step.
_Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def train(
    classifier: keras.Model,
    images: Images,
    labels: np.ndarray,
    rows: dict[str, np.ndarray],
    settings: Classifier,
    seed: int,
    *,
    on_step: _OnStep = lambda step, steps, logs: None,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Trains a classifier from arrays that may lie on disk, and yields after an epoch.

    Args:
        classifier: images 0-1 in, probabilities out; has the weights of each epoch
            when that is yielded.
        images: float32 array (n, height, width, channels), 0-1.
        labels: float32 one-hot array (n, classes).
        rows: "training" and "validation" -> row numbers; the second may be empty.
        settings: how to train.
        seed: of the order of the images.
        on_step: called with (batches done, batches in the epoch, means so far).

    Yields:
        The number of the epoch, from 1, and loss and accuracy, both again with "val_"
        where there is a validation part, without test-time augmentation.

    Raises:
        RunError: the loss is no longer a finite number.
    """
    targets = _targets(classifier, labels)
    training, validation = rows["training"], rows["validation"]
    epochs = num_epochs(settings, len(training))
    num_steps = epochs * math.ceil(len(training) / settings.batch_size)
    if settings.network == "residual":
        whitening.whiten(classifier, images, training)
    trained = fast_layers.optimized_copy(classifier, settings.computed_in)
    trained.compile(
        optimizer=optimizers.build_optimizer(settings, num_steps),
        loss=_loss(trained, class_counts(labels, training), settings),
        metrics=["accuracy"],
    )
    train_steps = _compiled_steps(trained, settings.augmentation, seed)
    together = _steps_together(images, settings.batch_size)
    step = 0
    for epoch in range(1, epochs + 1):
        trained.reset_metrics()
        batches = epoch_batches(len(training), settings.batch_size, seed, epoch - 1)
        done = 0
        stacks = (training[some] for some in _stacked(batches, together))
        for some in reading_ahead(images, stacks):
            train_steps(images[some], targets[some], np.int32(step))
            step += len(some)
            done += len(some)
            on_step(done, len(batches), _means(trained))
        weights = trained.get_weights()
        _refuse_infinity(epoch, _means(trained)["loss"], *weights)
        classifier.set_weights(weights)
        yield epoch, _logs(trained, images, labels, validation, settings)


def num_epochs(settings: Classifier, num_images: int) -> int:
    """Counts the epochs of a training on so many images; a head is fitted in one."""
    if settings.backbone != "none":
        return 1
    return epochs_of(
        settings.epochs, settings.least_steps, num_images, settings.batch_size
    )


def _compiled_steps(
    classifier: keras.Model, augmented: tuple[str, ...], seed: int
) -> Callable[[np.ndarray, np.ndarray, np.int32], None]:
    """Compiles a function that takes one training step of Keras after the other.

    It takes images (steps, batch_size, height, width, channels), their targets
    (steps, batch_size, units) and the number of the first step.
    """

    def train_step(batch: _Batch) -> tf.Tensor:
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
    def train_steps(
        images: tf.Tensor, targets: tf.Tensor, first_step: tf.Tensor
    ) -> None:
        numbers = first_step + tf.range(tf.shape(images)[0])
        tf.map_fn(
            train_step,
            (images, targets, numbers),
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )

    return train_steps


def _stacked(batches: list[np.ndarray], together: int) -> Iterator[np.ndarray]:
    """Yields batches in stacks of one length; a short last one comes alone."""
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    for start in range(0, len(full), together):
        yield np.stack(full[start : start + together])
    if len(full) < len(batches):
        yield batches[-1][None]


def _logs(
    trained: keras.Model,
    images: Images,
    labels: np.ndarray,
    rows: np.ndarray,
    settings: Classifier,
) -> dict[str, float]:
    """The means of an epoch, and both figures of the validation rows, if any."""
    logs = _means(trained)
    if not len(rows):
        return logs
    probabilities = evaluation.predict(trained, images, rows)
    figures = evaluation.evaluate(labels[rows], probabilities, settings.label_smoothing)
    return logs | {f"val_{name}": figures[name] for name in logs}


def _means(classifier: keras.Model) -> dict[str, float]:
    """The means of the metrics since they were reset."""
    figures = classifier.get_metrics_result()
    return {name: float(figures[name]) for name in ("accuracy", "loss")}


def _refuse_infinity(epoch: int, *values: float | np.ndarray) -> None:
    if not all(np.isfinite(value).all() for value in values):
        raise RunError(
            f"the classifier's training diverged in epoch {epoch}: the loss or a "
            "weight is NaN or infinite; the saved classifier is as it was; use a "
            "smaller learning rate",
            ("learning_rate",),
        )


def _targets(classifier: keras.Model, labels: np.ndarray) -> np.ndarray:
    """Fits one-hot labels to the classifier's output."""
    return labels[:, 1:] if classifier.output_shape[-1] == 1 else labels


def _loss(
    classifier: keras.Model, counts: np.ndarray, settings: Classifier
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Builds the loss of targets and probabilities.

    A single unit takes binary cross-entropy: the categorical one compares units
    with each other, and of a lone unit it is always 0. Balanced, each class weighs
    as much as any other in all, and an image 1 on average.

    Args:
        classifier: to be trained.
        counts: int array (classes,), images of each class.
        settings: its class_weights and label_smoothing.
    """
    is_single = classifier.output_shape[-1] == 1
    cross_entropy = (
        keras.losses.binary_crossentropy
        if is_single
        else keras.losses.categorical_crossentropy
    )
    weights = (counts.sum() / np.count_nonzero(counts) / counts.clip(1)).astype("f4")

    def loss(targets: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        losses = cross_entropy(
            targets, probabilities, label_smoothing=settings.label_smoothing
        )
        if settings.class_weights == "none":
            return losses
        if is_single:
            targets = tf.concat([1 - targets, targets], 1)
        return losses * tf.linalg.matvec(targets, weights)

    return loss


def _steps_together(images: Images, batch_size: int) -> int:
    """As many steps in a call as take megabytes and a moment, not more."""
    return int(np.clip(2**22 // (batch_size * math.prod(images.shape[1:])), 1, 32))
