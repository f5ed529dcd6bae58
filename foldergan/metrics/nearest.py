"""The images trained on, as features, and which of them is nearest to an image."""

import math
import tempfile
from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from foldergan.images import Resized
from foldergan.metrics.features import Extract
from foldergan.progress import ImageProgress

_MOST_AT_ONCE = 256  # images
_MOST_VALUES = 2**22  # of the images read at once
_MOST_IN_MEMORY = 2**28  # values, 1 GiB; more lie in a temporary file


class Nearest(NamedTuple):
    """What is nearest to each of n images, among those trained on.

    Attributes:
        rows: int64 (n,), row numbers of the nearest images.
        is_mirrored: bool (n,), whether it is their mirror image that is.
        distances: float64 (n,), Euclidean, of features; exactly 0 between equals.
        is_repeat: bool (n,), whether the image is nearer than half of the distance of
            that training image to any other. The balls of this size around the
            training images do not overlap: an image in one looks like that training
            image, and not like what several have in common.
    """

    rows: np.ndarray
    is_mirrored: np.ndarray
    distances: np.ndarray
    is_repeat: np.ndarray


class TrainingImages:
    """Finds nearest neighbours among all images that were trained on.

    Args:
        extract: images 0-1 -> features, float32 (n, d).
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those trained on.
        is_mirrored: whether they were also trained on as mirror images.
    """

    def __init__(
        self,
        extract: Extract,
        images: np.ndarray | Resized,
        rows: np.ndarray,
        is_mirrored: bool = False,
    ) -> None:
        self._images, self._rows = images, rows
        views = 2 if is_mirrored else 1
        progress = ImageProgress(len(rows), "features of training images:")
        size = _MOST_VALUES // math.prod(images.shape[1:])
        size = min(max(size, 1), _MOST_AT_ONCE)
        for start in range(0, len(rows), size):
            batch = images[rows[start : start + size]]
            for view in range(views):
                found = extract(batch[:, :, ::-1] if view else batch)
                if not start and not view:
                    self._features = _empty(views * len(rows), found.shape[1])
                first = view * len(rows) + start
                self._features[first : first + len(found)] = found
            progress.on_images(len(batch))
        progress.done()
        self._neighbors = NearestNeighbors(algorithm="brute").fit(self._features)

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, features: np.ndarray) -> Nearest:
        """Finds the nearest training image of each image.

        Args:
            features: float32 (n, d).
        """
        found = self._neighbors.kneighbors(features, 1, return_distance=False)[:, 0]
        distances = self._distances(features, found)
        numbers, is_mirrored = found % len(self), found >= len(self)
        unique, of_unique = np.unique(numbers, return_inverse=True)
        is_repeat = distances < self._to_others(unique)[of_unique] / 2
        return Nearest(self._rows[numbers], is_mirrored, distances, is_repeat)

    def images(self, nearest: Nearest) -> np.ndarray:
        """Reads the nearest images, mirrored where their mirror images are nearest.

        Returns:
            float32 array (n, height, width, channels), 0-1.
        """
        images = np.array(self._images[nearest.rows])
        images[nearest.is_mirrored] = images[nearest.is_mirrored, :, ::-1]
        return images

    def _to_others(self, numbers: np.ndarray) -> np.ndarray:
        """Measures how far training images are from the nearest other one."""
        views = len(self._features) // len(self)
        count = min(views + 1, len(self._features))  # itself and its mirror image too
        features = self._features[numbers]
        found = self._neighbors.kneighbors(features, count, return_distance=False)
        distances = np.stack([self._distances(features, x) for x in found.T], axis=1)
        distances[found % len(self) == numbers[:, None]] = np.inf
        return distances.min(1)

    def _distances(self, features: np.ndarray, found: np.ndarray) -> np.ndarray:
        apart = features.astype(np.float64) - self._features[found]
        return np.linalg.norm(apart, axis=1)


def _empty(count: int, width: int) -> np.ndarray:
    """Makes room for features, in a file without a name where they are many."""
    if count * width <= _MOST_IN_MEMORY:
        return np.empty((count, width), np.float32)
    with tempfile.TemporaryFile() as file:  # lives on as long as the map
        return np.memmap(file, np.float32, mode="w+", shape=(count, width))
