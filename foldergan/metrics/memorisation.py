"""Whether generated images repeat those that were trained on, in words."""

import math
from typing import Any

import numpy as np

from foldergan.metrics.scores import CLOSE

_ALMOST_NEVER = 0.01  # how often real images would be called copies, by each share
_QUANTILE = 2.326  # of the normal distribution, at 1 - _ALMOST_NEVER


def most_near_copies(num_real: int, num_fake: int) -> float:
    """Finds the near-copy share that images as new as the held-out ones seldom exceed.

    The closest k of n held-out images set the limit. The chance of another image below
    it is then Beta(k, n + 1 - k) distributed, and the number of m images below it is
    beta-binomial: the law of exceedances of order statistics (David and Nagaraja,
    Order Statistics, 2003, section 2.5).

    Args:
        num_real: held-out images, n.
        num_fake: generated images, m.

    Returns:
        The share, 0-1, that is exceeded in 1 of 100 sets of images.
    """
    k = math.ceil(CLOSE * num_real)
    a, b = k, num_real + 1 - k
    counts = range(num_fake + 1)
    logs = np.array([_log_beta(a + i, b + num_fake - i) for i in counts])
    logs -= [_log_beta(i + 1, num_fake - i + 1) for i in counts]
    logs -= _log_beta(a, b) + math.log(num_fake + 1)
    reached = np.searchsorted(np.cumsum(np.exp(logs)), 1 - _ALMOST_NEVER)
    return min(int(reached), num_fake) / num_fake


def most_closer(num_real: int, num_fake: int) -> float:
    """Finds the closer-to-training share that new images seldom exceed.

    The statistic of the Mann-Whitney U test, as a share of the pairs, is about normal
    with mean 1/2 and variance (n + m + 1) / (12 n m).

    Args:
        num_real: held-out images, n.
        num_fake: generated images, m.

    Returns:
        The share, 0-1, that is exceeded in 1 of 100 sets of images.
    """
    variance = (num_real + num_fake + 1) / (12 * num_real * num_fake)
    return 0.5 + _QUANTILE * math.sqrt(variance)


def is_suspected(row: dict[str, Any]) -> bool:
    """Tells whether either share of a row is larger than chance would have it."""
    counts = row["real"], row["fake"]
    return row["near_copy_share"] > most_near_copies(*counts) or row[
        "closer_to_training_share"
    ] > most_closer(*counts)


def as_text(row: dict[str, Any]) -> str:
    """Writes what a row of figures says of memorisation.

    Args:
        row: as of `scores.evaluate`, with training images.
    """
    counts = row["real"], row["fake"]
    shares = (
        f"{row['near_copy_share']:.0%} are closer to a training image than 95% of the "
        f"held-out ones are (new images: {CLOSE:.0%}, seldom above "
        f"{most_near_copies(*counts):.0%}); of pairs with a held-out image the "
        f"generated one is the closer in {row['closer_to_training_share']:.0%} (new "
        f"images: 50%, seldom above {most_closer(*counts):.0%})"
    )
    if is_suspected(row):
        return (
            f"warning: memorisation: {shares}: the generator repeats images that it "
            "was trained on, or small changes of them; look at the nearest ones before "
            "you show or use what it draws"
        )
    return (
        f"no sign of memorisation: {shares}; copies among many poor images can hide "
        "from both"
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
