"""Networks as Keras computes them, on any backend, in float32 or in bfloat16."""

from collections.abc import Callable, Mapping

import keras
from keras import layers

from foldergan.images import Tensor


def trained(network: keras.Model, precision: str) -> Callable[[Tensor], Tensor]:
    """Prepares a network for training.

    Args:
        network: any, without layers that move their own kernels.
        precision: "float32", or "bfloat16" as of `copy_of`.

    Returns:
        Computes ``network(inputs, training=True)`` on the network's own variables;
        float32 tensors in and out.
    """
    if precision == "float32":
        return lambda inputs: network(inputs, training=True)
    rounded = copy_of(network, precision)  # of which the weights are not used

    def run(inputs: Tensor) -> Tensor:
        still = network.non_trainable_variables
        outputs, moved = rounded.stateless_call(
            [variable.value for variable in network.trainable_variables],
            [variable.value for variable in still],
            inputs,
            training=True,
        )
        for variable, value in zip(still, moved, strict=True):
            variable.assign(value)
        return keras.ops.cast(outputs, "float32")

    return run


def copy_of(
    network: keras.Model,
    precision: str,
    others: Mapping[type[layers.Layer], type[layers.Layer]] | None = None,
) -> keras.Model:
    """Copies a network, and its weights.

    Args:
        network: with one output; may hold others.
        precision: "float32", or "bfloat16" for all layers but those whose outputs have
            the rank and the channels of the network's own: nothing else is added up to
            images. Weights and means stay in float32.
        others: kinds of layers, and the kinds that take their places.
    """
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]
    others = others or {}
    of_network = network.output_shape

    def copied(layer: layers.Layer) -> layers.Layer:
        kind, shape = type(layer), layer.output.shape
        is_exact = len(shape) == len(of_network) and shape[-1] == of_network[-1]
        kind, dtype = others.get(kind, kind), "float32" if is_exact else policy
        return kind.from_config(layer.get_config() | {"dtype": dtype})

    made = keras.models.clone_model(network, clone_function=copied, recursive=True)
    made.set_weights(network.get_weights())
    return made
