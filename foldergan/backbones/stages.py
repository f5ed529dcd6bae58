"""The ends of a network's stages: the last feature map of each stride.

Names of layers differ between architectures: the stages are found by which output
depends on which.
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from foldergan.errors import InputError

STRIDES = (4, 8, 16, 32)

# Behind these nothing is a feature map, unless their output goes back into one.
_POOLS = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# A frozen backbone makes no noise, also where its surroundings are in training.
_NOISE = (
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianDropout,
    layers.GaussianNoise,
)
# What ends a block and is no part of the next.
_FINISHES = (
    layers.Activation,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.LeakyReLU,
    layers.ReLU,
)


class _Call(NamedTuple):
    """One call of a layer in a network, and the ids of the tensors that went in."""

    layer: keras.Operation
    inputs: list[int]
    output: keras.KerasTensor


def find_stages(
    model: keras.Model, images: keras.KerasTensor
) -> dict[int, keras.KerasTensor]:
    """Finds the last feature map of each stride of a network on other images.

    Only maps before a Flatten are taken that all later layers depend on alone. Of the
    maps of one stride it is the last that ends a residual block, for what follows is
    the expansion of the next block; without residual blocks, and for the largest
    stride, which no block follows, it is the last of all. The layers and their weights
    are the model's own, but for Normalization and LayerScale, which stock layers
    replace.

    Args:
        model: functional or sequential, with one input; may hold others.
        images: symbolic tensor (n, height, width, channels).

    Returns:
        Stride -> symbolic tensor (n, height, width, channels), the smallest
        stride first; strides of `STRIDES` only.

    Raises:
        InputError: the model is of another kind, or its layers before a Flatten take
            images of a fixed size only.
    """
    of_stride: dict[int, list[_Call]] = {}
    for call in _bottlenecks(_trace(model, images)):
        if isinstance(call.layer, _POOLS):
            break
        if isinstance(call.layer, layers.ZeroPadding2D):
            continue
        shape = call.output.shape
        if len(shape) == 4 and None not in shape[1:3] and min(shape[1:3]) > 0:
            stride = 2 ** round(math.log2(images.shape[1] / shape[1]))
            of_stride.setdefault(stride, []).append(call)
    largest = max(of_stride, default=0)
    return {
        stride: (found[-1] if stride == largest else _end_of_block(found)).output
        for stride, found in sorted(of_stride.items())
        if stride in STRIDES
    }


def _trace(model: keras.Model, images: keras.KerasTensor) -> list[_Call]:
    """Calls a network's layers on other images, in the order of computation."""
    calls: list[_Call] = []
    try:
        _run(model, images, calls)
    except _FlattenedError:
        pass
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"it takes no images of {'x'.join(map(str, images.shape[1:]))} ({reason}); "
            "give one without a fixed size, or saved at that size"
        ) from error
    return calls


class _FlattenedError(Exception):
    """Stops a trace before what may need a fixed size."""


def _run(
    model: keras.Model, values: keras.KerasTensor, calls: list[_Call]
) -> keras.KerasTensor:
    """Calls every layer of a model in turn, and records the calls."""

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> keras.KerasTensor:
        if isinstance(layer, keras.Model):
            return _run(layer, args[0], calls)
        if isinstance(layer, layers.Flatten):
            raise _FlattenedError
        # ConvNeXt's own layers have no public names.
        kind = type(layer).__name__
        if isinstance(layer, _NOISE) or kind == "StochasticDepth":
            return args[0]
        if isinstance(layer, layers.Normalization):
            layer = _as_rescaling(layer)
        if kind == "LayerScale":
            layer = _as_depthwise(layer)
        kwargs.pop("training", None)
        output = layer(*args, **kwargs)
        given = keras.tree.flatten((args, kwargs))
        inputs = [id(x) for x in given if isinstance(x, keras.KerasTensor)]
        calls.append(_Call(layer, inputs, output))
        return output

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            values = call(layer, values)
        return values
    if not hasattr(model, "operations") or len(model.inputs) != 1:
        raise InputError(
            "it is neither a functional nor a sequential Keras model of one "
            "input; give one that is"
        )
    return keras.models.clone_model(
        model,
        input_tensors=values,
        clone_function=lambda layer: layer,
        call_function=call,
    ).outputs[0]


def _as_rescaling(layer: layers.Normalization) -> layers.Layer:
    """Makes a layer that computes the same also after saving and loading.

    From an .h5 file Keras restores mean and variance of the outermost layers alone;
    inside a classifier a Normalization would keep 0 and 1.
    """
    mean, variance = (np.asarray(value) for value in (layer.mean, layer.variance))
    factor = 1 / np.maximum(np.sqrt(variance), keras.config.epsilon())
    return layers.Rescaling(factor.tolist(), (-mean * factor).tolist(), name=layer.name)


def _as_depthwise(layer: keras.layers.Layer) -> layers.Layer:
    """Makes a stock layer that multiplies channels, which any program can load."""
    (factors,) = layer.get_weights()
    stock = layers.DepthwiseConv2D(1, use_bias=False, name=layer.name)
    stock.build((None, None, None, len(factors)))
    stock.set_weights([factors.reshape(1, 1, -1, 1)])
    return stock


def _bottlenecks(calls: list[_Call]) -> list[_Call]:
    """Keeps the calls whose output alone all later calls depend on."""
    number_of = {id(call.output): number for number, call in enumerate(calls)}
    last_use = list(range(len(calls)))
    for number, call in enumerate(calls):
        for tensor in call.inputs:
            if tensor in number_of:
                last_use[number_of[tensor]] = number
    kept, open_until = [], 0
    for number, call in enumerate(calls):
        if open_until <= number:
            kept.append(call)
        open_until = max(open_until, last_use[number])
    return kept


def _end_of_block(found: list[_Call]) -> _Call:
    """Finds the last `Add` and the activation behind it; without one the last map."""
    adds = [n for n, call in enumerate(found) if isinstance(call.layer, layers.Add)]
    if not adds:
        return found[-1]
    end = adds[-1]
    while end + 1 < len(found) and isinstance(found[end + 1].layer, _FINISHES):
        end += 1
    return found[end]
