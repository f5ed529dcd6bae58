"""Which rows are trained on and which are held out, by class."""

from pathlib import Path

import numpy as np

from foldergan.config.data_settings import Data
from foldergan.errors import InputError
from foldergan.storage import arrays, runs

Parts = dict[str, np.ndarray]  # "training", "validation" and "test" -> row numbers
FEWEST_HELD_OUT = 6  # coverage looks at five neighbours of each


def split_by_class(
    labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, each class by the same fraction.

    A class keeps at least one row on the first side and, when `fraction` is not
    0 and it has two rows, at least one on the second.

    Args:
        labels: one-hot array of shape (n, classes).
        fraction: of each class for the second side, from 0 to below 1.
        seed: of the shuffle.

    Returns:
        Sorted row numbers of the first and of the second side.
    """
    return _split(labels.argmax(1), labels.shape[1], fraction, seed)


def _split(
    class_ids: np.ndarray, num_classes: int, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows as `split_by_class` does, by their class numbers (n,)."""
    rng = np.random.default_rng(seed)
    by_class = np.argsort(class_ids, kind="stable")
    ends = np.bincount(class_ids, minlength=num_classes).cumsum()
    is_held = np.zeros(len(class_ids), bool)
    for rows in np.split(by_class, ends[:-1]):
        if fraction > 0:
            count = np.clip(round(len(rows) * fraction), 1, max(len(rows) - 1, 0))
            is_held[rng.permutation(rows)[:count]] = True
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Weighs each class as much as any other in all, and an image 1 on average.

    Args:
        counts: int array (classes,), images of each class.

    Returns:
        float32 array (classes,).
    """
    present = np.count_nonzero(counts)
    return (counts.sum() / present / counts.clip(1)).astype(np.float32)


def class_counts(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Counts the images of each class.

    Args:
        labels: one-hot array of shape (n, classes); may lie on disk.
        rows: row numbers of those to count.

    Returns:
        int64 array (classes,).
    """
    return np.bincount(labels.argmax(1)[rows], minlength=labels.shape[1])


def hold_out(
    labels: np.ndarray, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows into those to train a generator on and those to evaluate it by.

    Args:
        labels: one-hot array of shape (n, classes).
        fraction: of each class to hold out.
        seed: of the shuffle.

    Returns:
        Sorted row numbers of both.

    Raises:
        InputError: too few are left to evaluate by.
    """
    rows, held_out = split_by_class(labels, fraction, seed)
    if len(held_out) < FEWEST_HELD_OUT:
        raise InputError(
            f"holding out {fraction} of {len(labels)} images leaves {len(held_out)} to "
            f"evaluate by and {FEWEST_HELD_OUT} are needed; hold out more, or 0 to "
            "evaluate nothing",
            ("held_out",),
        )
    return rows, held_out


def split_in_three(labels: np.ndarray, settings: Data, seed: int) -> Parts:
    """Splits rows into training, validation and test rows.

    Args:
        labels: one-hot array of shape (n, classes).
        settings: its validation_split and test_split are fractions of the whole.
        seed: of the shuffle.

    Returns:
        "training", "validation" and "test" -> sorted row numbers.
    """
    class_ids, num_classes = labels.argmax(1), labels.shape[1]
    rest, test = _split(class_ids, num_classes, settings.test_split, seed)
    fraction_of_rest = settings.validation_split / (1 - settings.test_split)
    training, validation = _split(class_ids[rest], num_classes, fraction_of_rest, seed)
    return {"training": rest[training], "validation": rest[validation], "test": test}


def training_counts(data_dir: Path, model_dir: Path) -> np.ndarray:
    """Counts the images of each class that a saved classifier was trained on.

    Args:
        data_dir: folder of the labels.
        model_dir: folder of the classifier, with the record of its training.

    Returns:
        int64 array (classes,).

    Raises:
        InputError: labels or record are missing or damaged.
    """
    names = ("validation_split", "test_split")
    settings, seed = runs.load_settings(model_dir, "TrainModel", Data(), names)
    labels = arrays.load_labels(data_dir)
    rows = split_in_three(labels, settings, seed)["training"]
    return class_counts(labels, rows)
