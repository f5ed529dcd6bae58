"""Loads a pretrained network, by its name or from a file, as feature maps of images."""

import functools
from pathlib import Path
from typing import Any

import keras
from keras import layers

from foldergan.backbones import efficientnet_lite, preprocessing, sources, stages
from foldergan.errors import InputError
from foldergan.storage import networks

_FEWEST_STAGES = 2


def load_backbone(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Loads a backbone for images of one size.

    Images are given to a network from a file as `preprocessing.find` finds it wants
    them, which is said where the file does not say so itself.

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
    if spec in sources.SHIPPED:
        network, preparing = efficientnet_lite.load(sources.SHIPPED[spec]), None
    elif spec in sources.SOURCES:
        source = sources.SOURCES[spec]
        network = load_known(source, image_shape)
        preparing = preprocessing.rescaling(source.scale, source.offset)
        networks.refuse_not_finite(source.path, network, "remove it", ("backbone",))
    else:
        network = _load_file(Path(spec))
        preparing, said = preprocessing.find(network)
        say_once(f"backbone {Path(spec).name}: {said}" if said else "")
    network.trainable = False  # batch normalization runs in inference mode
    images = keras.Input(image_shape, name="images")
    values = _adapted(images, network.input_shape[-1], preparing, spec)
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


def load_known(
    source: sources.Source, image_shape: tuple[int, int, int]
) -> keras.Model:
    """Loads a network of keras.applications, for images of one size in RGB.

    Raises:
        InputError: its weights cannot be loaded.
    """
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
    images: keras.KerasTensor, channels: int, preparing: Any, spec: str
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
    return preparing(values) if preparing else values


@functools.cache
def say_once(sentence: str) -> None:
    """Prints what is said of a file, once however often it is loaded."""
    print(sentence, end="\n" * bool(sentence))


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
