"""Words about memorisation, and how often they come by chance."""

import itertools

import numpy as np
import pytest
from scipy import stats

from foldergan.metrics import memorisation
from foldergan.metrics.evaluator import Evaluator
from foldergan.metrics.memorisation import Nearest

RNG = np.random.default_rng(0)


def nearest(distances, repeats=0) -> Nearest:
    """The nearest images at these distances; the first ones are repeats."""
    n = len(distances)
    zeros = np.zeros(n, int)
    return Nearest(zeros, zeros > 0, np.array(distances, float), np.arange(n) < repeats)


class Points:
    """An extractor of images that are their own features."""

    name = "points"

    def __call__(self, images, rows=None, is_mirrored=False):
        return images.reshape(len(images), -1) if rows is None else self(images[rows])


def figures(real, fake, training) -> dict:
    images = np.float32(training).reshape(len(training), 1, 1, -1)
    rows = np.arange(len(images))
    index = Evaluator(Points(), images, rows, rows[:0])
    found = memorisation.figures(
        *(index.nearest(index.features_of(np.float32(x))) for x in (real, fake))
    )
    return {"real": len(real), "fake": len(fake)} | found


# The figures.


def test_the_near_copy_share_finds_a_few_copies_that_the_closer_share_misses():
    training, held_out, poor = (RNG.normal(size=(300, 8)) for _ in range(3))
    found = figures(held_out, np.concatenate([training[:60], poor[:240] + 9]), training)
    assert found["closer_to_training_share"] < 0.5
    assert found["near_copy_share"] == found["repeat_share"] == 60 / 300


@pytest.mark.parametrize("ties", [False, True])
def test_closer_share_counts_pairs_and_half_of_the_ties(ties):
    real, fake = RNG.random(40), RNG.random(30)
    if ties:
        real, fake = (4 * real).round(), (4 * fake).round()
    pairs = [1.0 * (f < r) + 0.5 * (f == r) for r in real for f in fake]
    found = memorisation.figures(nearest(real), nearest(fake))
    assert found["closer_to_training_share"] == pytest.approx(np.mean(pairs))


def test_the_held_out_images_close_to_the_training_ones_are_a_twentieth():
    # Distances of 1 to 40: the nearest twentieth reaches to 2, edge included.
    held_out, fake = nearest(np.arange(1.0, 41), 4), nearest([0, 1, 2, 2.5, 3], 1)
    found = memorisation.figures(held_out, fake)
    assert found["near_copy_share"] == 3 / 5
    assert found["repeat_share"] == 1 / 5
    assert found["held_out_repeat_share"] == 4 / 40


# What is said.


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5)])
def test_closer_pairs_of_few_images_have_the_variance_of_all_orders(n, m):
    """Each order of the images is as likely; among them the share is known exactly."""
    orders = itertools.combinations(range(n + m), m)  # places of the generated
    shares = [(sum(places) - m * (m - 1) / 2) / (n * m) for places in orders]
    exceeded = 0.5 + stats.norm.ppf(0.99) * np.std(shares)
    assert memorisation.most_closer(n, m) == pytest.approx(exceeded, rel=1e-3)


def test_new_images_are_seldom_suspected():
    draws = [RNG.normal(size=(150, 3)) for _ in range(100)]
    rows = [figures(x[:40], x[40:90], x[90:]) for x in draws]
    assert sum(map(memorisation.is_suspected, rows)) <= 5


def test_copies_are_called_by_their_name():
    training, real = RNG.normal(size=(200, 5)), RNG.normal(size=(50, 5))
    row = figures(real, training[:100] + 1e-3, training)
    words = memorisation.as_text(row)
    assert words.startswith(
        "warning: memorisation: the generator repeats images that it was trained on: "
        "100% are nearer to one of them than half"
    )
    assert "look at the nearest ones" in words


def test_little_variety_is_not_called_repetition():
    """A blurred mean lies closer to every image than these lie to each other."""
    training, real = RNG.normal(size=(400, 16)), RNG.normal(size=(60, 16))
    row = figures(real, 0.1 * RNG.normal(size=(100, 16)), training)
    assert row["near_copy_share"] > 0.9 and row["repeat_share"] == 0
    words = memorisation.as_text(row)
    assert words.startswith("warning: copies or little variety")
    assert "repeats" not in words


ROW = {
    "real": 50,
    "fake": 100,
    "near_copy_share": 0,
    "closer_to_training_share": 0,
    "repeat_share": 0,
    "held_out_repeat_share": 0,
}


def test_each_share_alone_is_enough():
    assert memorisation.as_text(ROW).startswith("no sign of memorisation: 0% are")
    for name in ("near_copy_share", "closer_to_training_share", "repeat_share"):
        assert memorisation.is_suspected(ROW | {name: 0.9})


def test_repeats_are_as_many_as_fishers_test_calls_rare():
    # None of 50 held out: of 100, chance has c repeats by hypergeometric law.
    for repeats in (8, 11, 12, 16):
        row = ROW | {"repeat_share": repeats / 100}
        chance = stats.hypergeom.sf(repeats - 1, 150, repeats, 100)
        assert memorisation.is_repeating(row) is bool(chance < 0.01)
    alike = {"repeat_share": 0.2, "held_out_repeat_share": 0.2}
    assert not memorisation.is_repeating(ROW | alike)


def test_of_too_few_images_nothing_is_claimed():
    """It said that there was no sign of it where 50 % would have been none."""
    words = memorisation.as_text(ROW | {"real": 14, "fake": 6})
    assert words.startswith("too few to tell whether images are copied: 6 generated")
    assert "no sign" not in words
