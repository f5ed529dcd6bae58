"""Latent codes of the training images, which a generator first reconstructs.

A discriminator classifies the images of an untrained generator at once, and for long
the generator learns little else. One that has first learned to reconstruct the training
images from latent codes, as in Bojanowski et al., Optimizing the Latent Space of
Generative Networks, 2018, starts with their colours and layouts. The codes are
principal components of image features, scaled to standard deviation 1: for a new image
standard normal numbers take their place.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from foldergan.data.splits import class_counts
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError
from foldergan.gan import photographs
from foldergan.images import Tensor, to_tanh_range
from foldergan.progress import ImageProgress

_MOST_FITTED = 1000  # images, evenly spaced, that the axes are fitted to
_BATCH = 64  # images
_LEAST_DEVIATION = 1e-6
_GRID = 4  # height and width that each feature map is averaged to
_PIXELS = 16  # height and width that the image is averaged to


class Codes(NamedTuple):
    """Codes of images, and what they say.

    A descriptor is about its class's mean + its code @ directions.

    Attributes:
        values: float32 array (n, 1 or 2, size), of standard deviation 1; zero for rows
            that were not encoded and for components beyond the data's rank.
        means: float32 array (classes, or 1 without any, d), of descriptors.
        directions: float32 array (size, d), orthogonal; what 1 of each component adds.
    """

    values: np.ndarray
    means: np.ndarray
    directions: np.ndarray


def encode(
    feature_network: keras.Model,
    data: TrainingSet,
    shrink: Callable[[Tensor], Tensor],
    size: int,
    is_mirrored: bool,
) -> Codes:
    """Computes the codes of images, and of their mirror images; shows progress.

    Args:
        feature_network: made by `photographs.build_feature_network`.
        data: its images, rows to encode and labels; a code does not encode the class.
        shrink: makes images, -1 to 1, what the feature network takes.
        size: of a code.
        is_mirrored: whether mirror images have codes too.

    Raises:
        InputError: the features are not finite.
    """
    images, rows, labels = data.images, data.rows, data.labels
    if labels is None:  # all are of one class
        labels = np.broadcast_to(np.ones((1, 1), np.float32), (len(images), 1))
    descriptor, views = _build_descriptor(feature_network), 1 + is_mirrored
    # A descriptor is larger than its image: of many images only some are kept.
    step = -(-len(rows) // _MOST_FITTED)
    others = np.delete(rows, np.s_[::step])
    progress = ImageProgress(len(rows) + len(others), "latent code of image")

    def described(rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields some of the rows and the descriptors of their views, (rows, v, d)."""
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            batch = np.asarray(shrink(to_tanh_range(images[some])))
            seen = (batch, batch[:, :, ::-1])[:views]
            yield some, np.stack([descriptor.predict_on_batch(x) for x in seen], axis=1)
            progress.on_images(len(some))

    # Fit principal axes to what is left of descriptors without their class's mean.
    width = descriptor.output_shape[1]
    sums = np.zeros((labels.shape[1], width), np.float32)
    kept, done = [], 0
    for some, descriptors in described(rows):
        sums += labels[some].T @ descriptors.mean(1)
        kept.append(descriptors[-done % step :: step].copy())
        done += len(some)
    fitted = np.concatenate(kept)
    if not np.isfinite(fitted).all():
        raise InputError(
            "the backbone's features of these images are NaN or infinite",
            ("backbone",),
        )
    means = sums / class_counts(labels, rows)[:, None].clip(1)
    fitted -= (labels[rows[::step]] @ means)[:, None]
    axes = _principal_axes(fitted.reshape(-1, width), size)

    # Project all descriptors on them.
    values = np.zeros((len(images), views, size), np.float32)
    codes = values[:, :, : axes.shape[1]]
    codes[rows[::step]] = fitted @ axes
    for some, descriptors in described(others):
        codes[some] = (descriptors - (labels[some] @ means)[:, None]) @ axes
    progress.done()
    # Their mean is 0, for that of each class was taken off.
    squares = np.einsum("nvs,nvs->s", codes, codes, dtype=np.float64)
    deviations = np.sqrt(squares / (views * len(rows))).clip(_LEAST_DEVIATION)
    codes /= deviations
    directions = np.zeros((size, width), np.float32)
    lengths = np.square(axes).sum(0).clip(_LEAST_DEVIATION**2)
    directions[: axes.shape[1]] = (axes * (deviations / lengths)).T
    return Codes(values, means, directions)


def _principal_axes(fitted: np.ndarray, size: int) -> np.ndarray:
    """Computes the principal axes of descriptors (n, d): (d, size) or fewer."""
    variances, vectors = np.linalg.eigh(fitted @ fitted.T)
    kept = np.argsort(-variances)[: min(size, len(fitted) - 1)]
    return fitted.T @ vectors[:, kept]


def _build_descriptor(feature_network: keras.Model) -> keras.Model:
    """Builds the descriptor: coarse grids of an image's mixed maps and of itself."""
    images = feature_network.inputs[0]
    mixed = photographs.maps_of(feature_network.outputs)
    grids = [_averaged(maps, _GRID) for maps in mixed]
    return keras.Model(
        images, layers.Concatenate()([*grids, _averaged(images, _PIXELS)])
    )


def _averaged(values: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """Average-pools a map to about that height and width; all maps weigh the same."""
    factors = [max(1, length // size) for length in values.shape[1:3]]
    values = layers.Flatten()(layers.AveragePooling2D(factors)(values))
    return layers.Rescaling(values.shape[1] ** -0.5)(values)
