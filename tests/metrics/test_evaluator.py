"""Measuring a generator by images that it never saw."""

import numpy as np
import pytest

from foldergan.errors import InputError
from foldergan.metrics import evaluator, kernel_distance, selection

RNG = np.random.default_rng(0)
IMAGES = RNG.random((40, 2, 2, 3)).astype(np.float32)
TRAINING, HELD_OUT = np.arange(20), np.arange(20, 40)


class Pixels:
    """An extractor whose features are the pixels."""

    name = "pixels"

    def __call__(self, images, rows=None):
        rows = np.arange(len(images)) if rows is None else rows
        return images[rows].reshape(len(rows), -1)


def measure(pictures):
    judge = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT)
    return judge.evaluate(judge.features_of(pictures))[0]


def rows_of(*distances, error=0) -> list[dict]:
    """Rows whose differences to the least have this standard error."""
    return [
        {
            "epoch": epoch,
            "kernel_distance": distance,
            "kernel_distance_low": distance - 0.1,
            "kernel_distance_high": distance + 0.1,
            "kernel_distance_error": error,
        }
        for epoch, distance in enumerate(distances, 1)
    ]


def test_counts_and_extractor_stand_beside_the_figures():
    row = measure(RNG.random((30, 2, 2, 3)))
    assert row["extractor"] == "pixels"
    assert (row["real"], row["fake"], row["training"]) == (20, 30, 20)


def test_real_come_before_fake():
    one_of_the_real = np.repeat(IMAGES[HELD_OUT[:1]], 10, axis=0)
    row = measure(one_of_the_real)
    assert row["precision"] == 1
    assert row["recall"] < 0.1


def test_drawing_what_it_was_trained_on_is_told_from_drawing_what_is_held_out():
    copied, new = measure(IMAGES[TRAINING]), measure(IMAGES[HELD_OUT])
    assert copied["near_copy_share"] == 1
    assert new["near_copy_share"] < 0.2
    assert new["frechet_distance"] == pytest.approx(0, abs=1e-6)


def test_of_very_many_held_out_images_some_spread_evenly_are_taken(monkeypatch):
    monkeypatch.setattr(evaluator, "_MOST_HELD_OUT", 8)
    assert measure(IMAGES[HELD_OUT])["real"] == 7  # every third of twenty
    monkeypatch.setattr(evaluator, "_MOST_HELD_OUT", 20)
    assert measure(IMAGES[HELD_OUT])["real"] == 20


def test_the_unit_of_the_features_does_not_matter():
    """Unscaled, features of ten thousands gave distances of 9e26."""

    class Large(Pixels):
        def __call__(self, images, rows=None):
            return 5e4 * super().__call__(images, rows)

    figures = []
    for extractor in (Pixels(), Large()):
        judge = evaluator.Evaluator(extractor, IMAGES, TRAINING, HELD_OUT)
        row, _ = judge.evaluate(judge.features_of(IMAGES[TRAINING] ** 2))
        figures.append(row)
    one, other = figures
    assert other.pop("feature_scale") == pytest.approx(
        5e4 * one.pop("feature_scale"), rel=1e-3
    )
    assert one.pop("extractor") == other.pop("extractor")
    assert one == pytest.approx(other, rel=1e-2)
    assert 0 < one["kernel_distance"] < 10


def test_the_real_features_that_are_compared_have_mean_square_1():
    judge = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT)
    real = judge.features_of(IMAGES[HELD_OUT])
    assert np.mean(real**2) == pytest.approx(1, rel=1e-3)


def test_absurd_features_are_refused():
    judge = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT)
    with pytest.raises(InputError, match="pixels: .* times as large as those of real"):
        judge.evaluate(1e5 * judge.features_of(IMAGES[TRAINING]))
    with pytest.raises(InputError, match="pixels: .* the same, and tell nothing"):
        evaluator.Evaluator(Pixels(), np.ones_like(IMAGES), TRAINING, HELD_OUT)


def test_images_of_a_class_on_one_side_are_left_out_of_the_figures():
    classes = np.arange(20) % 3
    judge = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT, classes)
    fake = judge.features_of(IMAGES[TRAINING])
    row, _ = judge.evaluate(fake, np.arange(20) % 4 + 1)  # of 1 to 4
    assert (row["real"], row["fake"]) == (np.sum(classes > 0), 10)


def test_the_nearest_image_trained_on_is_found_and_never_a_held_out_one():
    turned = evaluator.Evaluator(Pixels(), IMAGES, HELD_OUT, TRAINING)
    found = turned.nearest_training(IMAGES[[25, 21, 25]] + 1e-3)
    np.testing.assert_array_equal(found, IMAGES[[25, 21, 25]])
    for image in turned.nearest_training(IMAGES[TRAINING]):
        assert (image == IMAGES[HELD_OUT]).all((1, 2, 3)).any()


@pytest.mark.parametrize(
    ("distances", "error", "best"),
    [
        ((3, 1, 2), 0, 2),
        ((3, 1, 2, 1), 0, 4),
        ((3, 1.0, 1.4, 1.6), 0.5, 3),
        ((3, 1.4, 1.0, 1.6), 0.5, 3),
        ((1.0, 1.45, 1.6), 0.5, 2),
        ((1, 2, 3), 1.5, 2),
    ],
)
def test_the_newest_that_cannot_be_told_from_the_least_is_best(distances, error, best):
    assert selection.best_row(rows_of(*distances, error=error))["epoch"] == best


