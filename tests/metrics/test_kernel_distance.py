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
    # Of so few images, and in few directions, a little under 95.
    assert 0.88 < np.mean((low <= expected) & (expected <= high)) < 0.97
    assert 0.005 < np.mean(expected < low) < 0.05
    assert 0.005 < np.mean(expected > high) < 0.1
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


def same_law(seed, real, fake, is_by_class):
    """KID and its floor where both sides follow one law, and without the classes."""
    x, of_real = mixture([seed, 0], real)
    y, of_fake = mixture([seed, 1], fake, is_by_class=is_by_class)
    given = of_real, of_fake if is_by_class else None
    draws = module.bootstrap(x, y, *given)
    return (
        draws[0],
        kernel_distance_floor(x, fake, *given),
        module.bootstrap(x, y)[0],
        kernel_distance_floor(x, fake),
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_by_class", [True, False])
def test_strata_neither_bias_the_distance_nor_lift_its_floor(monkeypatch, is_by_class):
    """Drawn by class, fakes of the same law were far below 0 and never above it."""
    monkeypatch.setattr(module, "_DRAWS", 200)
    found = [same_law(seed, 100, 200, is_by_class) for seed in range(300)]
    estimates, floors, plain, plain_floors = np.transpose(found)
    error = np.std(estimates) / np.sqrt(len(found))
    assert abs(np.mean(estimates)) < 3 * error
    assert np.mean(estimates > floors) == pytest.approx(0.05, abs=0.035)
    # Without the classes both are wrong.
    assert np.mean(plain) < -10 * error
    assert np.mean(plain > plain_floors) == 0


@pytest.mark.slow
def test_the_interval_of_strata_covers_the_distance(monkeypatch):
    monkeypatch.setattr(module, "_DRAWS", 200)
    (x, of_x), (y, of_y) = mixture(0, 4000), mixture(1, 4000, 0.5)
    monkeypatch.setattr(module, "_random_weights", no_weights)
    truth = module.bootstrap(x, y, of_x, of_y)[0]
    monkeypatch.undo()
    monkeypatch.setattr(module, "_DRAWS", 200)
    held = []
    for seed in range(300):
        (x, of_x), (y, of_y) = mixture([seed, 0], 60), mixture([seed, 1], 200, 0.5)
        _, low, high = kernel_distance(x, y, of_x, of_y)
        held.append(low <= truth <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.035)


def no_weights(rng, sample):
    return np.full((1, len(sample.points)), 1 / len(sample.points))


def test_the_estimate_weighs_the_pairs_of_each_two_classes():
    (x, of_x), (y, of_y) = mixture(0, 10), mixture(1, 20, 0.5)
    y, of_y = y[:-2], of_y[:-2]  # other proportions than the real ones

    def kernel(one, other):
        return (one @ other / 8 + 1) ** 3

    def mean(one, other):
        same = one is other
        pairs = [
            kernel(a, b)
            for i, a in enumerate(one)
            for j, b in enumerate(other)
            if not (same and i == j)
        ]
        return np.mean(pairs)

    sides = [
        [points[ids == c] for c in range(3)] for points, ids in ((x, of_x), (y, of_y))
    ]
    expected = sum(
        p
        * q
        * (
            mean(sides[0][c], sides[0][d])
            + mean(sides[1][c], sides[1][d])
            - 2 * mean(sides[0][c], sides[1][d])
        )
        for c, p in enumerate(PROPORTIONS)
        for d, q in enumerate(PROPORTIONS)
    )
    turned = np.random.default_rng(0).permutation(len(x))
    found = kernel_distance(x[turned], y, of_x[turned], of_y)
    assert found.estimate == pytest.approx(expected)


def test_one_class_is_as_none():
    x, y = normal(0, 30), normal(1, 40)
    classes = np.ones(30, int), np.ones(40, int)
    assert kernel_distance(x, y, *classes) == kernel_distance(x, y)
    assert kernel_distance_floor(x, 40, *classes) == kernel_distance_floor(x, 40)


@pytest.mark.parametrize("fakes", [None, np.arange(60) % 20])
def test_classes_of_one_image_give_figures(fakes):
    """The mean of a law's KID to itself stays 0, though no class has a pair."""
    x, y = normal(0, 20, 8), normal(1, 60, 8)
    distance = kernel_distance(x, y, np.arange(20), fakes)
    floor = kernel_distance_floor(x, 60, np.arange(20), fakes)
    assert np.isfinite([*distance, floor]).all()
    assert distance.low < distance.estimate < distance.high


@pytest.mark.parametrize(
    ("of_real", "of_fake"), [(None, [0] * 5), ([0, 0, 1, 1], [0] * 5)]
)
def test_classes_on_one_side_are_refused(of_real, of_fake):
    with pytest.raises(ValueError, match="same classes"):
        kernel_distance(normal(0, 4), normal(1, 5), of_real, of_fake)
