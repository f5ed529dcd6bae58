"""By which route networks are computed: TensorFlow has faster ones than Keras' own.

By either a network is the same function of the same weights, within rounding.
"""

from collections.abc import Callable

import keras

from foldergan.images import Tensor
from foldergan.nn import plain_layers

IS_TENSORFLOW = keras.backend.backend() == "tensorflow"
if IS_TENSORFLOW:
    from foldergan.nn import fast_layers, fast_twin


def trained(network: keras.Model, precision: str) -> Callable[[Tensor], Tensor]:
    """Prepares a network for training, outside of what is compiled.

    Args:
        network: sequential, or as of `fast_twin.fast_twin`.
        precision: "float32" or "bfloat16".

    Returns:
        Computes ``network(inputs, training=True)`` on the network's own variables;
        float32 tensors in and out.
    """
    if not IS_TENSORFLOW:
        return plain_layers.trained(network, precision)
    if isinstance(network, keras.Sequential):
        return lambda inputs: fast_layers.run(network, inputs, precision)
    twin = fast_twin.fast_twin(network, precision)
    return lambda inputs: twin(inputs, training=True)


def optimized_copy(network: keras.Model, precision: str) -> keras.Model:
    """Copies a network to one that computes the same faster.

    It keeps its weights and its means in float32, and starts with those of `network`.

    Args:
        network: with one output; may hold others.
        precision: "float32", or "bfloat16" as of `plain_layers.copy_of`.
    """
    if IS_TENSORFLOW:
        return fast_layers.optimized_copy(network, precision)
    return plain_layers.copy_of(network, precision)


def in_precision(network: keras.Model, precision: str) -> keras.Model:
    """Lets a trained network compute in a precision; in float32 it is left alone."""
    if precision == "float32":
        return network
    return optimized_copy(network, precision)
