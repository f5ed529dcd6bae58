"""How good generated images are: figures from arrays of features.

Every function takes the real features before the fake ones, (n, d) and (m, d), any
real dtype, and computes in float64. Nothing here is drawn at random but the interval
and the floor of the kernel distance, and these from a fixed seed. A figure depends on
the extractor of the features, so that its name belongs beside the figure; FID and KID
are names of figures on Inception's features, and none of these.
"""

import numpy as np

from foldergan.metrics import kernel_distance as kid
from foldergan.metrics.checks import checked
from foldergan.metrics.distances import squared_distances, squared_radii


def evaluate(
    real: np.ndarray,
    fake: np.ndarray,
    extractor: str,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> tuple[dict[str, float | int | str], np.ndarray]:
    """Computes every figure here, as one row of a table.

    Args:
        real: features of real images, (n, d), n at least 6; held-out ones where
            there are any.
        fake: features of generated images, (m, d), m at least 4.
        extractor: name of what made the features, to stand beside the figures.
        real_classes: as in `kernel_distance.kernel_distance`, class numbers (n,).
        fake_classes: as there, class numbers (m,).

    Returns:
        A row: extractor; counts of images: real, fake; kernel_distance, KID in these
        features, kernel_distance_low and kernel_distance_high around it,
        kernel_distance_floor, below which it cannot be told from that of real images;
        frechet_distance, precision, recall, density, coverage. And the draws of KID,
        as `kernel_distance.bootstrap` has them.

    Raises:
        ValueError: as the functions below.
    """
    row: dict[str, float | int | str]
    row = {"extractor": extractor, "real": len(real), "fake": len(fake)}
    draws = kid.bootstrap(real, fake, real_classes, fake_classes)
    null = kid.null_draws(real, len(fake), real_classes, fake_classes)
    kernel = kid.summary(draws, null)
    row["kernel_distance"] = kernel.estimate
    row["kernel_distance_low"], row["kernel_distance_high"] = kernel.low, kernel.high
    row["kernel_distance_floor"] = kid.floor_of(null)
    row["frechet_distance"] = frechet_distance(real, fake)
    row["precision"], row["recall"] = precision_recall(real, fake)
    row["density"], row["coverage"] = density_coverage(real, fake)
    return row, draws


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Frechet distance between Gaussians of the same means and covariances.

    |mean_r - mean_f|^2 + tr(C_r + C_f - 2 (C_r C_f)^(1/2)). Dowson and Landau, The
    Frechet Distance between Multivariate Normal Distributions, 1982; Heusel et al.,
    GANs Trained by a Two Time-Scale Update Rule, 2017. It comes out too large, the
    more so the fewer the images: compare it at equal counts only.

    Args:
        real: features (n, d), n at least 2.
        fake: features (m, d), m at least 2.

    Returns:
        At least 0, in squared units of the features.

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake = checked(real=(real, 2), fake=(fake, 2))
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
    """Improved precision and recall: fidelity and diversity.

    Precision is the fraction of the fakes that lie within the ball of a real image, as
    wide as its k-th nearest real neighbour is far, edge included; recall is the
    fraction of the real ones within the ball of a fake. Kynkaanniemi et al., Improved
    Precision and Recall Metric for Assessing Generative Models, 2019.

    Args:
        real: features (n, d), n above k.
        fake: features (m, d), m above k.
        k: which neighbour.

    Returns:
        Precision and recall, each 0-1.

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake = checked(real=(real, k + 1), fake=(fake, k + 1))
    real_radii = squared_radii(real, k)
    fake_radii = squared_radii(fake, k)
    true = np.zeros(len(fake), bool)
    reached = np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        true |= (distances <= real_radii[rows, None]).any(0)
        reached[rows] = (distances <= fake_radii).any(1)
    return float(true.mean()), float(reached.mean())


def density_coverage(
    real: np.ndarray, fake: np.ndarray, k: int = 5
) -> tuple[float, float]:
    """Density and coverage: fidelity and diversity, by the real images' balls only.

    Balls are as in `precision_recall`. Density is the number of balls around a fake,
    on average, by k; coverage is the fraction of the balls that hold a fake. Naeem et
    al., Reliable Fidelity and Diversity Metrics for Generative Models, 2020.

    Args:
        real: features (n, d), n above k.
        fake: features (m, d), m at least 1.
        k: which neighbour.

    Returns:
        Density, at least 0 and 1 on average where both follow the same law; and
        coverage, 0-1.

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake = checked(real=(real, k + 1), fake=(fake, 1))
    radii = squared_radii(real, k)
    held = 0
    covered = np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        inside = distances <= radii[rows, None]
        held += int(np.count_nonzero(inside))
        covered[rows] = inside.any(1)
    return float(held / (k * len(fake))), float(covered.mean())


def _covariance_root(points: np.ndarray) -> np.ndarray:
    """Finds R, upper triangular, with R'R the covariance of the rows."""
    root = np.linalg.qr(points - points.mean(0), mode="r")
    return root / np.sqrt(len(points) - 1)
