"""Which checkpoint is the best, and when to stop."""

import numpy as np
import pytest

from foldergan.metrics import kid, selection


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
    """And the interval, the floor and the near copies of the newest."""
    rows = rows_of(0.2, 0.4)
    for row in rows:
        row |= {"kernel_distance_floor": 0.0123, "near_copy_share": 0.07}
        row |= {"extractor": "pixels", "real": 20, "fake": 30}
    assert selection.as_text(rows) == (
        "KID 0.4 (95%: 0.3 to 0.5; noise floor 0.012), near copies "
        "7% (real images: 5%) (pixels; 20 real, 30 fake): epoch 1 was better"
    )
    assert selection.as_text(rows[:1]).endswith("kept as the best")


# The error of the difference of two checkpoints.


def checkpoints(seed, *shifts):
    """Rows of generators that shift the same latents, and draws of the least."""
    rng = np.random.default_rng(seed)
    real, latents = rng.normal(size=(60, 6)), rng.normal(size=(200, 6))
    rows, least = [], []
    for epoch, shift in enumerate(shifts, 1):
        found = kid.kid(real, latents + shift)
        row = {"epoch": epoch, "kernel_distance": found.estimate}
        selection.add_row(rows, least, row, found.draws)
    return rows, least


def test_the_error_is_that_of_the_difference(monkeypatch):
    monkeypatch.setattr(kid, "_DRAWS", 200)
    differences, errors = [], []
    for seed in range(60):
        (one, other), _ = checkpoints(seed, 0.5, 0.7)
        differences.append(other["kernel_distance"] - one["kernel_distance"])
        errors.append(other["kernel_distance_error"])
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.3)


def test_the_draws_of_the_least_are_kept_for_the_next(monkeypatch):
    monkeypatch.setattr(kid, "_DRAWS", 20)
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
