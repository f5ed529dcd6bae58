"""Latent codes of the training images, which a generator first reconstructs.

A discriminator tells the images of an untrained generator from real ones at once, and
for long the generator learns little else. One that has first learned to reconstruct
the training images from latent codes, as in Bojanowski et al., Optimizing the Latent
Space of Generative Networks, 2018, starts with their colours and layouts. The codes are
principal components of image features, scaled to standard deviation 1: for a new image
standard normal numbers take their place.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from foldergan.gan import mixing
from foldergan.images import Resized, Tensor, to_tanh_range

_MOST_FITTED = 1000  # images, evenly spaced, that the axes are fitted to
_BATCH = 64  # images
_LEAST_DEVIATION = 1e-6
_GRID = 4  # height and width that each feature map is averaged to
_PIXELS = 16  # height and width that the image is averaged to


class ImageCodes:
    """Codes of images and of their mirror images.

    Args:
        feature_network: as of `mixing.build_feature_network`.
        images: float32 array (n, height, width, channels), 0 to 1; may lie on disk.
        shrink: makes some of them, -1 to 1, what the feature network takes.
        labels: one-hot array (n, num_classes); a code does not encode the class.
        rows: row numbers of the images to code.
        size: of a code.

    Attributes:
        values: float32 array (n, 2, size), of standard deviation 1: of the image, of
            its mirror image; 0 for other rows, and behind as many numbers as the
            images allow.
    """

    def __init__(
        self,
        feature_network: keras.Model,
        images: np.ndarray | Resized,
        shrink: Callable[[Tensor], Tensor],
        labels: np.ndarray,
        rows: np.ndarray,
        size: int,
    ) -> None:
        descriptor = _build_descriptor(feature_network)
        described = np.empty((len(rows), 2, descriptor.output_shape[1]), np.float32)
        for start in range(0, len(rows), _BATCH):
            some = slice(start, min(start + _BATCH, len(rows)))
            batch = np.asarray(shrink(to_tanh_range(images[rows[some]])))
            described[some, 0] = descriptor.predict_on_batch(batch)
            described[some, 1] = descriptor.predict_on_batch(batch[:, :, ::-1])
        described -= _means(described, labels[rows])[:, None]
        values = described @ _principal_axes(described, size)
        self.values = np.zeros((len(images), 2, size), np.float32)
        deviation = values.std((0, 1)).clip(_LEAST_DEVIATION)
        self.values[rows, :, : values.shape[2]] = values / deviation


def _principal_axes(described: np.ndarray, size: int) -> np.ndarray:
    """Computes the principal axes of descriptors, (d, size) or fewer."""
    step = -(-len(described) // _MOST_FITTED)
    fitted = described[::step].reshape(-1, described.shape[2])
    variances, vectors = np.linalg.eigh(fitted @ fitted.T)
    kept = np.argsort(-variances)[: min(size, len(fitted) - 1)]
    return fitted.T @ vectors[:, kept]


def _build_descriptor(feature_network: keras.Model) -> keras.Model:
    """Builds the descriptor: coarse grids of an image's mixed maps and of itself."""
    images = feature_network.inputs[0]
    mixed = mixing.maps_of(feature_network.outputs)
    grids = [_averaged(maps, _GRID) for maps in mixed]
    return keras.Model(
        images, layers.Concatenate()([*grids, _averaged(images, _PIXELS)])
    )


def _averaged(values: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """Average-pools a map to about that height and width; all maps weigh the same."""
    factors = [max(1, length // size) for length in values.shape[1:3]]
    values = layers.Flatten()(layers.AveragePooling2D(factors)(values))
    return layers.Rescaling(values.shape[1] ** -0.5)(values)


def _means(described: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Computes the mean of each image's class; of all images without classes."""
    if not labels.shape[1]:
        return np.broadcast_to(described.mean((0, 1)), described[:, 0].shape)
    sums = labels.T @ described.mean(1)
    return labels @ (sums / labels.sum(0)[:, None].clip(1))
