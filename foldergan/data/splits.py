"""Which rows are trained on, in which batches, and which are held out."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from foldergan.config.settings import GROUPING, Data
from foldergan.data import groups
from foldergan.errors import InputError
from foldergan.images import Joined
from foldergan.storage import arrays
from foldergan.storage.run_directory import RunDirectory

Parts = groups.Parts
FEWEST_HELD_OUT = 6  # coverage looks at five neighbours of each


@dataclass(frozen=True)
class LabelledImages:
    """Images of known classes, perhaps on disk, and which a classifier trains on."""

    images: np.ndarray | Joined  # float32 (n, height, width, channels), 0-1
    labels: np.ndarray  # float32 one-hot (n, classes)
    rows: Parts  # "training", "validation" and perhaps "test" -> row numbers

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        _, *shape = self.images.shape
        return tuple(shape)


def split_by_class(
    labels: np.ndarray,
    fraction: float,
    seed: int,
    group_of: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows in two, each class by the same fraction, as nearly as groups allow.

    A class keeps at least one row on the first side and, when `fraction` is not
    0 and it has two groups, at least one on the second.

    Args:
        labels: one-hot array of shape (n, classes).
        fraction: of each class for the second side, from 0 to below 1.
        seed: of the shuffle.
        group_of: int array (n,); rows of one number stay on one side. None where each
            row stands for itself; groups of one row each make the same split.

    Returns:
        Sorted row numbers of the first and of the second side.
    """
    return _split(labels.argmax(1), labels.shape[1], fraction, seed, group_of)


