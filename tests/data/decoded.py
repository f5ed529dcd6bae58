"""One image file as values 0-1, decoded in this process."""

import numpy as np

from foldergan.data import decoding


def read_image(path, image_shape) -> np.ndarray:
    return decoding.to_fractions(decoding.read_image(path, image_shape).pixels)
