"""KID in any features, how exact it is, and what real images would have.

KID is the squared maximum mean discrepancy (MMD) with the kernel (x.y / d + 1)^3.
Images that were drawn class by class, in fixed proportions, are less spread than
independent ones, and pairs of one class are rarer among them: with classes, all draws
and weights here are within classes too. One seed draws everything: the same features
give the same figures.
"""

from typing import NamedTuple

import numpy as np

_BLOCK = 2**22  # kernel values at a time, 32 MiB
_DRAWS = 1000  # of weights, and of halves
_MOST_HALVED = 1000  # real images; more would not make the noise floor more exact
_SEED = 0
_EXCESS = 1.5  # of the bootstrap's variance, in null variances
_INTERVAL = (0.025, 0.975)
_FLOOR = 0.95
_LEAST_SHAPE = 1 / 3  # of the weights' gamma distribution, in classes of two images


class KID(NamedTuple):
    """What `kid` finds."""

    estimate: float  # 0 on average where both follow one law, and so at times below 0
    low: float  # lower end of a 95 % interval
    high: float  # its upper end
    # Noise floor, which 95 % of sets of as many real images stay below. A generator
    # below it may still be worse than real images.
    floor: float
    draws: np.ndarray  # float64 (1 + draws,), the estimate and its bootstrap


class _Side(NamedTuple):
    """Images of one side, of classes that were drawn in fixed proportions."""

    points: np.ndarray  # features, float64 (n, d), sorted by class
    counts: np.ndarray  # of each class
    fractions: np.ndarray  # of each class in the whole, sum 1

    @property
    def classes(self) -> list[slice]:
        ends = np.cumsum(self.counts).tolist()
        return list(map(slice, [0, *ends[:-1]], ends))


def kid(
    real: np.ndarray,
    fake: np.ndarray,
    real_classes: np.ndarray | None = None,
    fake_classes: np.ndarray | None = None,
) -> KID:
    """Estimates KID, how exact the estimate is, and its noise floor.

    The estimate is the unbiased one from all pairs, and its mean is the same at all
    counts. Binkowski et al., Demystifying MMD GANs, 2018; Gretton et al., A Kernel
    Two-Sample Test, 2012, lemma 6. With classes the kernel is averaged over the pairs
    of each two classes, and these means are weighted by the real images' proportions:
    the estimate of stratified samples (Cochran, Sampling Techniques, 1977, chapter 5).
    A class with one image on a side has no pair there; its pairs across stand in.

    The interval is between percentiles of a Bayesian bootstrap (Rubin, The Bayesian
    Bootstrap, 1981), which weights images at random, within their class. Pairs of an
    image with itself are left out: a bootstrap with them is biased upward. In theory
    its variance is larger than the estimate's by twice that of an estimate where
    nothing differs (Arcones and Gine, On the Bootstrap of U and V Statistics, 1992).
    Three quarters of that are taken off; benchmarks/kid_simulation.py counts how often
    the interval is right. Of other fakes, as many and in the same classes, the draws
    have the same weights: their differences are draws of the difference of two KIDs.

    The noise floor is the 95th percentile of KID between random halves of the real
    images, within classes. Its spread is proportional to the standard deviation at the
    counts (Gretton et al., theorem 12), by which it is scaled to n real images and m
    fakes. Fakes without classes beside real images with them vary in their proportions
    too: then splits of both kinds are added.

    Args:
        real: features (n, d), n at least 4.
        fake: features (m, d), m at least 2.
        real_classes: class numbers (n,) of images that were drawn class by class; None
            where they were drawn independently.
        fake_classes: class numbers (m,), of the same classes; None likewise.

    Raises:
        ValueError: real and fake images are of other classes.
    """
    if real_classes is None:
        real_classes = np.zeros(len(real), int)
    reals = _side(real, real_classes)
    fakes = _side(fake, np.zeros(len(fake), int))
    if fake_classes is not None:
        if set(fake_classes) != set(real_classes):
            raise ValueError("real and fake images must be of the same classes")
        fakes = _side(fake, fake_classes)._replace(fractions=reals.fractions)
    rng = np.random.default_rng(_SEED)
    weights = _random_weights(rng, reals), _random_weights(rng, fakes)
    draws, null = _weighted_kid(reals, fakes, *weights), _null_draws(reals, fakes)
    estimate, spread = draws[0], draws[1:] - draws[0]
    if variance := spread.var():
        spread *= np.sqrt(max(1 - _EXCESS * null.var() / variance, 1 / 3))
    ends = np.quantile(estimate + spread, _INTERVAL)
    low, high, floor = map(float, (*ends, np.quantile(null, _FLOOR)))
    return KID(float(estimate), low, high, floor, draws)


def _side(points: np.ndarray, classes: np.ndarray) -> _Side:
    order = np.argsort(classes, kind="stable")
    counts = np.unique(classes, return_counts=True)[1]
    points = np.asarray(points, np.float64)[order]
    return _Side(points, counts, counts / len(points))


