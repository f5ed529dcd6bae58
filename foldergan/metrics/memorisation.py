"""Whether generated images repeat those that were trained on, in figures and words."""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

CLOSE = 0.05  # fraction of held-out images called close to training ones
_ALMOST_NEVER = 0.01  # how often new images would be suspected, by each fraction
_TOO_LARGE = 1 / 3  # of near copies that may be chance: then there are too few images


class Nearest(NamedTuple):
    """What is nearest to each of n images, among those trained on."""

    rows: np.ndarray  # int64 (n,), row numbers of the nearest images
    is_mirrored: np.ndarray  # bool (n,), whether it is their mirror image that is
    distances: np.ndarray  # float64 (n,), Euclidean, of features; exactly 0 of equals
    # bool (n,), whether the image is nearer than half of the distance of that training
    # image to any other. These balls do not overlap: an image in one looks like that
    # training image, not like what several have in common.
    is_repeat: np.ndarray


def figures(held_out: Nearest, fake: Nearest) -> dict[str, float]:
    """Compares how far held-out and generated images lie from the training images.

    Returns:
        closer_to_training_share: fraction of the pairs of a generated and a held-out
        image in which the generated one is closer to a training image, ties counted
        half; 0.5 where both are as close. The Mann-Whitney U statistic: the test of
        Meehan et al., A Non-Parametric Test to Detect Data-Copying in Generative
        Models, 2020, with all space as one cell. Poor images, far from every other,
        hide copies in it.
        near_copy_share: fraction of the generated images as close to a training image
        as the closest 5 % of the held-out ones, one image at least. It finds a few
        copies among many images that are none.
        repeat_share and held_out_repeat_share: `is_repeat`, fractions of both.
    """
    close = np.quantile(held_out.distances, CLOSE, method="inverted_cdf")
    larger = stats.mannwhitneyu(held_out.distances, fake.distances).statistic
    pairs = len(held_out.distances) * len(fake.distances)
    return {
        "closer_to_training_share": float(larger / pairs),
        "near_copy_share": float((fake.distances <= close).mean()),
        "repeat_share": float(fake.is_repeat.mean()),
        "held_out_repeat_share": float(held_out.is_repeat.mean()),
    }


def most_near_copies(num_real: int, num_fake: int) -> float:
    """Finds the near-copy share that images as new as the held-out ones seldom exceed.

    The closest k of n held-out images set the limit. The chance of another image below
    it is then Beta(k, n + 1 - k) distributed, and the number of m images below it is
    beta-binomial: the law of exceedances of order statistics (David and Nagaraja,
    Order Statistics, 2003, section 2.5).

    Returns:
        The fraction, 0-1, that n held-out and m generated images exceed in 1 of 100
        sets.
    """
    k = math.ceil(CLOSE * num_real)
    law = stats.betabinom(num_fake, k, num_real + 1 - k)
    return float(law.ppf(1 - _ALMOST_NEVER) / num_fake)


def most_closer(num_real: int, num_fake: int) -> float:
    """Finds the closer-to-training share that new images seldom exceed.

    The statistic of the Mann-Whitney U test, as a fraction of the pairs, is about
    normal with mean 1/2 and variance (n + m + 1) / (12 n m).

    Returns:
        As `most_near_copies`.
    """
    variance = (num_real + num_fake + 1) / (12 * num_real * num_fake)
    return float(stats.norm.ppf(1 - _ALMOST_NEVER, 0.5, math.sqrt(variance)))


def is_repeating(row: dict[str, Any]) -> bool:
    """Tells whether more images are repeats than chance would have of held-out ones.

    By Fisher's exact test, one-sided.
    """
    table = [
        (repeats := round(row[name] * row[side]), row[side] - repeats)
        for name, side in (("repeat_share", "fake"), ("held_out_repeat_share", "real"))
    ]
    return bool(stats.fisher_exact(table, "greater").pvalue < _ALMOST_NEVER)


def is_suspected(row: dict[str, Any]) -> bool:
    """Tells whether any fraction of a row is larger than chance would have it."""
    counts = row["real"], row["fake"]
    return (
        row["near_copy_share"] > most_near_copies(*counts)
        or row["closer_to_training_share"] > most_closer(*counts)
        or is_repeating(row)
    )


def as_text(row: dict[str, Any]) -> str:
    """Writes what a row says: counts real and fake, and what `figures` returns."""
    counts = row["real"], row["fake"]
    near, closer = most_near_copies(*counts), most_closer(*counts)
    shares = (
        f"{row['near_copy_share']:.0%} are closer to a training image than 95% of the "
        f"held-out ones are (new images: {CLOSE:.0%}, seldom above {near:.0%}); of "
        f"pairs with a held-out image the generated one is the closer in "
        f"{row['closer_to_training_share']:.0%} (new images: 50%, seldom above "
        f"{closer:.0%})"
    )
    look = "look at the nearest ones before you show or use what it draws"
    if is_repeating(row):
        return (
            f"warning: memorisation: the generator repeats images that it was trained "
            f"on: {row['repeat_share']:.0%} are nearer to one of them than half of its "
            f"distance to any other (held-out images: "
            f"{row['held_out_repeat_share']:.0%}); {shares}; {look}"
        )
    if is_suspected(row):
        return (
            f"warning: copies or little variety: {shares}: the generator stays close "
            f"to images that it was trained on, or draws all images alike; {look}"
        )
    if near > _TOO_LARGE:
        return (
            f"too few to tell whether images are copied: {counts[1]} generated and "
            f"{counts[0]} held-out ones are compared: {shares}; draw more, or hold out "
            "more in the training"
        )
    return (
        f"no sign of memorisation: {shares}; copies among many poor images can hide "
        "from both"
    )
