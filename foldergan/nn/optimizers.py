"""What moves the classifier's weights: optimizers and their step sizes."""

import keras
from keras import ops

from foldergan.config.settings import Classifier

_RISE = 0.25  # part of the training in which the step size rises


def build_optimizer(settings: Classifier, num_steps: int) -> keras.Optimizer:
    """Builds the optimizer that the settings ask for.

    Args:
        settings: its schedule, learning_rate and weight_decay.
        num_steps: of the whole training.

    Returns:
        Adam at a constant step size, or SGD with Nesterov's momentum, of 0.9, on one
        cycle. Only kernels decay, not biases and normalization.
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
    """A step size that rises from 0 in a line and falls to 0 in another.

    Smith and Topin, Super-Convergence, 2018.

    Args:
        largest: step size at the top.
        num_steps: of the whole training.
    """

    def __init__(self, largest: float, num_steps: int):
        self.largest, self.num_steps = largest, num_steps

    def __call__(self, step):
        """The step size of a step, from 0."""
        done = (ops.cast(step, "float32") + 0.5) / self.num_steps
        rising, falling = done / _RISE, (1 - done) / (1 - _RISE)
        return self.largest * ops.maximum(ops.minimum(rising, falling), 0.0)
