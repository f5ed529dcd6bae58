"""The feature maps of a network, one a halving, found without knowing its layers.

A discriminator that looks through a network, and a linear classifier on top of one,
need the ends of its stages: the last feature maps of each stride. Names of layers
differ from family to family; what depends on what does not.
"""

import math
from dataclasses import dataclass

import keras
from keras import layers

from foldergan.errors import InputError

STRIDES = (4, 8, 16, 32)

# Behind it there are no places any more, unless its result goes back into a map.
_POOLS = (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
# What finishes a block and is no part of the next.
_FINISHES = (
    layers.Activation,
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.LeakyReLU,
    layers.ReLU,
)


@dataclass(frozen=True)
class Call:
    """One layer's use in a network: what went in and what came out."""

    layer: object
    inputs: tuple
    output: object


def trace(model: keras.Model, images) -> list[Call]:
    """Uses a network's layers on other images, also those of networks inside it.

    Args:
        model: functional or sequential, of one input.
        images: symbolic tensor (n, height, width, channels).

    Returns:
        Every call in the order of computation, up to a Flatten; the layers and their
        weights are the model's own.

    Raises:
        InputError: the model is of another kind, or what leads to the last feature
            map takes images of one size only.
    """
    calls: list[Call] = []
    try:
        _run(model, images, calls)
    except _FlattenedError:
        pass
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"the backbone takes no images of {_x(images.shape[1:])} ({reason}); "
            "give one without a fixed size, or saved at that size"
        ) from error
    return calls


def find_stages(calls: list[Call], images) -> dict:
    """Finds the last feature map of each stride.

    A map counts where all that follows depends on it alone. Of the maps of one
    stride the last that a block ends in is taken, if the network adds up blocks, for
    what follows is the next block's own widening; of the largest stride, which no
    block follows, the very last.

    Args:
        calls: as of `trace`.
        images: what went in.

    Returns:
        Stride -> symbolic tensor (n, height, width, channels), the least stride
        first; strides of `STRIDES` only.
    """
    of_stride: dict[int, list[Call]] = {}
    for call in _bottlenecks(calls):
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


class _FlattenedError(Exception):
    """Stops a trace before what may need a fixed size."""


def _run(model, values, calls: list[Call]):
    """Calls every layer of a model in turn, and writes the calls down."""

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model):
            return _run(layer, args[0], calls)
        if isinstance(layer, layers.Flatten):
            raise _FlattenedError
        if isinstance(layer, layers.Lambda):
            raise InputError(
                "the backbone has a Lambda layer, code that a file must not bring; "
                "give one of stock Keras layers"
            )
        kwargs.pop("training", None)
        output = layer(*args, **kwargs)
        inputs = [x for x in keras.tree.flatten((args, kwargs)) if _is_tensor(x)]
        calls.append(Call(layer, tuple(map(id, inputs)), output))
        return output

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            values = call(layer, values)
        return values
    if not hasattr(model, "operations") or len(model.inputs) != 1:
        raise InputError(
            "the backbone is neither a functional nor a sequential Keras model of one "
            "input; give one that is"
        )
    return keras.models.clone_model(
        model,
        input_tensors=values,
        clone_function=lambda layer: layer,
        call_function=call,
    ).outputs[0]


def _bottlenecks(calls: list[Call]) -> list[Call]:
    """Keeps the calls on whose output alone all that follows depends."""
    made = {id(call.output): number for number, call in enumerate(calls)}
    last_use = list(range(len(calls)))
    for number, call in enumerate(calls):
        for tensor in call.inputs:
            if tensor in made:
                last_use[made[tensor]] = number
    kept, open_until = [], 0
    for number, call in enumerate(calls):
        if open_until <= number:
            kept.append(call)
        open_until = max(open_until, last_use[number])
    return kept


def _end_of_block(found: list[Call]) -> Call:
    """Finds the last sum, and the activation behind it; the last map without sums."""
    sums = [n for n, call in enumerate(found) if isinstance(call.layer, layers.Add)]
    if not sums:
        return found[-1]
    end = sums[-1]
    while end + 1 < len(found) and isinstance(found[end + 1].layer, _FINISHES):
        end += 1
    return found[end]


def _is_tensor(value) -> bool:
    return isinstance(value, keras.KerasTensor)


def _x(shape) -> str:
    return "x".join(map(str, shape))
