"""Latent vectors for the images trained on, so that a generator can begin with them.

A generator that starts at random is told from real images at once, and learns for long
only that. One that has first redrawn the training images from a short description, as
Bojanowski et al., Optimizing the Latent Space of Generative Networks, 2018, do, starts
with their colours and layouts. The description is what is seen of an image, turned to
principal axes and scaled to deviation 1: for an image to come, normal numbers take its
place.
"""

import keras
import numpy as np
from keras import layers

from foldergan.images import to_tanh_range

_MOST_FITTED = 1000  # images, spread evenly, that the axes are found from
_BATCH = 64  # images
_LEAST_DEVIATION = 1e-6
_GRID = 4  # height and width of what is seen of an image at each stride
_PIXELS = 16  # height and width of what is left of the image itself


class ImageCodes:
    """Codes of images and of their mirror images.

    Args:
        view: images -1 to 1 in; out mixed maps, as of `mixing.build_feature_network`.
        images: float32 array (n, height, width, channels), 0 to 1; may lie on disk.
        labels: one-hot array (n, num_classes); a code says what its class does not.
        rows: row numbers of the images to code.
        size: of a code.

    Attributes:
        values: float32 array (n, 2, size), of deviation 1: the image, its mirror; 0
            for other rows, and behind as many numbers as the images allow.
    """

    def __init__(
        self,
        view: keras.Model,
        images: np.ndarray,
        labels: np.ndarray,
        rows: np.ndarray,
        size: int,
    ):
        describe = _build_description(view)
        described = np.empty((len(rows), 2, describe.output_shape[1]), np.float32)
        for start in range(0, len(rows), _BATCH):
            some = slice(start, min(start + _BATCH, len(rows)))
            batch = to_tanh_range(np.asarray(images[rows[some]]))
            described[some, 0] = describe.predict_on_batch(batch)
            described[some, 1] = describe.predict_on_batch(batch[:, :, ::-1])
        described -= _means(described, labels[rows])[:, None]
        values = described @ _principal_axes(described, size)
        self.values = np.zeros((len(images), 2, size), np.float32)
        deviation = values.std((0, 1)).clip(_LEAST_DEVIATION)
        self.values[rows, :, : values.shape[2]] = values / deviation


def _principal_axes(described: np.ndarray, size: int) -> np.ndarray:
    """Finds the directions in which images differ most, (d, size) or fewer."""
    step = -(-len(described) // _MOST_FITTED)
    fitted = described[::step].reshape(-1, described.shape[2])
    variances, vectors = np.linalg.eigh(fitted @ fitted.T)
    kept = np.argsort(-variances)[: min(size, len(fitted) - 1)]
    return fitted.T @ vectors[:, kept]


def _build_description(view: keras.Model) -> keras.Model:
    """Builds what is seen of an image: coarse grids of its maps, and of itself."""
    images = view.inputs[0]
    *mixed, _, _, _ = view.outputs
    grids = [_averaged(maps, _GRID) for maps in mixed]
    return keras.Model(
        images, layers.Concatenate()([*grids, _averaged(images, _PIXELS)])
    )


def _averaged(values, size: int):
    """Averages a map to about so many places each way, each map of equal weight."""
    factors = [max(1, length // size) for length in values.shape[1:3]]
    values = layers.Flatten()(layers.AveragePooling2D(factors)(values))
    return layers.Rescaling(values.shape[1] ** -0.5)(values)


def _means(described: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Averages over each image's class; over all where there are no classes."""
    if not labels.shape[1]:
        return np.broadcast_to(described.mean((0, 1)), described[:, 0].shape)
    sums = labels.T @ described.mean(1)
    return labels @ (sums / labels.sum(0)[:, None].clip(1))
