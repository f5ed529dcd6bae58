"""Features standardized as they are read, and their principal axes.

Nothing of the size of all features is computed: they may lie on disk, and be more than
memory holds.
"""

import math
from collections.abc import Iterator

import numpy as np

from foldergan.images import Joined

Features = np.ndarray | Joined  # float32 (n, views, d), may lie on disk
_VALUES = 2**20  # of a block of features
_MOST_KEPT = 2**26  # values, 256 MB
_LEAST_DEVIATION = 1e-3
_LEAST_VARIANCE = 1e-6  # of an axis, as a fraction of the largest


class Standardized:
    """Standardizes features as they are read, by the mean and deviation of some rows.

    On the principal axes of these a bound on the curvature of a loss is known.

    Args:
        features: float32 array (n, views, d); may lie on disk.
        rows: row numbers of those to standardize by.

    Attributes:
        most_kept: images whose features 256 MB hold.
        variances: float32 array (axes,), of the standardized rows along each axis.
        axes: float32 array (d, axes), for standardized features.
    """

    def __init__(self, features: Features, rows: np.ndarray) -> None:
        self._features = features
        _, views, width = features.shape
        self.most_kept = max(1, _MOST_KEPT // (views * width))
        self._mean, self._deviation = self._moments(rows)
        moments = np.zeros((width, width))
        for some in blocks_of(rows, features):
            seen = self[some].reshape(-1, width)
            moments += seen.T @ seen
        moments /= len(rows) * views
        variances, axes = np.linalg.eigh(moments.astype(np.float32))
        kept = variances > _LEAST_VARIANCE * variances[-1]
        self.variances = variances[kept]
        self.axes = np.ascontiguousarray(axes[:, kept])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Reads rows, float32 (rows, views, d)."""
        return (self._features[rows] - self._mean) / self._deviation

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, views, d)."""
        return self._features.shape

    def for_given(
        self, kernel: np.ndarray, bias: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Maps kernel and bias on the axes to those of the features as given."""
        kernel = self.axes @ kernel / self._deviation[:, None]
        bias = bias - self._mean @ kernel
        return kernel.astype(np.float32), bias.astype(np.float32)

    def _moments(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Computes mean and standard deviation (d,), about the first row."""
        shift = self._features[rows[:1]][0, 0]
        total, squares = np.zeros(len(shift)), np.zeros(len(shift))
        for some in blocks_of(rows, self._features):
            seen = self._features[some].reshape(-1, len(shift))
            apart = (seen - shift).astype(np.float64)
            total += apart.sum(0)
            squares += (apart**2).sum(0)
        count = len(rows) * self.shape[1]
        variances = squares / count - (total / count) ** 2
        deviation = np.sqrt(variances.clip(0)).clip(_LEAST_DEVIATION)
        mean = shift + total / count
        return mean.astype(np.float32), deviation.astype(np.float32)


def blocks_of(
    rows: np.ndarray, features: Features | Standardized
) -> Iterator[np.ndarray]:
    """Yields row numbers, as many at a time as have a few megabytes of features."""
    size = max(1, _VALUES // math.prod(features.shape[1:]))
    return (rows[start : start + size] for start in range(0, len(rows), size))
