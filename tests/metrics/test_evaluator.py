"""Measuring a generator by images that it never saw."""

import numpy as np
import pytest

from foldergan.metrics import evaluator, selection

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
    return judge.evaluate(judge.features_of(pictures))


def rows_of(*distances, error=0) -> list[dict]:
    """Rows whose 95 % intervals are two standard errors wide on either side."""
    return [
        {
            "epoch": epoch,
            "kernel_distance": distance,
            "kernel_distance_low": distance - 2 * error,
            "kernel_distance_high": distance + 2 * error,
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


def test_only_a_part_of_many_training_images_is_looked_at():
    judge = evaluator.Evaluator(Pixels(), IMAGES, TRAINING, HELD_OUT, most_training=7)
    held_out = judge.features_of(IMAGES[HELD_OUT])
    assert judge.evaluate(held_out)["training"] == 7
    # Of 0 to 19 every third: of the last of these, itself is the nearest.
    assert judge.nearest_training(IMAGES[[18, 0]]).tolist() == IMAGES[[18, 0]].tolist()


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
    row |= {"kernel_distance_floor": 0.0123, "near_copy_share": 0.07}
    row |= {"extractor": "pixels", "real": 20, "fake": 30}
    assert selection.as_text([row]) == (
        "kernel distance 0.4 (95%: 0.3 to 0.5; real images: below 0.012), near copies "
        "7% (real images: 5%) (pixels; 20 real, 30 fake): kept as the best"
    )
