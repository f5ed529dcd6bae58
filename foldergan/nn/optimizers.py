"""Optimizers and learning-rate schedules of the classifier."""

import keras
from keras import ops

from foldergan.config.settings import Classifier
from foldergan.images import Tensor

_WARM_UP = 0.25  # fraction of the training


def build_optimizer(settings: Classifier, num_steps: int) -> keras.Optimizer:
    """Builds the optimizer that the settings ask for.

    Args:
        settings: its schedule, learning_rate and weight_decay.
        num_steps: of the whole training.

    Returns:
        Adam at a constant learning rate, or SGD with Nesterov's momentum, of 0.9, on
        one cycle. Only kernels decay, not biases and normalization.
    """
    weight_decay = settings.weight_decay or None
    if settings.schedule == "constant":
        optimizer = keras.optimizers.Adam(
            settings.learning_rate, weight_decay=weight_decay
        )
    else:
        optimizer = keras.optimizers.SGD(
            OneCycle(settings.learning_rate, num_steps),
            momentum=0.9,
            nesterov=True,
            weight_decay=weight_decay,
        )
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return optimizer


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0, then linear decay to 0.

    Smith and Topin, Super-Convergence, 2018.

    Args:
        largest: learning rate at the top.
        num_steps: of the whole training.
    """

    def __init__(self, largest: float, num_steps: int) -> None:
        self.largest, self.num_steps = largest, num_steps

    def __call__(self, step: Tensor) -> Tensor:
        """The learning rate of a step, from 0."""
        done = (ops.cast(step, "float32") + 0.5) / self.num_steps
        rising, falling = done / _WARM_UP, (1 - done) / (1 - _WARM_UP)
        return self.largest * ops.maximum(ops.minimum(rising, falling), 0.0)
