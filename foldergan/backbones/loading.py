"""Loads a pretrained network, by its name or from a file, as feature maps of images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from foldergan.backbones import efficientnet_lite, sources, stages
from foldergan.errors import InputError
from foldergan.storage import networks

_FEWEST_STAGES = 2
_TO_BYTES = 255.0


def load_backbone(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Loads a backbone for images of one size.

    A file takes images of values 0 to 1, unless its first layer is one that
    normalizes values 0 to 255, as keras.applications' newer networks have.

    Args:
        spec: a name of `sources.NAMES`, or the path of a .keras or .h5 file.
        image_shape: (height, width, channels) of the images; grey ones are repeated
            in three channels where the network takes three.

    Returns:
        A frozen model, images 0 to 1 in; out the last feature map of each stride, the
        smallest stride first.

    Raises:
        InputError: it is missing, damaged, not a network of images, or does not take
            this size.
    """
    range_of: tuple[Any, Any]  # scale and offset, as of `sources.Source`
    if spec in sources.SHIPPED:
        network, range_of = efficientnet_lite.load(sources.SHIPPED[spec]), (1.0, 0.0)
    elif spec in sources.SOURCES:
        source = sources.SOURCES[spec]
        network = _load_known(source, image_shape)
        range_of = source.scale, source.offset
        networks.refuse_not_finite(source.path, network, "remove it", ("backbone",))
    else:
        network = _load_file(Path(spec))
        range_of = _scale_of(network), 0.0
    network.trainable = False  # batch normalization runs in inference mode
    images = keras.Input(image_shape, name="images")
    values = _adapted(images, network.input_shape[-1], range_of, spec)
    try:
        found = stages.find_stages(stages.trace(network, values), values)
    except InputError as error:
        raise InputError(f"backbone {spec}: {error}", ("backbone",)) from error
    if len(found) < _FEWEST_STAGES:
        raise InputError(
            f"backbone {spec}: {len(found)} stage of strides "
            f"{', '.join(map(str, stages.STRIDES))} was found at "
            f"{_x(image_shape)}, and {_FEWEST_STAGES} are needed; give a network that "
            "halves its feature maps more often, or larger images"
        )
    backbone = keras.Model(images, list(found.values()), name="backbone")
    backbone.trainable = False
    return backbone


def _load_known(
    source: sources.Source, image_shape: tuple[int, int, int]
) -> keras.Model:
    if not source.path.is_file():
        print(
            f"downloading {source.name}, {source.megabytes:g} MB, from "
            f"{source.url.split('/')[2]}, {source.license}, to {source.path}"
        )
    shape, was_there = (*image_shape[:2], 3), source.path.is_file()
    try:
        with sources.kept(source.path):
            network = getattr(keras.applications, source.name)(
                include_top=False, weights="imagenet", input_shape=shape
            )
    except Exception as error:  # Keras raises a bare one without a network
        problem = f"{source.path} is not that file, or damaged, and " * was_there
        raise InputError(
            f"backbone {source.name}: {problem}its weights cannot be loaded "
            f"({_first(error)}); download {source.url} elsewhere and put it at "
            f"{source.path}"
        ) from error
    if source.is_bgr:
        _reverse_channels(network)
    return network


def _reverse_channels(network: keras.Model) -> None:
    """Lets a network of blue, green, red take red, green, blue, by its first kernel."""
    convolution = next(x for x in network.layers if isinstance(x, layers.Conv2D))
    kernel, *bias = convolution.get_weights()
    convolution.set_weights([kernel[:, :, ::-1], *bias])


def _load_file(path: Path) -> keras.Model:
    sources.refuse_missing(str(path))
    network = networks.load_network(
        path,
        "damaged, or not a plain Keras model",
        "give one of stock Keras layers, saved whole",
        ("backbone",),
    )
    shape = getattr(network, "input_shape", None)
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[-1] in (1, 3)):
        raise InputError(
            f"backbone {path} is not a network of images: it takes {shape}, not "
            "(n, height, width, 1 or 3)"
        )
    return network


def _adapted(
    images: keras.KerasTensor, channels: int, range_of: tuple[Any, Any], spec: str
) -> keras.KerasTensor:
    """Converts images to the channels and the range that a network takes."""
    values = images
    if images.shape[-1] == 1 and channels == 3:
        values = layers.Concatenate(name="grey_to_rgb")([images] * 3)
    elif images.shape[-1] != channels:
        raise InputError(
            f"backbone {spec} takes images of {channels} channel, not of "
            f"{images.shape[-1]}; give one for such images"
        )
    if range_of != (1.0, 0.0):
        values = layers.Rescaling(*range_of, name="to_range_of_backbone")(values)
    return values


def _scale_of(network: keras.Model) -> float:
    """Finds the factor from values 0 to 1 to the range that a file's network takes."""
    for layer in _leading_layers(network):
        if isinstance(layer, layers.Rescaling):
            return _TO_BYTES if _largest(layer.scale) < 0.1 else 1.0
        if isinstance(layer, layers.Normalization):
            return _TO_BYTES if _largest(layer.mean) > 2 else 1.0
        if not isinstance(layer, (layers.InputLayer, layers.ZeroPadding2D)):
            break
    return 1.0


def _leading_layers(network: keras.Model) -> Iterator[layers.Layer]:
    """Yields a network's layers in order, those of nested networks included."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _leading_layers(layer)
        else:
            yield layer


def _largest(values: Any) -> float:
    return float(np.max(np.asarray(values, np.float32)))


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
