"""KID in any features, how exact it is, and what real images would have.

KID is the squared maximum mean discrepancy (MMD) with the kernel (x.y / d + 1)^3.
Where images were drawn class by class, in fixed proportions, all that is computed here
is drawn and weighted class by class too: such samples are less spread than independent
ones, and pairs of one class are rarer in them.

All that is drawn at random is drawn from one seed: the same features give the same
figures, and two calls with as many images draw the same weights.
"""

from typing import NamedTuple

import numpy as np

from foldergan.metrics.checks import checked

_BLOCK = 2**22  # kernel values at a time, 32 MiB
_DRAWS = 1000  # of weights, and of halves
_LEAST_HALVED = 4
_MOST_HALVED = 1000  # real images; more would not make the floor more exact
_SEED = 0
_EXCESS = 1.5  # of the bootstrap's variance, in null variances
_INTERVAL = (0.025, 0.975)
_FLOOR = 0.95
_LEAST_SHAPE = 1 / 3  # of the weights' gamma distribution, in classes of two images


class KernelDistance(NamedTuple):
    """What `kernel_distance` finds.

    Attributes:
        estimate: 0 on average where both follow the same law, and so at times below 0.
        low: lower end of a 95 % interval.
        high: its upper end.
    """

    estimate: float
    low: float
    high: float


class _Sample(NamedTuple):
    """Images of one side, of strata that were drawn in fixed proportions.

    Attributes:
        points: features, float64 (n, d), sorted by stratum.
        ends: row at which each stratum ends, but for the last.
        fractions: of each stratum in the whole, sum 1.
    """

    points: np.ndarray
    ends: np.ndarray
    fractions: np.ndarray

    @property
    def strata(self) -> list[slice]:
        bounds = [0, *self.ends, len(self.points)]
        return [slice(*pair) for pair in zip(bounds[:-1], bounds[1:], strict=True)]

    @property
    def counts(self) -> np.ndarray:
        return np.diff([0, *self.ends, len(self.points)])