def test_rows_of_earlier_versions_are_taken_as_exact():
    earlier = [{"epoch": 1, "kernel_distance": 1}, {"epoch": 2, "kernel_distance": 1.1}]
    assert selection.best_row(earlier)["epoch"] == 1
    assert selection.best_row(earlier + rows_of(0.9, error=0.1))["epoch"] == 1


@pytest.mark.parametrize(
    ("distances", "patience", "stalled"),
    [
        ((), 1, False),
        ((1,), 1, False),
        ((1, 2), 1, True),
        ((2, 1), 1, False),
        ((1, 2, 3), 3, False),
        ((1, 2, 3, 4), 3, True),
        ((1, 2, 3, 4), 0, False),
    ],
)
def test_patience_ends_when_the_best_is_so_many_saves_old(distances, patience, stalled):
    assert selection.has_stalled(rows_of(*distances), patience) is stalled


def test_the_line_says_which_epoch_is_best():
    rows = [{"epoch": epoch} | measure(IMAGES[HELD_OUT]) for epoch in (1, 2)]
    rows[0]["kernel_distance"] = -1
    assert selection.as_text(rows).endswith("epoch 1 was better")
    assert selection.as_text(rows[:1]).endswith("kept as the best")
    assert "pixels; 20 real, 20 fake" in selection.as_text(rows)


def test_the_line_gives_the_interval_the_floor_and_the_near_copies():
    (row,) = rows_of(0.4, error=0.05)
    row |= {"kernel_distance_low": 0.3, "kernel_distance_high": 0.5}
    row |= {"kernel_distance_floor": 0.0123, "near_copy_share": 0.07}
    row |= {"extractor": "pixels", "real": 20, "fake": 30}
    assert selection.as_text([row]) == (
        "KID 0.4 (95%: 0.3 to 0.5; noise floor 0.012), near copies "
        "7% (real images: 5%) (pixels; 20 real, 30 fake): kept as the best"
    )


# The error of the difference of two checkpoints.


def checkpoints(seed, *shifts, noise=0.0):
    """Rows of generators that shift the same latents, and draws of the least."""
    rng = np.random.default_rng(seed)
    real, latents = rng.normal(size=(60, 6)), rng.normal(size=(200, 6))
    rows, least = [], []
    for epoch, shift in enumerate(shifts, 1):
        fake = latents + shift + noise * rng.normal(size=latents.shape)
        draws = kernel_distance.bootstrap(real, fake)
        found = kernel_distance.kernel_distance(real, fake)
        row = {"epoch": epoch, "kernel_distance": found.estimate}
        row |= {"kernel_distance_low": found.low, "kernel_distance_high": found.high}
        selection.add_row(rows, least, row, draws)
    return rows, least


def test_a_worse_newer_checkpoint_is_not_kept(monkeypatch):
    """By the error of one checkpoint alone it was, in 25 of 25."""
    monkeypatch.setattr(kernel_distance, "_DRAWS", 200)
    for seed in range(25):
        (one, other), least = checkpoints(seed, 0.5, 0.53)
        alone = (one["kernel_distance_high"] - one["kernel_distance_low"]) / 4
        assert 0 < other["kernel_distance"] - one["kernel_distance"] < alone
        assert 0 < other["kernel_distance_error"] < alone / 3
        assert selection.best_row([one, other]) is one
        assert {row["epoch"] for row in least} == {1} and len(least) == 201


def test_a_newer_checkpoint_that_cannot_be_told_apart_is_kept(monkeypatch):
    monkeypatch.setattr(kernel_distance, "_DRAWS", 200)
    found = []
    for seed in range(40):
        rows, _ = checkpoints(seed, 0.5, 0.5, noise=0.1)
        found.append(selection.best_row(rows)["epoch"])
    # Equally good: the newest is less in half of all, and within one error in 34 %.
    assert np.mean(np.array(found) == 2) == pytest.approx(0.84, abs=0.2)


def test_the_error_is_that_of_the_difference(monkeypatch):
    monkeypatch.setattr(kernel_distance, "_DRAWS", 200)
    differences, errors = [], []
    for seed in range(60):
        (one, other), _ = checkpoints(seed, 0.5, 0.7)
        differences.append(other["kernel_distance"] - one["kernel_distance"])
        errors.append(other["kernel_distance_error"])
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.3)


def test_the_draws_of_the_least_are_kept_for_the_next(monkeypatch):
    monkeypatch.setattr(kernel_distance, "_DRAWS", 20)
    rows, least = checkpoints(0, 0.7, 0.4, 0.5)
    assert [row["epoch"] for row in least] == [2] * 21
    assert least[0]["kernel_distance"] == rows[1]["kernel_distance"]
    # Of a state without them, such as of an earlier version, the error is not known.
    selection.add_row(rows, [], {"epoch": 4, "kernel_distance": 9.0}, np.ones(21))
    assert rows[-1]["kernel_distance_error"] == 0


def test_rows_in_another_unit_are_not_compared():
    rows = rows_of(1, 3, 2)
    for row in rows[1:]:
        row["feature_scale"] = 0.5
    assert selection.best_row(rows)["epoch"] == 3
