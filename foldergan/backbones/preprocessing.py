"""Which values a network was trained on, and what brings images there.

Networks of keras.applications were trained on values in three ways, and only the newer
ones hold their preprocessing. An older one, also from a file, is known by its name.
"""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers

_MEANS = np.array([0.485, 0.456, 0.406])  # of ImageNet, RGB, of values 0 to 1
_DEVIATIONS = np.array([0.229, 0.224, 0.225])
_BGR_MEANS = np.array([103.939, 116.779, 123.68])  # of values 0 to 255
# Names that keras.applications gives -> how it preprocesses for them.
_KNOWN = {
    r"resnet(50|101|152)|vgg(16|19)": "BGR of 0 to 255 less ImageNet's means",
    r"resnet(50|101|152)v2|inception(_resnet)?_v[23]|xception|(?i:nasnet).*"
    r"|mobilenet(v2)?_.*": "-1 to 1",
    r"densenet(121|169|201)": "ImageNet's mean 0 and deviation 1",
}
_NAME = "to_range_of_backbone"


def find(network: keras.Model) -> tuple[layers.Layer | None, str]:
    """Finds the preprocessing of a network: by its first layers, else by its name.

    Returns:
        What images of values 0 to 1 go through before it, None for nothing; and what is
        assumed, for people, empty where the network says it itself.
    """
    names: list[str] = []
    for part in _leading(network):
        if isinstance(part, keras.Model):
            names.append(part.name)
            continue
        if isinstance(part, layers.Rescaling):
            return _of_bytes(_largest(part.scale) < 0.1)
        if isinstance(part, layers.Normalization):
            return _of_bytes(_largest(part.mean) > 2)
        if isinstance(part, layers.BatchNormalization):
            return _of_bytes(_largest(part.moving_mean) > 2)
        if not isinstance(part, layers.Layer):  # perhaps a preprocessing
            names.clear()
            break
        if not isinstance(part, (layers.InputLayer, layers.ZeroPadding2D)):
            break
    for name, (pattern, values) in itertools.product(names, _KNOWN.items()):
        if re.fullmatch(pattern, name) and network.input_shape[-1] == 3:
            return (
                _layer_of(values),
                f"it is keras.applications' {name} by its name: images are given as "
                f"that was trained, {values}",
            )
    return (
        None,
        "it does not say which values it was trained on: images are given as 0 to 1; "
        "if it takes others, save it with a Rescaling layer before it",
    )


def _rescaling(scale: Any, offset: Any = 0.0) -> layers.Layer:
    return layers.Rescaling(scale, offset, name=_NAME)


def _leading(network: keras.Model) -> Iterator[Any]:
    """Yields a network, and what it computes, in order, of nested networks too."""
    yield network
    for part in getattr(network, "operations", network.layers):
        if isinstance(part, keras.Model):
            yield from _leading(part)
        else:
            yield part


def _of_bytes(is_so: bool) -> tuple[layers.Layer | None, str]:
    return _rescaling(255.0) if is_so else None, ""


def _layer_of(values: str) -> layers.Layer:
    if values == "-1 to 1":
        return _rescaling(2.0, -1.0)
    if values.startswith("BGR"):  # a stock layer that also swaps channels
        layer = layers.Conv2D(3, 1, trainable=False, name=_NAME)
        layer.build((None, None, None, 3))
        swap = 255.0 * np.eye(3)[::-1]
        layer.set_weights([swap[None, None], -_BGR_MEANS])
        return layer
    scale, offset = 1 / _DEVIATIONS, -_MEANS / _DEVIATIONS
    return _rescaling(scale.tolist(), offset.tolist())


def _largest(values: Any) -> float:
    return float(np.max(np.asarray(values, np.float32)))
