"""How good generated images are: figures from arrays of features, NumPy only.

Every function takes the real features before the fake ones, (n, d) and (m, d), any
real dtype, and computes in float64. None draws at random. A figure depends on the
extractor of the features, so that its name belongs beside the figure; FID and KID
are names of figures on Inception's features, and none of these.
"""

from typing import NamedTuple

import numpy as np

from foldergan.metrics.distances import nearest, squared_distances, squared_radii

_BLOCK = 2**22  # kernel values at a time, 32 MiB
_CLOSE = 0.05  # fraction of held-out images called close to training ones


class DataCopying(NamedTuple):
    """What `data_copying` finds.

    Attributes:
        z_score: far below 0 where fakes lie nearer to the training images than
            held-out ones do, about 0 where as near, far above 0 where not as near.
        close_share: fraction of the fakes, 0-1, as near to a training image as the
            nearest 5 % of the held-out ones; about 0.05 where nothing is copied.
    """

    z_score: float
    close_share: float


def evaluate(
    real: np.ndarray,
    fake: np.ndarray,
    extractor: str,
    training: np.ndarray | None = None,
) -> dict[str, float | int | str]:
    """Computes every figure here, as one row of a table.

    Args:
        real: features of real images, (n, d), n at least 6; held-out ones where
            there are any.
        fake: features of generated images, (m, d), m at least 4.
        extractor: name of what made the features, to stand beside the figures.
        training: features of the images trained on, (t, d); where given, `real`
            must be held out, and the row tells of data copying too.

    Returns:
        extractor; counts of images: real, fake, and training where given;
        kernel_distance, kernel_distance_error, frechet_distance, precision, recall,
        density, coverage; where training is given copying_z_score and
        copying_close_share.

    Raises:
        ValueError: as the functions below.
    """
    row: dict[str, float | int | str]
    row = {"extractor": extractor, "real": len(real), "fake": len(fake)}
    row["kernel_distance"], row["kernel_distance_error"] = kernel_distance(real, fake)
    row["frechet_distance"] = frechet_distance(real, fake)
    row["precision"], row["recall"] = precision_recall(real, fake)
    row["density"], row["coverage"] = density_coverage(real, fake)
    if training is not None:
        copying = data_copying(real, fake, training)
        row["training"] = len(training)
        row["copying_z_score"] = copying.z_score
        row["copying_close_share"] = copying.close_share
    return row


