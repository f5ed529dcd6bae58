"""What one backend of Keras does otherwise than another.

Starting, compiling, differentiating, random numbers: everything else is `keras`,
`keras.ops` and NumPy. `backend.load` starts the backend and then imports this.
"""

from collections.abc import Callable
from typing import Any

import keras

if keras.backend.backend() == "jax":
    from foldergan.engine.jax_engine import *  # noqa: F403
    from foldergan.engine.jax_engine import value_and_gradients
else:
    from foldergan.engine.tensorflow_engine import *  # noqa: F403
    from foldergan.engine.tensorflow_engine import value_and_gradients


def minimize(
    function: Callable[[], tuple[Any, Any]],
    network: keras.Model,
    optimizer: keras.Optimizer,
) -> tuple[Any, Any]:
    """Moves the trainable variables of one network, named here, and no others.

    No `trainable` flag is switched: on Keras 3 a discriminator that was compiled and
    then frozen inside a combined model silently never trains.

    Args:
        function: returns the loss, a scalar tensor, and anything else.
        network: whose variables move.
        optimizer: that moves them.

    Returns:
        What the function returned.
    """
    variables = network.trainable_variables
    returned, gradients = value_and_gradients(function, variables)
    optimizer.apply(gradients, variables)
    return returned
