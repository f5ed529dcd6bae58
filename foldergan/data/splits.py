"""Which rows are trained on and which are held out, by class."""

import numpy as np

from foldergan.config.settings import Data
from foldergan.errors import InputError

_FEWEST_HELD_OUT = 6  # coverage looks at five neighbours of each


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


def hold_out(labels: np.ndarray, part: float, seed: int) -> tuple:
    """Splits rows into those to train a generator on and those to measure it by.

    Args:
        labels: one-hot array of shape (n, classes).
        part: of each class, to measure by.
        seed: of the shuffle.

    Returns:
        Sorted row numbers of both.

    Raises:
        InputError: too few are left to measure by.
    """
    rows, held_out = split_by_class(labels, part, seed)
    if len(held_out) < _FEWEST_HELD_OUT:
        raise InputError(
            f"--held-out {part} of {len(labels)} pictures leaves {len(held_out)} to "
            f"measure by and {_FEWEST_HELD_OUT} are needed; hold out more, or 0 to "
            "measure nothing"
        )
    return rows, held_out


def split_in_three(labels: np.ndarray, settings: Data, seed: int) -> dict:
    """Splits rows into those to train on, to watch it by, and to judge it by.

    Args:
        labels: one-hot array of shape (n, classes).
        settings: its validation_split and test_split are parts of the whole.
        seed: of the shuffle.

    Returns:
        "training", "validation" and "test" -> sorted row numbers.
    """
    rest, test = split_by_class(labels, settings.test_split, seed)
    part_of_rest = settings.validation_split / (1 - settings.test_split)
    training, validation = split_by_class(labels[rest], part_of_rest, seed)
    return {"training": rest[training], "validation": rest[validation], "test": test}