def _random_weights(rng: np.random.Generator, side: _Side) -> np.ndarray:
    """Draws weights of sum 1, a row a draw, after a first row of equal ones."""
    # Each class's weights have the variance that makes its mean's variance unbiased:
    # Dirichlet's, of n parameters 1 - 2 / n.
    of_class = []
    for count, fraction in zip(side.counts, side.fractions, strict=True):
        shape = max(1 - 2 / count, _LEAST_SHAPE)
        weights = rng.standard_gamma(shape, size=(1 + _DRAWS, count))
        weights[0] = 1
        of_class.append(fraction * weights / weights.sum(1, keepdims=True))
    return np.concatenate(of_class, axis=1)


def _weighted_kid(
    reals: _Side, fakes: _Side, real_weights: np.ndarray, fake_weights: np.ndarray
) -> np.ndarray:
    """Estimates KID under each row of weights, (draws, n) and (draws, m)."""
    across = _products(reals, real_weights, slice(None), fakes, fake_weights)
    result = -2 * across.sum(1)
    for side, weights in ((reals, real_weights), (fakes, fake_weights)):
        for number, rows in enumerate(side.classes):
            products = _products(side, weights, rows, side, weights)
            pairs = products[:, rows].sum(1)
            result += products.sum(1) - pairs
            mass = side.fractions[number] ** 2
            points, squares = side.points[rows], weights[:, rows] ** 2
            if len(points) > 1:
                own = _kernel(np.einsum("ij,ij->i", points, points), points.shape[1])
                result += mass * (pairs - squares @ own) / (mass - squares.sum(1))
            elif len(fakes.counts) > 1:  # the pairs across stand in
                of_class = reals.classes[number]
                pairs = _products(reals, real_weights, of_class, fakes, fake_weights)
                result += pairs[:, fakes.classes[number]].sum(1)
            else:
                result += mass * across.sum(1)
    return result


def _products(
    side: _Side, weights: np.ndarray, rows: slice, other: _Side, others: np.ndarray
) -> np.ndarray:
    """Adds up the weighted kernel of some rows with all others, (draws, others)."""
    points, weights = side.points[rows], weights[:, rows]
    total = np.zeros(others.shape)
    size = max(1, _BLOCK // len(other.points))
    for start in range(0, len(points), size):
        some = slice(start, start + size)
        products = points[some] @ other.points.T
        total += weights[:, some] @ _kernel(products, points.shape[1])
    total *= others
    return total


def _kernel(products: np.ndarray, width: int) -> np.ndarray:
    base = products / width + 1
    return base * base * base  # faster than a power


def _null_draws(reals: _Side, fakes: _Side) -> np.ndarray:
    """Draws KIDs that as many fakes of the real images' law would have."""
    rng = np.random.default_rng(_SEED)
    # The variance of the estimate, for kernels of variance 1 (theorem 12).
    variances = [side.fractions**2 / side.counts for side in (reals, fakes)]
    wanted = sum(map(np.sum, variances)) ** 2
    for side, variance in zip((reals, fakes), variances, strict=True):
        wanted += (variance**2 / (side.counts - 1).clip(1)).sum()
    if len(fakes.counts) == len(reals.counts):
        variances = [variances[0] + variances[1]]
    reals = _some_of(reals, rng)
    whole = _Side(reals.points, np.array([len(reals.points)]), np.ones(1))
    kernel = _kernel(reals.points @ reals.points.T, reals.points.shape[1])
    own = kernel.diagonal()
    splits: np.ndarray | float = 0.0
    # The mean over all splits is taken off; their variance is scaled to the wanted one.
    mean, found = 0.0, sum(map(np.sum, variances)) ** 2
    for variance, side in zip(variances, (reals, whole), strict=False):
        splits = splits + _random_halves(rng, side, variance)
        for rows, count, of_class in zip(
            side.classes, side.counts, variance, strict=True
        ):
            pairs = kernel[rows, rows].sum() - own[rows].sum()
            mean -= of_class * pairs / (count * max(count - 1, 1))
            found -= of_class**2 / max(count - 1, 1)
    draws = np.einsum("ij,ij->i", splits @ kernel, splits) - splits**2 @ own - mean
    return np.sqrt(wanted / found) * draws


def _some_of(side: _Side, rng: np.random.Generator) -> _Side:
    """Takes as many images as are halved, of each class the same fraction."""
    if len(side.points) <= _MOST_HALVED:
        return side
    kept = [
        rng.permutation(np.arange(rows.start, rows.stop))[
            : max(2, round(fraction * _MOST_HALVED))
        ]
        for rows, fraction in zip(side.classes, side.fractions, strict=True)
    ]
    counts = np.array(list(map(len, kept)))
    return _Side(side.points[np.concatenate(kept)], counts, side.fractions)


def _random_halves(
    rng: np.random.Generator, side: _Side, variances: np.ndarray
) -> np.ndarray:
    """Draws weights (draws, n): of each class, mean of one half minus the other's."""
    halves = []
    for count, variance in zip(side.counts, variances, strict=True):
        first = count // 2
        row = np.repeat([count - first, -first], [first, count - first])
        row = row / np.sqrt(max(first * (count - first), 1))  # sum 0, squares 1
        scaled = np.sqrt(variance / count) * row
        halves.append(rng.permuted(np.tile(scaled, (_DRAWS, 1)), axis=1))
    return np.concatenate(halves, axis=1)
