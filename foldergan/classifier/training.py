"""Training the classifier.

Small networks spend half of Keras' `fit` between the steps. Here many steps run in one
call, on batches that were gathered together.
"""

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import ops

from foldergan import engine
from foldergan.classifier import evaluation
from foldergan.classifier.network import whiten
from foldergan.config.settings import Classifier
from foldergan.data.splits import (
    LabelledImages,
    balanced_weights,
    class_counts,
    epoch_batches,
    epochs_of,
)
from foldergan.errors import RunError
from foldergan.images import Tensor
from foldergan.nn import augmentation, convolutions

_OnStep = Callable[[int, int, dict[str, float]], None]
_LossFunction = Callable[[Tensor, Tensor], Tensor]
_MOST_VALUES = 2**22  # of the images that one call takes
_MOST_STEPS = 32
_WARM_UP = 0.25  # fraction of the training in which one cycle rises


def train(
    classifier: keras.Model,
    data: LabelledImages,
    settings: Classifier,
    seed: int,
    *,
    on_step: _OnStep = lambda step, steps, logs: None,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Trains a classifier from arrays that may lie on disk, and yields after an epoch.

    Args:
        classifier: images 0-1 in, probabilities out; has the weights of each epoch
            when that is yielded.
        data: its validation part may be empty.
        settings: how to train.
        seed: of the order of the images.
        on_step: called with (batches done, batches in the epoch, means so far).

    Yields:
        The number of the epoch, from 1, and loss and accuracy, both again with "val_"
        where there is a validation part, without test-time augmentation.

    Raises:
        RunError: the loss is no longer a finite number.
    """
    images, labels, rows = data.images, data.labels, data.rows
    is_single = classifier.output_shape[-1] == 1
    targets = labels[:, 1:] if is_single else labels
    training, validation = rows["training"], rows["validation"]
    epochs = num_epochs(settings, len(training))
    num_steps = epochs * math.ceil(len(training) / settings.batch_size)
    if settings.network == "residual":
        whiten(classifier, images, training)
    trained = convolutions.copy_of(classifier, settings.computed_in)
    loss = _loss(is_single, class_counts(labels, training), settings)
    train_steps = _compiled_steps(trained, loss, settings, num_steps, seed)
    values = settings.batch_size * math.prod(images.shape[1:])
    together = int(np.clip(_MOST_VALUES // values, 1, _MOST_STEPS))
    step = 0
    for epoch in range(1, epochs + 1):
        sums, count, done = np.zeros(2), 0, 0
        batches = epoch_batches(len(training), settings.batch_size, seed, epoch - 1)
        stacks = (training[some] for some in _stacked(batches, together))
        for some in map(np.sort, stacks):  # a file is read forwards
            steps = np.arange(step, step + len(some), dtype=np.int32)
            means = train_steps(images[some], targets[some], steps)
            sums += means.sum(1, dtype=float) * some.shape[1]
            count += some.size
            step += len(some)
            done += len(some)
            logs = dict(zip(("accuracy", "loss"), (sums / count).tolist(), strict=True))
            on_step(done, len(batches), logs)
        weights = trained.get_weights()
        if not all(np.isfinite(each).all() for each in (logs["loss"], *weights)):
            raise RunError(
                f"the classifier's training diverged in epoch {epoch}: the loss or a "
                "weight is NaN or infinite; the saved classifier is as it was; use a "
                "smaller learning rate",
                ("learning_rate",),
            )
        classifier.set_weights(weights)
        if len(validation):
            probabilities = evaluation.predict(trained, images, validation)
            figures = evaluation.evaluate(
                labels[validation], probabilities, settings.label_smoothing
            )
            logs |= {f"val_{name}": figures[name] for name in ("accuracy", "loss")}
        yield epoch, logs


def num_epochs(settings: Classifier, num_images: int) -> int:
    """Counts the epochs of a training on so many images; a head is fitted in one."""
    if settings.backbone != "none":
        return 1
    return epochs_of(
        settings.epochs, settings.least_steps, num_images, settings.batch_size
    )


def _compiled_steps(
    classifier: keras.Model,
    loss_function: _LossFunction,
    settings: Classifier,
    num_steps: int,
    seed: int,
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Compiles a function that takes one step after the other.

    It takes images (steps, batch_size, height, width, channels), their targets
    (steps, batch_size, units) and the numbers of the steps, and returns accuracy and
    loss before each, (2, steps).
    """
    kind = "binary" if classifier.output_shape[-1] == 1 else "categorical"
    accuracy = getattr(keras.metrics, f"{kind}_accuracy")
    variables = classifier.trainable_variables
    optimizer = build_optimizer(settings, num_steps)
    optimizer.build(variables)

    def train_step(
        images: Tensor, targets: Tensor, step: Tensor
    ) -> tuple[Tensor, Tensor]:
        draws = ops.stack([seed, 3 * step])
        if "shift" in settings.augmentation:
            images = augmentation.shift(images, draws)
        if "mirror" in settings.augmentation:
            images = augmentation.mirror(images, draws)

        def loss() -> tuple[Tensor, Tensor]:
            probabilities = classifier(images, training=True)
            return ops.mean(loss_function(targets, probabilities)), probabilities

        (value, probabilities), gradients = engine.value_and_gradients(loss, variables)
        optimizer.apply(gradients, variables)
        return ops.mean(accuracy(targets, probabilities)), value

    return engine.compiled_steps(
        train_step,
        [
            ((None, *classifier.input_shape[1:]), "float32"),
            ((None, *classifier.output_shape[1:]), "float32"),
            ((), "int32"),
        ],
        moved=lambda: [classifier, optimizer],
    )


def build_optimizer(settings: Classifier, num_steps: int) -> keras.Optimizer:
    """Builds the optimizer that the settings ask for, for a number of steps.

    Adam at a constant learning rate, or SGD with Nesterov's momentum, of 0.9, on one
    cycle. Only kernels decay, not biases and normalization.
    """
    rate, weight_decay = settings.learning_rate, settings.weight_decay or None
    if settings.schedule == "constant":
        optimizer = keras.optimizers.Adam(rate, weight_decay=weight_decay)
    else:
        optimizer = keras.optimizers.SGD(
            OneCycle(rate, num_steps), 0.9, nesterov=True, weight_decay=weight_decay
        )
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise from 0 to the largest rate, then linear decay to 0.

    Smith and Topin, Super-Convergence, 2018.
    """

    def __init__(self, largest: float, num_steps: int) -> None:
        self.largest, self.num_steps = largest, num_steps

    def __call__(self, step: Tensor) -> Tensor:
        """The learning rate of a step, from 0."""
        done = (ops.cast(step, "float32") + 0.5) / self.num_steps
        rising, falling = done / _WARM_UP, (1 - done) / (1 - _WARM_UP)
        return self.largest * ops.maximum(ops.minimum(rising, falling), 0.0)


def _stacked(batches: list[np.ndarray], together: int) -> Iterator[np.ndarray]:
    """Yields batches in stacks of one length; a short last one comes alone."""
    full = [batch for batch in batches if len(batch) == len(batches[0])]
    for start in range(0, len(full), together):
        yield np.stack(full[start : start + together])
    if len(full) < len(batches):
        yield batches[-1][None]


def _loss(is_single: bool, counts: np.ndarray, settings: Classifier) -> _LossFunction:
    """Builds the loss of targets and probabilities.

    A single unit takes binary cross-entropy: the categorical one compares units
    with each other, and of a lone unit it is always 0. Balanced, each class weighs
    as much as any other in all, and an image 1 on average.
    """
    kind = "binary" if is_single else "categorical"
    cross_entropy = getattr(keras.losses, f"{kind}_crossentropy")
    weights = balanced_weights(counts)

    def loss(targets: Tensor, probabilities: Tensor) -> Tensor:
        losses = cross_entropy(
            targets, probabilities, label_smoothing=settings.label_smoothing
        )
        if settings.class_weights == "none":
            return losses
        if is_single:
            targets = ops.concatenate([1 - targets, targets], 1)
        return losses * ops.matmul(targets, weights)

    return loss