def kernel_distance(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Squared maximum mean discrepancy (MMD) with the kernel (x.y / d + 1)^3.

    The unbiased estimate from all pairs. Means over subsets, as KID is often given,
    estimate the same number, but less exactly. Binkowski et al., Demystifying MMD
    GANs, 2018; Gretton et al., A Kernel Two-Sample Test, 2012, lemma 6.

    Args:
        real: features (n, d), n at least 2.
        fake: features (m, d), m at least 2.

    Returns:
        The estimate, 0 on average where both follow the same law, and so at times
        below 0; and its standard error, from the spread of the images' parts in it
        (Sen, On Some Convergence Properties of U-Statistics, 1960), which is too
        large where both follow the same law.

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake = _checked(real=(real, 2), fake=(fake, 2))
    to_fake, to_real = _mean_kernels(real, fake)
    real_parts = _mean_kernels_within(real) - to_fake
    fake_parts = _mean_kernels_within(fake) - to_real
    variance = real_parts.var(ddof=1) / len(real) + fake_parts.var(ddof=1) / len(fake)
    return float(real_parts.mean() + fake_parts.mean()), float(2 * np.sqrt(variance))


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
    real, fake = _checked(real=(real, 2), fake=(fake, 2))
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
    real, fake = _checked(real=(real, k + 1), fake=(fake, k + 1))
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
    real, fake = _checked(real=(real, k + 1), fake=(fake, 1))
    radii = squared_radii(real, k)
    held = 0
    covered = np.zeros(len(real), bool)
    for rows, distances in squared_distances(real, fake):
        inside = distances <= radii[rows, None]
        held += int(np.count_nonzero(inside))
        covered[rows] = inside.any(1)
    return float(held / (k * len(fake))), float(covered.mean())


def data_copying(
    real: np.ndarray, fake: np.ndarray, training: np.ndarray
) -> DataCopying:
    """Tells whether generated images are copies of those trained on.

    Compares how far fakes and held-out images lie from the nearest training
    image. The z-score is that of the Mann-Whitney U test on those distances, tied
    ranks shared, without continuity correction: Z_U of Meehan et al., A
    Non-Parametric Test to Detect Data-Copying in Generative Models, 2020, with all
    space as one cell. It compares distributions; the close share finds a few copies
    among many that are not.

    Args:
        real: features of held-out images, drawn as the training ones were, (n, d).
        fake: features of generated images, (m, d).
        training: features of the images trained on, (t, d).

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake, training = _checked(
        real=(real, 1), fake=(fake, 1), training=(training, 1)
    )
    _, distances = nearest(fake, training)
    _, held_out = nearest(real, training)
    close = np.quantile(held_out, _CLOSE, method="inverted_cdf")
    return DataCopying(
        _mann_whitney_z_score(distances, held_out),
        float((distances <= close).mean()),
    )


def _checked(**features: tuple[np.ndarray, int]) -> list[np.ndarray]:
    """Turns features to float64; refuses what no figure can be made of."""
    checked = []
    for name, (array, least) in features.items():
        array = np.asarray(array, np.float64)
        if array.ndim != 2 or 0 in array.shape[1:]:
            raise ValueError(
                f"{name} features must be of shape (n, d); found {array.shape}"
            )
        if len(array) < least:
            raise ValueError(
                f"{name} features of {len(array)} images are too few; at least "
                f"{least} are needed"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name} features hold NaN or infinite values")
        checked.append(array)
    widths = [array.shape[1] for array in checked]
    if len(set(widths)) > 1:
        raise ValueError(
            f"{', '.join(features)} features must be of one width; found {widths}"
        )
    return checked


def _mean_kernels(
    points: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Averages the cubic kernel over all others, and over all points, in blocks."""
    over_others = np.empty(len(points))
    over_points = np.zeros(len(others))
    size = max(1, _BLOCK // len(others))
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        kernel = _cubed(points[rows] @ others.T, points.shape[1])
        over_others[rows] = kernel.mean(1)
        over_points += kernel.sum(0)
    return over_others, over_points / len(points)


def _mean_kernels_within(points: np.ndarray) -> np.ndarray:
    """Averages the cubic kernel of each point over all points but itself."""
    count = len(points)
    own = _cubed(np.einsum("ij,ij->i", points, points), points.shape[1])
    return (_mean_kernels(points, points)[0] * count - own) / (count - 1)


def _cubed(products: np.ndarray, width: int) -> np.ndarray:
    """Makes kernel values of scalar products: (product / width + 1)^3."""
    base = products / width + 1
    return base * base * base


def _covariance_root(points: np.ndarray) -> np.ndarray:
    """Finds R, upper triangular, with R'R the covariance of the rows."""
    root = np.linalg.qr(points - points.mean(0), mode="r")
    return root / np.sqrt(len(points) - 1)


def _mann_whitney_z_score(values: np.ndarray, others: np.ndarray) -> float:
    """Standardizes the number of pairs in which the value is the larger."""
    pooled = np.concatenate([values, others])
    _, places, ties = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[places]
    n, m, total = len(values), len(others), len(pooled)
    larger = ranks[:n].sum() - n * (n + 1) / 2
    tied = (ties.astype(float) ** 3 - ties).sum() / (total * (total - 1))
    deviation = np.sqrt(n * m * (total + 1 - tied) / 12)
    return float((larger - n * m / 2) / deviation) if deviation else 0.0
