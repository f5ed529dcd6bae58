"""Paired differences over repeated cross-validation, and an interval of their mean.

The training sets of two folds share most of their images, so that their results are
not independent and the usual interval is too narrow. The variance of the mean therefore
has the ratio of test to training images added to 1 / n.

Nadeau and Bengio, Inference for the Generalization Error, 2003. For repeated
cross-validation: Bouckaert and Frank, Evaluating the Replicability of Significance
Tests for Comparing Learning Algorithms, 2004.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95


class Difference(NamedTuple):
    """A mean of differences, and a 95 % interval around it; NaN of a single pair."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """Writes percentage points."""
        low, high = (f"{100 * end:+.1f}" for end in (self.low, self.high))
        interval = f" ({low} to {high})" if np.isfinite(self.low) else ""
        return f"{100 * self.mean:+.1f}{interval}"


def difference(values, others, ratio: float) -> Difference:
    """Compares values with others of the same folds and seeds.

    Args:
        values: numbers, one for each fold of each seed.
        others: of the same folds and seeds, in the same order.
        ratio: of test to training images; 0 where no two training sets share many.
    """
    apart = np.asarray(values, float) - np.asarray(others, float)
    mean = apart.mean()
    if len(apart) < 2:
        return Difference(mean, np.nan, np.nan)
    variance = apart.var(ddof=1) * (1 / len(apart) + ratio)
    quantile = stats.t.ppf((1 + _CONFIDENCE) / 2, len(apart) - 1)
    half = quantile * np.sqrt(variance)
    return Difference(mean, mean - half, mean + half)
