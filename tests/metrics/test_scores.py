"""Figures of generated images: closed forms, conventions, and SciPy's answers."""

import json

import numpy as np
import pytest
from scipy import linalg, spatial
from scipy.spatial.distance import pdist

from foldergan.metrics import kid, scores

# On a line, with k = 1. Balls of the real ones: [-1, 1], [0, 2], [1, 5], [9.5, 10.5]
# and [10, 11]; of the fake ones: [-4.5, 2.5], [-0.5, 5.5], [5, 6] and [5.5, 6.5].
REAL_LINE = np.array([[0], [1], [3], [10], [10.5]])
FAKE_LINE = np.array([[-1], [2.5], [5.5], [6]])


def normal(seed, count, width=4, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, width))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(scores, "_MEGABYTES", 1e-3)
    monkeypatch.setattr(kid, "_BLOCK", 100)


# Fréchet distance.


def test_frechet_distance_of_correlated_features_agrees_with_scipy():
    mixing = normal(2, 6, 6)
    real, fake = normal(0, 50, 6) @ mixing, normal(1, 40, 6, shift=0.3)
    covariances = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + sum(map(np.trace, covariances)) - 2 * np.trace(root)
    assert scores.frechet_distance(real, fake) == pytest.approx(expected)


def test_frechet_distance_of_fewer_images_than_features_in_closed_form():
    # Two rows, a and b, have the covariance u u' with u = (a - b) / sqrt 2.
    real, fake = normal(0, 2, 5), normal(1, 2, 5)
    u, v = (real[0] - real[1]) / 2**0.5, (fake[0] - fake[1]) / 2**0.5
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + u @ u + v @ v - 2 * abs(u @ v)
    assert scores.frechet_distance(real, fake) == pytest.approx(expected)


@pytest.mark.parametrize("count", [10, 200])
def test_frechet_distance_to_itself_is_0_and_never_below(count):
    points = normal(0, count, 64)
    assert 0 <= scores.frechet_distance(points, points[::-1]) < 1e-9


# Precision, recall, density, coverage.


def test_on_a_line_and_with_real_and_fake_swapped():
    assert scores.precision_recall(REAL_LINE, FAKE_LINE, k=1) == (2 / 4, 3 / 5)
    assert scores.precision_recall(FAKE_LINE, REAL_LINE, k=1) == (3 / 5, 2 / 4)
    assert scores.density_coverage(REAL_LINE, FAKE_LINE, k=1) == (2 / 4, 2 / 5)
    assert scores.density_coverage(FAKE_LINE, REAL_LINE, k=1) == (5 / 5, 2 / 4)


def test_they_agree_with_scipys_distances():
    real, fake = normal(0, 70), normal(1, 50, shift=0.5)
    apart = spatial.distance.cdist(real, fake)

    def radii(points, k):
        return spatial.KDTree(points).query(points, k + 1)[0][:, k]

    inside = apart <= radii(real, 3)[:, None]
    assert scores.precision_recall(real, fake) == (
        inside.any(0).mean(),
        (apart <= radii(fake, 3)).any(1).mean(),
    )
    inside = apart <= radii(real, 5)[:, None]
    expected = inside.sum() / (5 * len(fake)), inside.any(1).mean()
    assert scores.density_coverage(real, fake) == pytest.approx(expected)


def test_one_law_has_density_1_and_the_coverage_of_naeem_et_al_lemma_2():
    n, m, k = 40, 25, 5
    draws = [
        scores.density_coverage(normal([s, 0], n), normal([s, 1], m), k)
        for s in range(300)
    ]
    chance = np.prod([(n - i) / (n + m - i) for i in range(1, k + 1)])
    error = np.std(draws, axis=0) / np.sqrt(len(draws))
    assert (np.abs(np.mean(draws, axis=0) - (1, 1 - chance)) < 4 * error).all()


# Variety within a class.


