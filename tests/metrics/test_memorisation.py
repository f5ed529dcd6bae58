"""Words about memorisation, and how often they come by chance."""

import itertools

import numpy as np
import pytest
from scipy import stats

from foldergan.metrics import memorisation, scores

RNG = np.random.default_rng(0)


def figures(real, fake, training) -> dict:
    copying = scores.data_copying(real, fake, training)
    return {
        "real": len(real),
        "fake": len(fake),
        "closer_to_training_share": copying.closer_share,
        "near_copy_share": copying.near_copy_share,
    }


@pytest.mark.parametrize(("n", "m"), [(10, 4), (20, 50), (100, 49), (332, 2000)])
def test_near_copies_have_the_law_of_exceedances(n, m):
    k = int(np.ceil(0.05 * n))
    expected = stats.betabinom.ppf(0.99, m, k, n + 1 - k) / m
    assert memorisation.most_near_copies(n, m) == pytest.approx(expected)


def test_closer_pairs_have_the_law_of_mann_whitney():
    n, m = 40, 60
    shares = [
        1 - stats.mannwhitneyu(RNG.random(m), RNG.random(n)).statistic / (n * m)
        for _ in range(4000)
    ]
    exceeded = np.mean(np.array(shares) > memorisation.most_closer(n, m))
    assert exceeded == pytest.approx(0.01, abs=0.006)


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
        "warning: memorisation: 100% are closer to a training image"
    )
    assert "look at the nearest ones" in words


def test_a_few_copies_among_new_images_are_found():
    training, real = RNG.normal(size=(200, 5)), RNG.normal(size=(50, 5))
    fake = np.concatenate([training[:60], RNG.normal(size=(140, 5))])
    assert memorisation.is_suspected(figures(real, fake, training))


def test_each_share_alone_is_enough():
    row = {"real": 50, "fake": 100, "near_copy_share": 0, "closer_to_training_share": 0}
    assert memorisation.as_text(row).startswith("no sign of memorisation: 0% are")
    for name in ("near_copy_share", "closer_to_training_share"):
        assert memorisation.is_suspected(row | {name: 0.9})


def test_the_largest_share_by_chance_is_none_too_many():
    counts = (50, 100)
    row = {"real": 50, "fake": 100}
    row["near_copy_share"] = memorisation.most_near_copies(*counts)
    row["closer_to_training_share"] = memorisation.most_closer(*counts)
    assert not memorisation.is_suspected(row)
