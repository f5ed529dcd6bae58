"""KID, its interval and its noise floor: closed forms and simulations."""

import itertools
from unittest.mock import patch

import numpy as np
import pytest

from foldergan.metrics import kid as module
from foldergan.metrics.kid import kid


def normal(seed, count, width=4, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


@pytest.fixture
def fewer_draws(monkeypatch):
    monkeypatch.setattr(module, "_DRAWS", 200)


# The estimate.


def test_numbers_small_enough_for_the_hand():
    # (xy + 1)^3: within 8, 1 and 1, and 343; across 1, 1, 27, 64, 27 and 64.
    found = kid(np.array([[0], [1], [0], [1]]), np.array([[2], [3]]))
    assert found.estimate == pytest.approx(8 / 6 + 5 / 6 + 343 - 2 * 23.25)


def mean_kernel(one, other):
    """Over all pairs but those of an image with itself."""
    width = one.shape[1]
    return np.mean(
        [
            (a @ b / width + 1) ** 3
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if not (one is other and i == j)
        ]
    )


# The interval.


def kid_of_shifted_normals(width, shift):
    """KID of N(0, I) and N(b, I), |b| = shift, from their moments.

    E (1 + z)^3 with z = x.y / d: of x and y from N(b, I), z has the moments below;
    where one of both is centred, odd moments vanish.
    """
    square = shift**2
    first = square / width
    second = (width + 2 * square + square**2) / width**2
    third = (square**3 + 6 * square**2 + (3 * width + 6) * square) / width**3
    within_real = 1 + 3 / width
    within_fake = 1 + 3 * first + 3 * second + third
    across = 1 + 3 * (square + width) / width**2
    return within_real + within_fake - 2 * across


@pytest.mark.parametrize(
    ("real", "fake", "shift"), [(40, 120, 1), (120, 40, 1), (40, 120, 3)]
)
def test_the_interval_covers_kid_as_often_as_it_says(fewer_draws, real, fake, shift):
    expected = kid_of_shifted_normals(4, shift)
    b = np.array([shift, 0, 0, 0])
    found = [
        kid(normal([s, 0], real), normal([s, 1], fake) + b)[:3] for s in range(400)
    ]
    estimates, low, high = np.transpose(found)
    error = np.std(estimates) / np.sqrt(len(found))
    assert np.mean(estimates) == pytest.approx(expected, abs=4 * error)
    # Of so few images, and in few directions, a little under 95.
    assert 0.88 < np.mean((low <= expected) & (expected <= high)) < 0.97
    assert 0.005 < np.mean(expected < low) < 0.05
    assert 0.005 < np.mean(expected > high) < 0.1
    # An interval as wide as the estimates spread, and no wider.
    assert np.mean(high - low) / np.std(estimates) == pytest.approx(3.92, rel=0.15)


def test_the_interval_is_not_too_narrow_where_nothing_differs(fewer_draws):
    found = [kid(normal([s, 0], 30), normal([s, 1], 90))[:3] for s in range(200)]
    assert np.mean([low <= 0 <= high for _, low, high in found]) >= 0.95
    # Pairs of an image with itself would lift it: of width 4 they are (|x|^2/4 + 1)^3.
    middles = [(low + high) / 2 - estimate for estimate, low, high in found]
    widths = [high - low for _, low, high in found]
    assert abs(np.mean(middles)) < 0.1 * np.mean(widths)


# The noise floor.


@pytest.mark.parametrize(("real", "fake"), [(30, 90), (31, 8), (30, 30)])
def test_as_many_fakes_of_one_law_are_above_the_floor_in_5_of_100(
    fewer_draws, real, fake
):
    found = [kid(normal([s, 0], real), normal([s, 1], fake)) for s in range(600)]
    above = [each.estimate > each.floor for each in found]
    assert np.mean(above) == pytest.approx(0.05, abs=0.03)


def test_the_floor_is_the_95th_percentile_of_all_splits_scaled_to_the_counts():
    real = normal(0, 8, 3)
    halves = [
        kid(real[[0, *others]], np.delete(real, [0, *others], axis=0)).estimate
        for others in itertools.combinations(range(1, 8), 3)
    ]
    assert len(halves) == 35 and np.mean(halves) == pytest.approx(0, abs=1e-12)
    # From pairs of 4 and 4 images to pairs of 8 and 8.
    scaled = np.array(halves) * np.sqrt((2 / 56 + 2 / 64) / (2 / 12 + 2 / 16))
    floor = kid(real, normal(1, 8, 3)).floor
    assert np.isclose(floor, scaled).any()
    assert np.mean(scaled < floor) == pytest.approx(0.95, abs=0.05)


def test_of_many_real_images_a_part_is_halved_and_the_floor_stays(monkeypatch):
    images = normal(0, 400), normal(1, 500)
    whole = kid(*images).floor
    monkeypatch.setattr(module, "_MOST_HALVED", 100)
    assert kid(*images).floor == pytest.approx(whole, rel=0.3)


# All of it.


def test_the_same_images_give_the_same_figures_and_no_other_draws_are_disturbed():
    real, fake = normal(0, 30), normal(1, 40)
    state = np.random.get_state()[1].copy()
    assert kid(real, fake)[:4] == kid(real, fake)[:4]
    np.testing.assert_array_equal(np.random.get_state()[1], state)


# Images that were drawn class by class.


PROPORTIONS = np.array([0.5, 0.3, 0.2])
MEANS = 3 * np.random.default_rng(9).normal(size=(3, 8))


def mixture(seed, count, shift=0.0, is_by_class=True):
    """Features of classes that lie far apart, and the classes."""
    rng = np.random.default_rng(seed)
    if is_by_class:
        classes = np.repeat(range(3), np.rint(count * PROPORTIONS).astype(int))
    else:
        classes = rng.choice(3, count, p=PROPORTIONS)
    return MEANS[classes] + rng.normal(shift, 1, (count, 8)), classes


@pytest.mark.slow
@pytest.mark.parametrize("is_by_class", [True, False])
def test_strata_neither_bias_kid_nor_lift_its_floor(fewer_draws, is_by_class):
    """Drawn by class, fakes of the same law were far below 0 and never above it."""
    found, plain = [], []
    for seed in range(300):
        real, of_real = mixture([seed, 0], 100)
        fake, of_fake = mixture([seed, 1], 200, is_by_class=is_by_class)
        found.append(kid(real, fake, of_real, of_fake if is_by_class else None)[:4])
        plain.append(kid(real, fake)[:4])
    estimates, _, _, floors = np.transpose(found)
    error = np.std(estimates) / np.sqrt(len(found))
    assert abs(np.mean(estimates)) < 3 * error
    assert np.mean(estimates > floors) == pytest.approx(0.05, abs=0.035)
    # Without the classes both are wrong.
    estimates, _, _, floors = np.transpose(plain)
    assert np.mean(estimates) < -10 * error
    assert np.mean(estimates > floors) == 0


@pytest.mark.slow
def test_the_interval_of_strata_covers_kid(fewer_draws):
    (x, of_x), (y, of_y) = mixture(0, 4000), mixture(1, 4000, 0.5)
    with patch.object(module, "_DRAWS", 1):
        truth = kid(x, y, of_x, of_y).estimate
    held = []
    for seed in range(150):
        (x, of_x), (y, of_y) = mixture([seed, 0], 60), mixture([seed, 1], 200, 0.5)
        found = kid(x, y, of_x, of_y)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)


