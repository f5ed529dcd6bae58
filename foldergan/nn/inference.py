"""How many images a network computes at a time."""

import math

import keras
import numpy as np

_MOST_VALUES = 2**22  # in the images of one batch, at the largest of their sizes
_MOST_IMAGES = 256


def images_at_once(network: keras.Model, image_shape: tuple[int, ...]) -> int:
    """Counts as many images as keep the memory of the layers' outputs bounded.

    Args:
        network: takes images of one size, and may upsample them for a backbone.
        image_shape: (height, width, channels) of the images as they are read.
    """
    enlarged = [
        layer.output.shape[1:]
        for layer in network.layers
        if isinstance(layer, keras.layers.Resizing)
    ]
    largest = max(map(math.prod, [image_shape, network.input_shape[1:], *enlarged]))
    return _at_once(largest)


def drawn_at_once(generator: keras.Model) -> int:
    """Counts the images that a generator draws at a time; see `images_at_once`."""
    return _at_once(math.prod(generator.output_shape[1:]))


def _at_once(values: int) -> int:
    return int(np.clip(_MOST_VALUES // values, 1, _MOST_IMAGES))
