"""Arrays on disk -> shuffled minibatches. Memory holds one batch, not the set."""

import keras
import numpy as np


def split_by_class(
    labels: np.ndarray, held_out: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, each class by the same part.

    A class keeps at least one row on the first side and, when `held_out` is not
    0 and it has two rows, at least one on the second.

    Args:
        labels: one-hot array of shape (n, classes).
        held_out: part of each class for the second side, from 0 to below 1.
        seed: of the shuffle.

    Returns:
        Sorted row numbers of the first and of the second side.
    """
    rng = np.random.default_rng(seed)
    kept, held = [], []
    for column in labels.T:
        rows = rng.permutation(np.flatnonzero(column))
        count = 0
        if held_out > 0:
            count = int(np.clip(round(len(rows) * held_out), 1, max(len(rows) - 1, 0)))
        held.extend(rows[:count])
        kept.extend(rows[count:])
    return np.sort(np.array(kept, int)), np.sort(np.array(held, int))


def epoch_batches(num_rows: int, batch_size: int, seed: int, epoch: int) -> list:
    """Shuffles row numbers for one epoch and cuts them into batches.

    The order hangs on nothing but the arguments, so that a resumed run sees the
    batches that an unbroken one would have seen.

    Returns:
        Arrays of at most `batch_size` row numbers; every row stands in one.
    """
    order = np.random.default_rng([seed, epoch]).permutation(num_rows)
    return [order[i : i + batch_size] for i in range(0, num_rows, batch_size)]


class LabelledBatches(keras.utils.PyDataset):
    """Feeds Keras from arrays that may lie on disk, in a new order each epoch.

    Args:
        images: array of shape (n, height, width, channels).
        labels: array of shape (n, ...).
        rows: row numbers to take part.
        batch_size: rows a step; the last batch of an epoch may be shorter.
        seed: of the order.
    """

    def __init__(self, images, labels, rows, batch_size: int, seed: int):
        super().__init__()
        self._images, self._labels, self._rows = images, labels, rows
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0
        self._shuffle()

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        rows = np.sort(self._rows[self._batches[index]])  # reads the disk forwards
        return self._images[rows], self._labels[rows]

    def on_epoch_end(self):
        """Puts the next epoch in its own order; Keras calls this."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self):
        self._batches = epoch_batches(
            len(self._rows), self._batch_size, self._seed, self._epoch
        )