def test_variety_is_the_ratio_of_mean_distances():
    real, fake = normal(0, 30), normal(1, 20, shift=1)
    expected = pdist(fake).mean() / pdist(real).mean()
    assert scores.variety(real, fake) == pytest.approx(expected)
    assert scores.variety(fake, real) == pytest.approx(1 / expected)
    assert scores.variety(real, real / 2 + 9) == pytest.approx(0.5)
    assert scores.variety(real, np.repeat(fake[:1], 5, axis=0)) < 1e-6


def test_classes_that_lie_apart_are_no_variety():
    classes = np.repeat([0, 1], [20, 10])
    real = normal(0, 30) + 100 * classes[:, None]
    fake = np.repeat(real[[0, 20]], 5, axis=0)  # one image of each class
    of_fake = np.repeat([0, 1], 5)
    assert scores.variety(real, fake) > 0.9
    assert scores.variety(real, fake, classes, of_fake) < 1e-6
    halves = real - 0.5 * (classes == 0)[:, None] * (real - real[0])
    assert scores.variety(real, halves, classes, classes) == pytest.approx(2 / 3)


def test_a_class_without_a_pair_says_nothing_of_variety():
    real, fake = normal(0, 30), normal(1, 20)
    expected = scores.variety(real[:29], fake[:19])
    found = scores.variety(real, fake, np.arange(30) // 29, np.arange(20) // 19)
    assert found == pytest.approx(expected)
    alone = scores.variety(real, fake, np.arange(30), np.arange(20))
    assert alone == pytest.approx(scores.variety(real, fake))


# Neighbours.


@pytest.mark.parametrize("width", [3, 100, 3000])
def test_rounding_leaves_no_duplicate_outside_its_ball(width):
    points = 10 + normal(0, 30, width)
    fourfold = np.repeat(points, 4, axis=0)
    assert scores.precision_recall(fourfold, fourfold[::-1], k=3) == (1, 1)
    assert scores.density_coverage(fourfold, points, k=3) == (4 / 3, 1)
    # A lone image is multiplied in another order of sums.
    assert scores.density_coverage(fourfold, points[:1], k=3) == (4 / 3, 1 / 30)


def test_rounding_leaves_no_tie_outside_a_ball():
    ruler = 10 + 0.1 * np.arange(100)[:, None]
    density, _ = scores.density_coverage(ruler, ruler, k=1)
    assert density == (98 * 3 + 2 * 2) / 100  # each lies in its neighbours' balls


# All of them.


def test_one_row_has_every_figure_and_what_it_was_measured_with():
    real, fake, classes = normal(0, 30), normal(1, 20, shift=1), np.arange(30) % 3
    given = real, fake, "pixels", classes, classes[:20]
    row, draws = scores.evaluate(*given)
    found = kid.kid(real, fake, classes, classes[:20])
    precision, recall = scores.precision_recall(real, fake)
    density, coverage = scores.density_coverage(real, fake)
    assert row == {
        "extractor": "pixels",
        "real": 30,
        "fake": 20,
        "kernel_distance": found.estimate,
        "kernel_distance_low": found.low,
        "kernel_distance_high": found.high,
        "kernel_distance_floor": found.floor,
        "frechet_distance": scores.frechet_distance(real, fake),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
        "variety": scores.variety(real, fake, classes, classes[:20]),
    }
    assert {type(value) for value in row.values()} == {str, int, float}
    assert json.loads(json.dumps(row)) == row
    np.testing.assert_array_equal(draws, found.draws)
    assert draws[0] == found.estimate and len(draws) == 1001


def test_figures_are_the_same_in_blocks_of_any_size(request):
    arrays = normal(0, 31), normal(1, 23, shift=0.5)
    whole, _ = scores.evaluate(*arrays, "")
    request.getfixturevalue("small_blocks")
    assert scores.evaluate(*arrays, "")[0] == pytest.approx(whole)


def test_float32_features_are_computed_with_in_float64_and_left_as_they_are():
    narrow = [100 + array.astype("f4") for array in (normal(0, 30), normal(1, 20))]
    wide = [array.astype(float) for array in narrow]
    for array in narrow + wide:
        array.setflags(write=False)
    assert scores.evaluate(*narrow, "")[0] == scores.evaluate(*wide, "")[0]
