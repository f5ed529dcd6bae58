"""How good generated images are: figures from arrays of features.

Every function takes the real features before the fake ones, (n, d) and (m, d), finite,
of any real dtype, and computes in float64. A figure depends on the extractor of the
features, so that its name belongs beside the figure; FID and KID of papers are of
Inception's features.
"""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from foldergan.metrics.kid import kid

_MEGABYTES = 32  # of distances at a time
_ROUNDING = 1e-12  # of a squared norm: more than a distance is wrong by


def evaluate(
    real: np.ndarray,
    fake: np.ndarray,
    extractor: str,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> tuple[dict[str, float | int | str], np.ndarray]:
    """Computes every figure here, as one row of a table.

    Args:
        real: features of held-out images, (n, d), n at least 6.
        fake: features of generated images, (m, d), m at least 4.
        extractor: name of what made the features, to stand beside the figures.
        real_classes: class numbers (n,), as `kid` takes them.
        fake_classes: class numbers (m,), as `kid` takes them.

    Returns:
        The row: extractor, counts of real and fake, and the figures; `kernel_distance`
        is KID. And the draws of KID, as `kid` has them.
    """
    found = kid(real, fake, real_classes, fake_classes)
    precision, recall = precision_recall(real, fake)
    density, coverage = density_coverage(real, fake)
    row: dict[str, float | int | str] = {
        "extractor": extractor,
        "real": len(real),
        "fake": len(fake),
        "kernel_distance": found.estimate,
        "kernel_distance_low": found.low,
        "kernel_distance_high": found.high,
        "kernel_distance_floor": found.floor,
        "frechet_distance": frechet_distance(real, fake),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
        "variety": variety(real, fake, real_classes, fake_classes),
    }
    return row, found.draws


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Fréchet distance between Gaussians of the same means and covariances.

    |mean_r - mean_f|^2 + tr(C_r + C_f - 2 (C_r C_f)^(1/2)). Dowson and Landau, The
    Fréchet Distance between Multivariate Normal Distributions, 1982; Heusel et al.,
    GANs Trained by a Two Time-Scale Update Rule, 2017. The fewer the images, the more
    it is too large: compare it at equal counts only.

    Args:
        real: features (n, d), n at least 2.
        fake: features (m, d), m at least 2.

    Returns:
        At least 0, in squared units of the features.
    """
    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    shift = real.mean(0) - fake.mean(0)
    real_root, fake_root = _covariance_root(real), _covariance_root(fake)
    # With C = R'R, tr (C_r C_f)^(1/2) is the sum of the singular values of R_r R_f'.
    # No covariance is formed, so singular ones (n below d) cost no accuracy.
    overlap = np.linalg.svd(real_root @ fake_root.T, compute_uv=False).sum()
    spread = (real_root**2).sum() + (fake_root**2).sum() - 2 * overlap
    return float(shift @ shift + max(spread, 0.0))


def precision_recall(
    real: np.ndarray, fake: np.ndarray, k: int = 3
) -> tuple[float, float]:
    """Improved precision and recall, each 0-1: fidelity and diversity.

    Precision is the fraction of the fakes that lie within the ball of a real image, as
    wide as its k-th nearest real neighbour is far, edge included; recall is the
    fraction of the real ones within the ball of a fake. Kynkaanniemi et al., Improved
    Precision and Recall Metric for Assessing Generative Models, 2019.
    """
    are_true, are_reached = _in_balls(real, fake, k), _in_balls(fake, real, k)
    return float(are_true.any(0).mean()), float(are_reached.any(0).mean())


def density_coverage(
    real: np.ndarray, fake: np.ndarray, k: int = 5
) -> tuple[float, float]:
    """Density and coverage: fidelity and diversity, by the real images' balls only.

    Balls are as in `precision_recall`. Density is the number of balls around a fake,
    on average, by k; it is 1 on average where both follow the same law. Coverage, 0-1,
    is the fraction of the balls that hold a fake. Naeem et al., Reliable Fidelity and
    Diversity Metrics for Generative Models, 2020.
    """
    inside = _in_balls(real, fake, k)
    return float(inside.sum() / (k * len(fake))), float(inside.any(1).mean())


def variety(
    real: np.ndarray,
    fake: np.ndarray,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> float:
    """Mean distance of two fakes of a class, divided by that of two real images.

    0 where a class is one image again and again, 1 where fakes vary as real images do,
    whether they look like them or not. The mean over the classes, weighted by their
    real images; those with fewer than two images on a side are left out. Without
    classes of both, or where none is left, all are one class.
    """
    ratios, weights = [], []
    if real_classes is not None and fake_classes is not None:
        for number in np.unique(real_classes):
            of_class = real[real_classes == number], fake[fake_classes == number]
            if min(map(len, of_class)) > 1 and np.ptp(of_class[0], axis=0).any():
                real_distance, fake_distance = map(_mean_distance, of_class)
                ratios.append(fake_distance / real_distance)
                weights.append(len(of_class[0]))
    if not ratios:
        return _mean_distance(fake) / _mean_distance(real)
    return float(np.average(ratios, weights=weights))


def _mean_distance(points: np.ndarray) -> float:
    """Mean distance of two different points."""
    sums = pairwise_distances_chunked(
        np.asarray(points, np.float64),
        reduce_func=lambda block, at: block.sum(1),
        working_memory=_MEGABYTES,
    )
    return float(sum(map(np.sum, sums))) / (len(points) * (len(points) - 1))


def _in_balls(points: np.ndarray, others: np.ndarray, k: int) -> np.ndarray:
    """Tells which others lie in the ball of each point, bool (n, m)."""
    points, others = np.asarray(points, np.float64), np.asarray(others, np.float64)
    neighbors = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    # A point is not its own neighbour; a duplicate of it is. Balls are wider by what
    # rounding can do, so that a duplicate or a tie is never left out.
    radii = neighbors.kneighbors()[0][:, -1] ** 2
    radii += _ROUNDING * (np.einsum("ij,ij->i", points, points) + radii)
    blocks = pairwise_distances_chunked(
        points,
        others,
        reduce_func=lambda block, at: block <= radii[at : at + len(block), None],
        metric="sqeuclidean",
        working_memory=_MEGABYTES,
    )
    return np.concatenate(list(blocks))


def _covariance_root(points: np.ndarray) -> np.ndarray:
    """Finds R, upper triangular, with R'R the covariance of the rows."""
    root = np.linalg.qr(points - points.mean(0), mode="r")
    return root / np.sqrt(len(points) - 1)
