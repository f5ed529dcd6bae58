"""Nearest neighbours among rows of numbers, in blocks that fit in memory."""

from collections.abc import Iterator

import numpy as np

_BLOCK = 2**22  # distances at a time, 32 MiB
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
        float64 of shape (rows, m), wrong by rounding and so at times below 0.
    """
    norms = np.einsum("ij,ij->i", others, others)
    size = max(1, _BLOCK // len(others))
    for start in range(0, len(points), size):
        rows = slice(start, min(start + size, len(points)))
        block = points[rows] @ others.T
        block *= -2
        block += np.einsum("ij,ij->i", points[rows], points[rows])[:, None]
        block += norms
        yield rows, block


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
    radii = np.empty(len(points))
    for rows, block in squared_distances(points, points):
        own = np.arange(rows.start, rows.stop)
        block[own - rows.start, own] = np.inf
        block.partition(k - 1)
        radii[rows] = block[:, k - 1]
    return radii + _ROUNDING * (np.einsum("ij,ij->i", points, points) + radii)


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of the others for each point.

    Args:
        points: float64 array of shape (n, d).
        others: float64 array of shape (m, d).

    Returns:
        Row numbers in `others`, int64 of shape (n,), and Euclidean distances,
        float64 of shape (n,), exactly 0 between equals.
    """
    rows_of_others = np.empty(len(points), np.int64)
    distances = np.empty(len(points))
    for rows, block in squared_distances(points, others):
        rows_of_others[rows] = block.argmin(1)
        apart = points[rows] - others[rows_of_others[rows]]
        distances[rows] = np.linalg.norm(apart, axis=1)
    return rows_of_others, distances
