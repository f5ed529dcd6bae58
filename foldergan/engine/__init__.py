"""What one backend of Keras does otherwise than another.

Starting, compiling, differentiating, random numbers: everything else is `keras`,
`keras.ops` and NumPy. `backend.load` starts the backend and then imports this.
"""

from collections.abc import Callable
from typing import Any

import keras

if keras.backend.backend() == "jax":
    from foldergan.engine.jax_engine import *  # noqa: F403
    from foldergan.engine.jax_engine import devices, value_and_gradients
else:
    from foldergan.engine.tensorflow_engine import *  # noqa: F403
    from foldergan.engine.tensorflow_engine import devices, value_and_gradients


def has_onednn() -> bool:
    """Tells whether oneDNN computes convolutions, which has weak points."""
    return keras.backend.backend() == "tensorflow" and not devices()


def minimize(
    function: Callable[[], tuple[Any, Any]],
    network: keras.Model,
    optimizer: keras.Optimizer,
) -> tuple[Any, Any]:
    """Updates the trainable variables of one network, named here, and no others.

    No `trainable` flag is switched: on Keras 3 a discriminator that was compiled and
    then frozen inside a combined model silently never trains.

    Returns:
        What the function returned: the loss, a scalar tensor, and anything else.
    """
    variables = network.trainable_variables
    returned, gradients = value_and_gradients(function, variables)
    optimizer.apply(gradients, variables)
    return returned
