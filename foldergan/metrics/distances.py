"""Nearest neighbours among rows of numbers, in blocks that fit in memory."""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

_MEGABYTES = 32  # of distances at a time
_ROUNDING = 1e-12  # of a squared norm: more than a distance is wrong by


def squared_distances(
    points: np.ndarray, others: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Measures every point against every other, some rows at a time.

    Args:
        points: float64 array of shape (n, d).
        others: float64 array of shape (m, d).

    Yields:
        Which rows of `points`, and their squared Euclidean distances to `others`,
        float64 of shape (rows, m), wrong by rounding.
    """
    start = 0
    for block in pairwise_distances_chunked(
        points, others, metric="sqeuclidean", working_memory=_MEGABYTES
    ):
        yield slice(start, start + len(block)), block
        start += len(block)


def squared_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Computes the squared distance of each point to its k-th neighbour.

    A point is not its own neighbour; a duplicate of it is. Radii are wider by what
    rounding can do, so that a duplicate or a tie is never left out of the ball.

    Args:
        points: float64 array of shape (n, d), n above k.
        k: which neighbour, from 1.

    Returns:
        Squared Euclidean distances, float64 of shape (n,).
    """
    neighbors = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    radii = neighbors.kneighbors()[0][:, -1] ** 2
    return radii + _ROUNDING * (np.einsum("ij,ij->i", points, points) + radii)
