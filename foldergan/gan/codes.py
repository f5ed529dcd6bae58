"""Latent codes of the training images, which a generator first reconstructs.

A discriminator tells the images of an untrained generator from real ones at once, and
for long the generator learns little else. One that has first learned to reconstruct
the training images from latent codes, as in Bojanowski et al., Optimizing the Latent
Space of Generative Networks, 2018, starts with their colours and layouts. The codes are
principal components of image features, scaled to standard deviation 1: for a new image
standard normal numbers take their place.
"""

from collections.abc import Callable, Iterator

import keras
import numpy as np
from keras import layers

from foldergan.data.splits import class_counts
from foldergan.errors import InputError
from foldergan.gan import mixing
from foldergan.images import Resized, Tensor, to_tanh_range

_MOST_FITTED = 1000  # images, evenly spaced, that the axes are fitted to
_BATCH = 64  # images
_LEAST_DEVIATION = 1e-6
_GRID = 4  # height and width that each feature map is averaged to
_PIXELS = 16  # height and width that the image is averaged to


class ImageCodes:
    """Codes of images, and of their mirror images.

    Args:
        feature_network: as of `mixing.build_feature_network`.
        images: float32 array (n, height, width, channels), 0 to 1; may lie on disk.
        shrink: makes some of them, -1 to 1, what the feature network takes.
        labels: one-hot array (n, num_classes); a code does not encode the class.
        rows: row numbers of the images to code.
        size: of a code.
        is_mirrored: whether mirror images have codes too.

    Attributes:
        values: float32 array (n, 1 or 2, size), of standard deviation 1: of the image
            and, if mirrored, of its mirror image; zero for rows without a code and
            for components beyond the data's rank.
    """

    def __init__(
        self,
        feature_network: keras.Model,
        images: np.ndarray | Resized,
        shrink: Callable[[Tensor], Tensor],
        labels: np.ndarray,
        rows: np.ndarray,
        size: int,
        is_mirrored: bool = True,
    ) -> None:
        self._images, self._shrink = images, shrink
        self._views = 2 if is_mirrored else 1
        self._descriptor = _build_descriptor(feature_network)
        if not labels.shape[1]:  # all are of one class
            labels = np.broadcast_to(np.ones((1, 1), np.float32), (len(images), 1))
        # A descriptor is larger than its image: of many images only some are kept.
        step = -(-len(rows) // _MOST_FITTED)
        means, fitted = self._describe_all(labels, rows, step)
        if not np.isfinite(fitted).all():
            raise InputError(
                "the backbone's features of these images are NaN or infinite",
                ("backbone",),
            )
        fitted -= (labels[rows[::step]] @ means)[:, None]
        axes = _principal_axes(fitted.reshape(-1, fitted.shape[2]), size)
        self.values = np.zeros((len(images), self._views, size), np.float32)
        codes = self.values[:, :, : axes.shape[1]]
        codes[rows[::step]] = fitted @ axes
        for some in _batches(np.delete(rows, np.s_[::step])):
            codes[some] = (
                self._describe(some) - (labels[some] @ means)[:, None]
            ) @ axes
        # Their mean is 0, for that of each class was taken off.
        squares = np.einsum("nvs,nvs->s", codes, codes, dtype=np.float64)
        codes /= np.sqrt(squares / (self._views * len(rows))).clip(_LEAST_DEVIATION)

    def _describe_all(
        self, labels: np.ndarray, rows: np.ndarray, step: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Describes images, and keeps each `step`-th.

        Returns:
            The mean descriptor of each class, (classes, d), and the descriptors that
            are kept, (some, views, d).
        """
        width = self._descriptor.output_shape[1]
        sums = np.zeros((labels.shape[1], width), np.float32)
        fitted = np.empty((len(rows[::step]), self._views, width), np.float32)
        done = 0
        for some in _batches(rows):
            described = self._describe(some)
            sums += labels[some].T @ described.mean(1)
            kept = described[-done % step :: step]
            first = -(-done // step)
            fitted[first : first + len(kept)] = kept
            done += len(some)
        return sums / class_counts(labels, rows)[:, None].clip(1), fitted

    def _describe(self, rows: np.ndarray) -> np.ndarray:
        """Describes the views of a few images, (rows, views, d)."""
        batch = np.asarray(self._shrink(to_tanh_range(self._images[rows])))
        views = (batch, batch[:, :, ::-1])[: self._views]
        return np.stack([self._descriptor.predict_on_batch(x) for x in views], axis=1)


def _batches(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))


def _principal_axes(fitted: np.ndarray, size: int) -> np.ndarray:
    """Computes the principal axes of descriptors (n, d): (d, size) or fewer."""
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
