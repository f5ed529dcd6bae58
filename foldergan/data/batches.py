"""The batches of an epoch, and how many epochs there are."""

import math

import numpy as np


def epochs_of(epochs: int, least_steps: int, count: int, batch_size: int) -> int:
    """Lets few images be passed over more often, until there are enough steps.

    Args:
        epochs: that there are at least.
        least_steps: that there are at least.
        count: images in an epoch.
        batch_size: images a step.
    """
    return max(epochs, math.ceil(least_steps / math.ceil(count / batch_size)))


def epoch_batches(
    num_rows: int, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Shuffles row numbers for one epoch and cuts them into batches.

    The order depends on nothing but the arguments, so that a resumed run sees the
    batches that an unbroken one would have seen.

    Returns:
        Arrays of at most `batch_size` row numbers; every row stands in one.
    """
    order = np.random.default_rng([seed, epoch]).permutation(num_rows)
    return [order[i : i + batch_size] for i in range(0, num_rows, batch_size)]
