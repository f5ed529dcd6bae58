"""How good generated images are: figures from arrays of features, NumPy only.

Every function takes the real features before the fake ones, (n, d) and (m, d), any
real dtype, and computes in float64. Nothing here is drawn at random but the interval
and the floor of the kernel distance, and these from a fixed seed. A figure depends on
the extractor of the features, so that its name belongs beside the figure; FID and KID
are names of figures on Inception's features, and none of these.
"""

from typing import NamedTuple

import numpy as np

from foldergan.metrics.checks import checked
from foldergan.metrics.distances import nearest, squared_distances, squared_radii
from foldergan.metrics.kernel_distance import kernel_distance, kernel_distance_floor

CLOSE = 0.05  # fraction of held-out images called close to training ones


class DataCopying(NamedTuple):
    """What `data_copying` finds.

    Attributes:
        closer_share: of all pairs of a fake and a held-out image, the share, 0-1, in
            which the fake is the closer to a training image, ties counted half; 0.5
            where fakes are as close as held-out images, give or take 0.3 by the root
            of the number of these.
        near_copy_share: fraction of the fakes, 0-1, as close to a training image as
            the closest 5 % of the held-out ones, one image at least; about 0.05
            where nothing is copied and 20 or more are held out.
    """

    closer_share: float
    near_copy_share: float


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
        kernel_distance, kernel_distance_low and kernel_distance_high around it,
        kernel_distance_floor, below which it cannot be told from that of real images;
        frechet_distance, precision, recall, density, coverage; where training is given
        closer_to_training_share and near_copy_share.

    Raises:
        ValueError: as the functions below.
    """
    row: dict[str, float | int | str]
    row = {"extractor": extractor, "real": len(real), "fake": len(fake)}
    kernel = kernel_distance(real, fake)
    row["kernel_distance"] = kernel.estimate
    row["kernel_distance_low"], row["kernel_distance_high"] = kernel.low, kernel.high
    row["kernel_distance_floor"] = kernel_distance_floor(real, len(fake))
    row["frechet_distance"] = frechet_distance(real, fake)
    row["precision"], row["recall"] = precision_recall(real, fake)
    row["density"], row["coverage"] = density_coverage(real, fake)
    if training is not None:
        copying = data_copying(real, fake, training)
        row["training"] = len(training)
        row["closer_to_training_share"] = copying.closer_share
        row["near_copy_share"] = copying.near_copy_share
    return row


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


def data_copying(
    real: np.ndarray, fake: np.ndarray, training: np.ndarray
) -> DataCopying:
    """Tells whether generated images are copies of those trained on.

    Compares how far fakes and held-out images lie from the nearest training image.
    The closer share is the statistic of the Mann-Whitney U test on those distances,
    as a share of the pairs: the test of Meehan et al., A Non-Parametric Test to Detect
    Data-Copying in Generative Models, 2020, with all space as one cell. It compares
    distributions, so that poor fakes, far from every image, hide copies in it; the
    near-copy share finds a few copies among many that are not.

    Args:
        real: features of held-out images, drawn as the training ones were, (n, d).
        fake: features of generated images, (m, d).
        training: features of the images trained on, (t, d).

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    real, fake, training = checked(
        real=(real, 1), fake=(fake, 1), training=(training, 1)
    )
    _, distances = nearest(fake, training)
    _, held_out = nearest(real, training)
    close = np.quantile(held_out, CLOSE, method="inverted_cdf")
    return DataCopying(
        _share_below(distances, held_out),
        float((distances <= close).mean()),
    )


def _covariance_root(points: np.ndarray) -> np.ndarray:
    """Finds R, upper triangular, with R'R the covariance of the rows."""
    root = np.linalg.qr(points - points.mean(0), mode="r")
    return root / np.sqrt(len(points) - 1)


def _share_below(values: np.ndarray, others: np.ndarray) -> float:
    """Finds the share of pairs in which the value is the smaller, ties counted half."""
    others = np.sort(others)
    larger = len(others) - np.searchsorted(others, values, "right")
    not_smaller = len(others) - np.searchsorted(others, values, "left")
    return float((larger + not_smaller).mean() / (2 * len(others)))