def test_the_estimate_weighs_the_pairs_of_each_two_classes():
    (x, of_x), (y, of_y) = mixture(0, 10), mixture(1, 20, 0.5)
    y, of_y = y[:-2], of_y[:-2]  # other proportions than the real ones
    reals, fakes = (
        [p[ids == c] for c in range(3)] for p, ids in ((x, of_x), (y, of_y))
    )
    expected = sum(
        PROPORTIONS[c]
        * PROPORTIONS[d]
        * (
            mean_kernel(reals[c], reals[d])
            + mean_kernel(fakes[c], fakes[d])
            - 2 * mean_kernel(reals[c], fakes[d])
        )
        for c, d in itertools.product(range(3), repeat=2)
    )
    turned = np.random.default_rng(0).permutation(len(x))
    assert kid(x[turned], y, of_x[turned], of_y).estimate == pytest.approx(expected)


def test_one_class_is_as_none():
    x, y = normal(0, 30), normal(1, 40)
    assert kid(x, y, np.ones(30, int), np.ones(40, int))[:4] == kid(x, y)[:4]


@pytest.mark.parametrize("fakes", [None, np.arange(60) % 20])
def test_classes_of_one_image_give_figures(fakes):
    """No class has a pair of real images."""
    found = kid(normal(0, 20, 8), normal(1, 60, 8), np.arange(20), fakes)
    assert np.isfinite(found[:4]).all()
    assert found.low < found.estimate < found.high


@pytest.mark.parametrize("of_real", [None, [0, 0, 1, 1]])
def test_classes_on_one_side_are_refused(of_real):
    with pytest.raises(ValueError, match="same classes"):
        kid(normal(0, 4), normal(1, 5), of_real, [1] * 5)