def kernel_distance(
    real: np.ndarray,
    fake: np.ndarray,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> KernelDistance:
    """Estimates KID, and how exact the estimate is.

    The unbiased estimate from all pairs. Means over subsets, as KID is often given,
    estimate the same number, but less exactly. It needs no equal counts: its mean is
    the same at all of them, and leaving fakes out would only widen its interval.
    Binkowski et al., Demystifying MMD GANs, 2018; Gretton et al., A Kernel Two-Sample
    Test, 2012, lemma 6.

    With classes the kernel is averaged over the pairs of each two classes, and these
    means are weighted by the real images' proportions: the estimate of stratified
    samples (Cochran, Sampling Techniques, 1977, chapter 5). A class with one image on
    a side has no pair there; its pairs across stand in.

    The interval is between percentiles of a Bayesian bootstrap (Rubin, The Bayesian
    Bootstrap, 1981), which weights images at random, within their class. Pairs of an
    image with itself are left out, as in the estimate: a bootstrap that lets an image
    drawn twice be a pair of equals is biased upward. In theory its variance is larger
    than the estimate's by twice that of an estimate where nothing differs (Arcones and
    Gine, On the Bootstrap of U and V Statistics, 1992). Three quarters of that are
    taken off; benchmarks/kid_simulation.py counts how often the interval is right.

    Args:
        real: features (n, d), n at least 2.
        fake: features (m, d), m at least 2.
        real_classes: class numbers (n,) of images that were drawn class by class; None
            where they were drawn independently.
        fake_classes: class numbers (m,), of the same classes; the same.

    Raises:
        ValueError: features too few, not finite, or of different widths, or classes on
            one side only.
    """
    draws = bootstrap(real, fake, real_classes, fake_classes)
    if len(real) < _LEAST_HALVED:
        return summary(draws, np.zeros(1))
    null = null_draws(real, len(fake), real_classes, fake_classes)
    return summary(draws, null)


def bootstrap(
    real: np.ndarray,
    fake: np.ndarray,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> np.ndarray:
    """Computes the estimate of `kernel_distance`, then the draws of its bootstrap.

    Of other fakes, as many and in the same classes, the draws have the same weights:
    the differences of two such arrays are draws of the difference of two KIDs.

    Returns:
        float64 array (1 + draws,).

    Raises:
        ValueError: as `kernel_distance`.
    """
    real, fake = checked(real=(real, 2), fake=(fake, 2))
    reals, fakes = _samples(real, fake, real_classes, fake_classes)
    rng = np.random.default_rng(_SEED)
    return _weighted_distances(
        reals, fakes, _random_weights(rng, reals), _random_weights(rng, fakes)
    )


def summary(draws: np.ndarray, null: np.ndarray) -> KernelDistance:
    """Summarizes what `bootstrap` and `null_draws` computed, see `kernel_distance`."""
    estimate, spread = draws[0], draws[1:] - draws[0]
    if variance := spread.var():
        left = 1 - _EXCESS * null.var() / variance
        spread = spread * np.sqrt(max(left, 1 / 3))
    low, high = np.quantile(estimate + spread, _INTERVAL)
    return KernelDistance(float(estimate), float(low), float(high))


def kernel_distance_floor(
    real: np.ndarray,
    num_fake: int,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> float:
    """Finds the noise floor: the KID that 95 of 100 sets of real images stay below.

    A generator that stays below it cannot be told from real images by as many of
    each; it may still be worse. One that draws as the real ones are drawn is above it
    in 5 of 100 evaluations.

    KID of one random half of the real images from the other half, at many splits, each
    within its class. The mean over all splits is 0 whatever the images are, and tells
    nothing; their spread is that of an estimate where nothing differs, at half the
    counts. This spread is proportional to the standard deviation at the counts
    (Gretton et al., A Kernel Two-Sample Test, 2012, theorem 12), so that the 95th
    percentile is scaled to n real and `num_fake` fakes. Fakes without classes beside
    real images with them vary in their proportions too: then splits of both kinds are
    added. Equal counts of real and fake would buy the comparison with the halves too,
    but a blunt one: with 100 real images it calls up to four times as large a distance
    as good as real.

    Args:
        real: features (n, d), n at least 4.
        num_fake: fakes that the real images are compared with, at least 2.
        real_classes: as in `kernel_distance`, class numbers (n,).
        fake_classes: as there, class numbers (num_fake,).

    Raises:
        ValueError: features too few or not finite, or classes on one side only.
    """
    return floor_of(null_draws(real, num_fake, real_classes, fake_classes))


def floor_of(null: np.ndarray) -> float:
    """Finds the noise floor in what `null_draws` computed."""
    return float(np.quantile(null, _FLOOR))


def null_draws(
    real: np.ndarray,
    num_fake: int,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> np.ndarray:
    """Draws KIDs that fakes of the real images' law would have.

    Args, Raises:
        As `kernel_distance_floor`, which says how.

    Returns:
        float64 array (draws,).
    """
    (real,) = checked(real=(real, _LEAST_HALVED))
    fake = np.empty((num_fake, 0))
    reals, fakes = _samples(real, fake, real_classes, fake_classes)
    rng = np.random.default_rng(_SEED)
    # The variance of the estimate, for kernels of variance 1 (theorem 12 as above).
    variances = [side.fractions**2 / side.counts for side in (reals, fakes)]
    wanted = sum(map(np.sum, variances)) ** 2
    for side, variance in zip((reals, fakes), variances, strict=True):
        wanted += (variance**2 / (side.counts - 1).clip(1)).sum()
    if len(fakes.counts) == len(reals.counts):
        variances = [variances[0] + variances[1]]
    reals = _part(reals, rng)
    parts = [reals, reals._replace(ends=np.empty(0, int), fractions=np.ones(1))]
    kernel = _cubed(reals.points @ reals.points.T, reals.points.shape[1])
    own = kernel.diagonal()
    splits: np.ndarray | float = 0.0
    # The mean over all splits is taken off; their variance is scaled to the wanted one.
    mean, found = 0.0, sum(map(np.sum, variances)) ** 2
    for variance, part in zip(variances, parts, strict=False):
        splits = splits + _random_halves(rng, part, variance)
        for rows, count, of_class in zip(
            part.strata, part.counts, variance, strict=True
        ):
            pairs = kernel[rows, rows].sum() - own[rows].sum()
            mean -= of_class * pairs / (count * max(count - 1, 1))
            found -= of_class**2 / max(count - 1, 1)
    draws = np.einsum("ij,ij->i", splits @ kernel, splits) - splits**2 @ own - mean
    return np.sqrt(wanted / found) * draws


def _samples(
    real: np.ndarray,
    fake: np.ndarray,
    real_classes: np.ndarray | None,
    fake_classes: np.ndarray | None,
) -> tuple[_Sample, _Sample]:
    """Sorts both sides by class; the real ones' proportions are those of both."""
    if real_classes is None:
        if fake_classes is not None:
            raise ValueError("fakes of classes need real images of the same classes")
        real_classes = np.zeros(len(real), int)
    reals = _sample(real, np.asarray(real_classes))
    if fake_classes is None:
        return reals, _sample(fake, np.zeros(len(fake), int))
    fakes = _sample(fake, np.asarray(fake_classes))
    if set(np.unique(real_classes)) != set(np.unique(fake_classes)):
        raise ValueError("real and fake images must be of the same classes")
    return reals, fakes._replace(fractions=reals.fractions)


def _sample(points: np.ndarray, classes: np.ndarray) -> _Sample:
    order = np.argsort(classes, kind="stable")
    _, starts = np.unique(classes[order], return_index=True)
    counts = np.diff([*starts, len(points)])
    return _Sample(points[order], starts[1:], counts / len(points))


def _part(sample: _Sample, rng: np.random.Generator) -> _Sample:
    """Takes as many images as are halved, of each class the same fraction."""
    if len(sample.points) <= _MOST_HALVED:
        return sample
    kept = [
        rng.permutation(np.arange(rows.start, rows.stop))[
            : max(2, round(fraction * _MOST_HALVED))
        ]
        for rows, fraction in zip(sample.strata, sample.fractions, strict=True)
    ]
    ends = np.cumsum(list(map(len, kept)))[:-1]
    return sample._replace(points=sample.points[np.concatenate(kept)], ends=ends)


def _random_halves(
    rng: np.random.Generator, sample: _Sample, variances: np.ndarray
) -> np.ndarray:
    """Draws weights, a row a draw, that are a half's mean minus the other half's.

    Args:
        rng: source of the draws.
        sample: of which each class is halved.
        variances: of the weighted mean of each class, for images of variance 1.

    Returns:
        float64 (draws, n); 0 for the image of a class that has one only.
    """
    halves = []
    for count, variance in zip(sample.counts, variances, strict=True):
        first = count // 2
        row = np.repeat([count - first, -first], [first, count - first])
        row = row / np.sqrt(max(first * (count - first), 1))  # sum 0, squares 1
        scaled = np.sqrt(variance / count) * row
        halves.append(rng.permuted(np.tile(scaled, (_DRAWS, 1)), axis=1))
    return np.concatenate(halves, axis=1)


def _random_weights(rng: np.random.Generator, sample: _Sample) -> np.ndarray:
    """Draws weights of sum 1, a row a draw, after a first row of equal ones.

    Each class's weights have the variance that makes its mean's variance unbiased:
    Dirichlet's, of n parameters 1 - 2 / n.
    """
    of_class = []
    for count, fraction in zip(sample.counts, sample.fractions, strict=True):
        shape = max(1 - 2 / count, _LEAST_SHAPE)
        weights = rng.standard_gamma(shape, size=(1 + _DRAWS, count))
        weights[0] = 1
        of_class.append(fraction * weights / weights.sum(1, keepdims=True))
    return np.concatenate(of_class, axis=1)


def _weighted_distances(
    reals: _Sample, fakes: _Sample, real_weights: np.ndarray, fake_weights: np.ndarray
) -> np.ndarray:
    """Estimates the distance under each row of weights, (draws, n) and (draws, m)."""
    across = _sum_of_kernels(reals.points, fakes.points, real_weights, fake_weights)
    distances = -2 * across
    for side, weights in ((reals, real_weights), (fakes, fake_weights)):
        if len(side.counts) > 1:
            distances += _sum_of_kernels(side.points, side.points, weights, weights)
        for number, rows in enumerate(side.strata):
            points, own = side.points[rows], weights[:, rows]
            total = _sum_of_kernels(points, points, own, own)
            if len(side.counts) > 1:  # the mean of its pairs takes its place
                distances -= total
            mass = side.fractions[number] ** 2
            if len(points) > 1:
                values = _cubed(np.einsum("ij,ij->i", points, points), points.shape[1])
                squares = own**2
                total -= squares @ values
                distances += mass * total / (mass - squares.sum(1))
            elif len(fakes.counts) > 1:
                one, other = reals.strata[number], fakes.strata[number]
                distances += _sum_of_kernels(
                    reals.points[one],
                    fakes.points[other],
                    real_weights[:, one],
                    fake_weights[:, other],
                )
            else:
                distances += mass * across
    return distances


def _sum_of_kernels(
    points: np.ndarray,
    others: np.ndarray,
    weights: np.ndarray,
    others_weights: np.ndarray,
) -> np.ndarray:
    """Adds the weighted kernel of all points with all others, in blocks."""
    total = np.zeros(len(weights))
    size = max(1, _BLOCK // len(others))
    for start in range(0, len(points), size):
        rows = slice(start, start + size)
        kernel = _cubed(points[rows] @ others.T, points.shape[1])
        total += np.einsum("ij,ij->i", weights[:, rows] @ kernel, others_weights)
    return total


def _cubed(products: np.ndarray, width: int) -> np.ndarray:
    """Makes kernel values of scalar products: (product / width + 1)^3."""
    base = products / width + 1
    return base * base * base
