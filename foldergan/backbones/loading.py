"""Loads a pretrained network, by its name or from a file, as feature maps of images."""

import functools
from pathlib import Path

import keras
from keras import layers

from foldergan.backbones import efficientnet_lite, preprocessing, sources, stages
from foldergan.errors import InputError, report_unreadable
from foldergan.storage import networks

_FEWEST_STAGES = 2


def load_backbone(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Loads a backbone for images of one size.

    Images are given to it as `preprocessing.find` finds it wants them, with a note
    where a file does not say so itself.

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
        network = efficientnet_lite.load(sources.SHIPPED[spec])
    elif spec in sources.SOURCES:
        network = load_known(sources.SOURCES[spec], image_shape)
    else:
        network = _load_file(Path(spec))
    preparing, said = preprocessing.find(network)
    if said and spec not in sources.NAMES:
        say_once(f"backbone {Path(spec).name}: {said}")
    network.trainable = False  # batch normalization runs in inference mode
    values = images = keras.Input(image_shape, name="images")
    if (given := image_shape[2]) != (taken := network.input_shape[-1]):
        if (given, taken) != (1, 3):
            raise InputError(
                f"backbone {spec} takes images of {taken} channel, not of {given}; "
                "give one for such images"
            )
        values = layers.Concatenate(name="grey_to_rgb")([images] * 3)
    if preparing:
        values = preparing(values)
    try:
        found = stages.find_stages(network, values)
    except InputError as error:
        raise InputError(f"backbone {spec}: {error}", ("backbone",)) from error
    if len(found) < _FEWEST_STAGES:
        raise InputError(
            f"backbone {spec}: {len(found)} stage of strides "
            f"{', '.join(map(str, stages.STRIDES))} was found at "
            f"{'x'.join(map(str, image_shape))}, and {_FEWEST_STAGES} are needed; give "
            "a network that halves its feature maps more often, or larger images"
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
    state = "not to be had"
    if source.path.is_file():
        state = f"not to be had: {source.path} is not that file, or damaged"
    else:
        print(
            f"downloading {source.name}, {source.megabytes:g} MB, from "
            f"{source.url.split('/')[2]}, {source.license}, to {source.path}"
        )
    way_out = f"download {source.url} elsewhere and put it at {source.path}"
    with report_unreadable(f"backbone {source.name}", state, way_out):
        return getattr(keras.applications, source.name)(
            include_top=False, weights="imagenet", input_shape=(*image_shape[:2], 3)
        )


def _load_file(path: Path) -> keras.Model:
    network = networks.load_network(
        path,
        "damaged, or not a plain Keras model",
        "give one of stock Keras layers, saved whole",
        ("backbone",),
    )
    shape = networks.shape_of(network, "input")
    if not (isinstance(shape, tuple) and len(shape) == 4 and shape[-1] in (1, 3)):
        raise InputError(
            f"backbone {path} is not a network of images: it takes {shape}, not "
            "(n, height, width, 1 or 3)"
        )
    return network


@functools.cache
def say_once(sentence: str) -> None:
    """Prints a note on a file once, however often it is loaded."""
    print(sentence)