def _split(
    class_ids: np.ndarray,
    num_classes: int,
    fraction: float,
    seed: int,
    group_of: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits rows as `split_by_class` does, by their class numbers (n,)."""
    rng = np.random.default_rng(seed)
    by_class = np.argsort(class_ids, kind="stable")
    sizes = np.bincount(class_ids, minlength=num_classes)
    is_held = np.zeros(len(class_ids), bool)
    if fraction > 0:
        counts = [min(max(round(n * fraction), 1), max(n - 1, 0)) for n in sizes]
        place = np.empty(len(class_ids))  # in the shuffled class, from 0 to below 1
        for rows, count in zip(
            np.split(by_class, sizes.cumsum()[:-1]), counts, strict=True
        ):
            shuffled = rng.permutation(rows)
            is_held[shuffled[:count]] = True
            place[shuffled] = np.arange(len(rows)) / max(len(rows), 1)
        if group_of is not None:
            is_held = _held_groups(class_ids, sizes, np.array(counts), place, group_of)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def _held_groups(
    class_ids: np.ndarray,
    sizes: np.ndarray,
    counts: np.ndarray,
    place: np.ndarray,
    group_of: np.ndarray,
) -> np.ndarray:
    """Holds out whole groups, bool (n,): `counts` of the `sizes` rows of each class."""
    _, first, group_of = np.unique(group_of, return_index=True, return_inverse=True)
    # A cell is the rows of one class in one group: few groups have more than one.
    cells, rows = np.unique(group_of * len(sizes) + class_ids, return_counts=True)
    classes, weight = cells % len(sizes), 1 / sizes[cells % len(sizes)]
    starts = np.searchsorted(cells // len(sizes), np.arange(len(first) + 1))
    is_held = np.zeros(len(first), bool)
    # To hold out; rows that training can spare. Lists, for each group is looked at.
    left, free = counts.tolist(), (sizes - 1).tolist()
    cells_of = [range(*ends) for ends in pairwise(starts.tolist())]
    class_of, rows_of, weight_of = classes.tolist(), rows.tolist(), weight.tolist()

    def change_side(group: int) -> None:
        sign = 1 if is_held[group] else -1
        for cell in cells_of[group]:
            left[class_of[cell]] += sign * rows_of[cell]
            free[class_of[cell]] += sign * rows_of[cell]
        is_held[group] = not is_held[group]

    # In order of their first rows, take those that bring classes nearer to the counts.
    for group in np.argsort(place[first], kind="stable").tolist():
        nearer = 0.0
        for cell in cells_of[group]:
            missing, count = left[class_of[cell]], rows_of[cell]
            nearer += (abs(missing) - abs(missing - count)) * weight_of[cell]
            if count > free[class_of[cell]]:
                nearer = -np.inf
        if nearer > 0:
            change_side(group)
    # As long as that brings them nearer still, let the one that does most change sides.
    while any(left):
        change = np.where(is_held[cells // len(sizes)], rows, -rows)
        missing = np.array(left)[classes]
        gains = (abs(missing) - abs(missing + change)) * weight
        gains[np.array(free)[classes] + change < 0] = -np.inf
        gain = np.add.reduceat(gains, starts[:-1])
        if gain.max() < 1e-9:
            break
        change_side(int(gain.argmax()))
    # Classes of which nothing is held out yet give their smallest group.
    for number in np.flatnonzero((np.array(left) == counts) & (counts > 0)):
        of_class = np.unique(group_of[class_ids == number])
        spare = np.array(free)[classes] - rows
        fits = np.minimum.reduceat(spare, starts[:-1])[of_class] >= 0
        if fits.any() and left[number] == counts[number]:
            size = np.add.reduceat(rows, starts[:-1])[of_class]
            change_side(int(of_class[np.where(fits, size, np.inf).argmin()]))
    return is_held[group_of]


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
    labels: np.ndarray,
    fraction: float,
    seed: int,
    group_of: np.ndarray | None = None,
) -> Parts:
    """Splits rows into those to train a generator on and those to evaluate it by.

    Args:
        labels: one-hot array of shape (n, classes).
        fraction: of each class to hold out.
        seed: of the shuffle.
        group_of: see `split_by_class`.

    Returns:
        "training" and "held out" -> sorted row numbers.

    Raises:
        InputError: too few are left to evaluate by.
    """
    rows, held_out = split_by_class(labels, fraction, seed, group_of)
    if len(held_out) < FEWEST_HELD_OUT:
        in_groups = "" if group_of is None else f" in {len(np.unique(group_of))} groups"
        raise InputError(
            f"holding out {fraction} of {len(labels)} images{in_groups} leaves "
            f"{len(held_out)} to evaluate by and {FEWEST_HELD_OUT} are needed; "
            "hold out more, or 0 to evaluate nothing",
            ("held_out",),
        )
    return {"training": rows, "held out": held_out}


def split_in_three(
    labels: np.ndarray,
    settings: Data,
    seed: int,
    group_of: np.ndarray | None = None,
) -> Parts:
    """Splits rows into training, validation and test rows.

    Args:
        labels: one-hot array of shape (n, classes).
        settings: its validation_split and test_split are fractions of the whole.
        seed: of the shuffle.
        group_of: see `split_by_class`.

    Returns:
        "training", "validation" and "test" -> sorted row numbers.
    """
    class_ids, num_classes = labels.argmax(1), labels.shape[1]
    rest, test = _split(class_ids, num_classes, settings.test_split, seed, group_of)
    fraction_of_rest = settings.validation_split / (1 - settings.test_split)
    of_rest = None if group_of is None else group_of[rest]
    training, validation = _split(
        class_ids[rest], num_classes, fraction_of_rest, seed, of_rest
    )
    return {"training": rest[training], "validation": rest[validation], "test": test}


def training_counts(data_dir: Path, model_dir: Path) -> np.ndarray:
    """Counts the images of each class that a recorded classifier was trained on.

    Returns:
        int64 array (classes,).

    Raises:
        InputError: labels or record are missing or damaged.
    """
    names = ("validation_split", "test_split", *GROUPING)
    settings, seed = RunDirectory(model_dir).load_settings("TrainModel", Data(), names)
    labels = arrays.load_labels(data_dir)
    grouping = groups.Grouping()
    if settings.validation_split or settings.test_split:
        grouping = groups.load(data_dir, arrays.identify(data_dir), settings)
    parts, _ = groups.split(
        grouping, lambda group_of: split_in_three(labels, settings, seed, group_of)
    )
    return class_counts(labels, parts["training"])


def epochs_of(epochs: int, least_steps: int, count: int, batch_size: int) -> int:
    """Lets few images be passed over more often than `epochs`, for enough steps."""
    return max(epochs, math.ceil(least_steps / math.ceil(count / batch_size)))


def epoch_batches(
    num_rows: int, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Shuffles row numbers for one epoch and cuts them into batches.

    The order depends on nothing but the arguments, so that a resumed run sees the
    batches that an unbroken one would have seen.

    Returns:
        Arrays of at most `batch_size` row numbers; every row stands in one.
    """
    order = np.random.default_rng([seed, epoch]).permutation(num_rows)
    return [order[i : i + batch_size] for i in range(0, num_rows, batch_size)]
