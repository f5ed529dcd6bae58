"""The kernel distance, its interval and its floor: closed forms and simulations."""

import itertools

import numpy as np
import pytest

from foldergan.metrics import kernel_distance as module
from foldergan.metrics.kernel_distance import kernel_distance, kernel_distance_floor


def normal(seed, count, width=4, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


@pytest.fixture
def fewer_draws(monkeypatch):
    monkeypatch.setattr(module, "_DRAWS", 200)


# The estimate.


def test_numbers_small_enough_for_the_hand():
    # (xy + 1)^3: within 1 and 343; across 1, 1, 27 and 64, on average 23.25.
    found = kernel_distance([[0], [1]], [[2], [3]])
    assert found.estimate == pytest.approx(1 + 343 - 2 * 23.25)


def test_the_estimate_is_the_double_sum_without_the_diagonals():
    real, fake = normal(0, 5, 3), normal(1, 7, 3, shift=0.5)

    def kernel(x, y):
        return (x @ y / 3 + 1) ** 3

    def within(points):
        pairs = [(i, j) for i in range(len(points)) for j in range(len(points))]
        return np.mean([kernel(points[i], points[j]) for i, j in pairs if i != j])

    across = np.mean([kernel(x, y) for x in real for y in fake])
    found = kernel_distance(real, fake)
    assert found.estimate == pytest.approx(within(real) + within(fake) - 2 * across)


def test_the_estimate_is_0_on_average_for_one_law_and_below_0_at_times(fewer_draws):
    draws = [
        kernel_distance(normal([s, 0], 20), normal([s, 1], 30)).estimate
        for s in range(400)
    ]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20
    assert min(draws) < 0


# The interval.


def distance_of_shifted_normals(width, shift):
    """The distance between N(0, I) and N(b, I), |b| = shift, from their moments.

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
def test_the_interval_covers_the_distance_as_often_as_it_says(
    fewer_draws, real, fake, shift
):
    expected = distance_of_shifted_normals(4, shift)
    b = np.array([shift, 0, 0, 0])
    found = [
        kernel_distance(normal([s, 0], real), normal([s, 1], fake) + b)
        for s in range(400)
    ]
    estimates, low, high = np.transpose(found)
    error = np.std(estimates) / np.sqrt(len(found))
    assert np.mean(estimates) == pytest.approx(expected, abs=4 * error)
    # Of 1,500 draws 92 to 94 in 100 cover it: of so few images, a little under 95.
    assert 0.9 < np.mean((low <= expected) & (expected <= high)) < 0.97
    assert 0.005 < np.mean(expected < low) < 0.05
    assert 0.005 < np.mean(expected > high) < 0.08
    # An interval as wide as the estimates spread, and no wider.
    assert np.mean(high - low) / np.std(estimates) == pytest.approx(3.92, rel=0.15)


def test_the_interval_is_not_too_narrow_where_nothing_differs(fewer_draws):
    found = [
        kernel_distance(normal([s, 0], 30), normal([s, 1], 90)) for s in range(200)
    ]
    assert np.mean([low <= 0 <= high for _, low, high in found]) >= 0.95
    # Pairs of an image with itself would lift it: of width 4 they are (|x|^2/4 + 1)^3.
    middles = [(low + high) / 2 - estimate for estimate, low, high in found]
    widths = [high - low for _, low, high in found]
    assert abs(np.mean(middles)) < 0.1 * np.mean(widths)


def test_two_images_are_enough_for_an_interval():
    low, high = kernel_distance(normal(0, 2), normal(1, 2))[1:]
    assert np.isfinite([low, high]).all()


# The floor.


@pytest.mark.parametrize(("real", "fake"), [(30, 90), (31, 8), (30, 30)])
def test_as_many_fakes_of_one_law_are_above_the_floor_in_5_of_100(
    fewer_draws, real, fake
):
    above = [
        kernel_distance(normal([s, 0], real), normal([s, 1], fake)).estimate
        > kernel_distance_floor(normal([s, 0], real), fake)
        for s in range(600)
    ]
    assert np.mean(above) == pytest.approx(0.05, abs=0.03)


def test_fakes_of_another_law_are_above_the_floor():
    real, fake = normal(0, 60), normal(1, 200, shift=0.7)
    distance = kernel_distance(real, fake)
    assert distance.low > kernel_distance_floor(real, len(fake)) > 0


def test_the_floor_is_the_95th_percentile_of_all_splits_scaled_to_the_counts():
    real = normal(0, 8, 3)
    halves = [
        kernel_distance(
            real[[0, *others]], np.delete(real, [0, *others], axis=0)
        ).estimate
        for others in itertools.combinations(range(1, 8), 3)
    ]
    assert len(halves) == 35 and np.mean(halves) == pytest.approx(0, abs=1e-12)
    # From pairs of 4 and 4 images to pairs of 8 and 8.
    scaled = np.array(halves) * np.sqrt((2 / 56 + 2 / 64) / (2 / 12 + 2 / 16))
    found = kernel_distance_floor(real, 8)
    assert np.isclose(found, scaled).any()
    assert np.mean(scaled < found) == pytest.approx(0.95, abs=0.05)


def test_of_many_real_images_a_part_is_halved_and_the_floor_stays(monkeypatch):
    real = normal(0, 400)
    whole = kernel_distance_floor(real, 500)
    monkeypatch.setattr(module, "_MOST_HALVED", 100)
    assert kernel_distance_floor(real, 500) == pytest.approx(whole, rel=0.3)


def test_a_floor_needs_two_halves_of_two():
    assert np.isfinite(kernel_distance_floor(normal(0, 4), 2))
    with pytest.raises(ValueError, match=r"real features of 3 .* 4 are"):
        kernel_distance_floor(normal(0, 3), 2)


# Both.


def test_the_same_images_give_the_same_figures_and_no_other_draws_are_disturbed():
    real, fake = normal(0, 30), normal(1, 40)
    state = np.random.get_state()[1].copy()
    assert kernel_distance(real, fake) == kernel_distance(real, fake)
    assert kernel_distance_floor(real, 40) == kernel_distance_floor(real, 40)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_blocks_of_any_size_give_the_same_figures(monkeypatch):
    real, fake = normal(0, 31), normal(1, 23, shift=0.5)
    whole = *kernel_distance(real, fake), kernel_distance_floor(real, 23)
    monkeypatch.setattr(module, "_BLOCK", 100)
    parts = *kernel_distance(real, fake), kernel_distance_floor(real, 23)
    assert parts == pytest.approx(whole)
