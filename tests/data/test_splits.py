"""Splitting and shuffling rows."""

import numpy as np
import pytest

from foldergan.data.splits import (
    class_counts,
    epoch_batches,
    epochs_of,
    split_by_class,
)


def one_hot(*counts):
    """Labels of classes with that many rows each, in mixed order."""
    columns = np.repeat(np.arange(len(counts)), counts)
    columns = np.random.default_rng(7).permutation(columns)
    return np.eye(len(counts), dtype=np.float32)[columns]


@pytest.mark.parametrize(
    ("counts", "held_out", "of_each"),
    [
        ((10, 100, 50), 0.2, [2, 20, 10]),
        ((2, 50, 7), 0.01, [1, 1, 1]),  # a class is on both sides
        ((2, 50, 7), 0.99, [1, 49, 6]),
        ((1, 10), 0.5, [0, 5]),  # unless it has one image, which is trained on
        ((3, 4), 0.0, [0, 0]),
    ],
)
def test_each_class_is_split_by_the_same_part(counts, held_out, of_each):
    labels = one_hot(*counts)
    kept, held = split_by_class(labels, held_out, seed=3)
    assert labels[held].sum(0).tolist() == of_each
    assert sorted([*kept, *held]) == list(range(len(labels)))
    assert held.dtype.kind == "i"
    assert (np.diff(kept) > 0).all()
    assert (np.diff(held) > 0).all()


def test_classes_are_counted_among_the_rows():
    labels = np.eye(4, dtype=np.float32)[[3, 0, 0, 1, 3]]
    assert class_counts(labels, np.array([0, 1, 2, 4])).tolist() == [2, 0, 0, 2]


def test_the_split_hangs_on_the_seed_only():
    labels = one_hot(40, 40)
    first, again, other = (
        split_by_class(labels, 0.25, seed=seed)[1].tolist() for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("num_rows", "batch_size"), [(10, 4), (8, 4), (3, 8), (1, 1)])
def test_an_epoch_has_every_row_once(num_rows, batch_size):
    batches = epoch_batches(num_rows, batch_size, seed=0, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(num_rows))
    assert all(len(rows) == batch_size for rows in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch_size


def test_the_order_hangs_on_seed_and_epoch():
    def order(seed, epoch):
        return tuple(np.concatenate(epoch_batches(50, 7, seed, epoch)))

    assert order(1, 2) == order(1, 2)
    orders = {order(seed, epoch) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


@pytest.mark.parametrize(
    ("least_steps", "count", "epochs"),
    [(0, 1, 30), (6000, 450, 750), (6000, 64 * 200, 30), (6000, 64 * 199, 31)],
)
def test_few_images_are_passed_over_more_often(least_steps, count, epochs):
    assert epochs_of(30, least_steps, count, 64) == epochs
