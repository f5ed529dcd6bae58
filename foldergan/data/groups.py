"""Which images no split may part: of a patient, scene or film, and near duplicates."""

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from foldergan.config.settings import GROUPING, Data
from foldergan.errors import InputError, RunError
from foldergan.images import Images
from foldergan.storage import arrays, filenames, tables

Parts = dict[str, np.ndarray]  # "training", "validation" and "test" -> row numbers
_METHOD = 2  # of finding near duplicates; another finds them anew


class Grouping(NamedTuple):
    """Images that belong together: int arrays (n,) of numbers of groups, or None."""

    group_of: np.ndarray | None = None  # that no split may part
    named: np.ndarray | None = None  # that paths name
    near: np.ndarray | None = None  # of near duplicates, which equal images are too


def load(
    data_dir: Path, identity: str, settings: Data, images: Images | None = None
) -> Grouping:
    """Groups the images of the arrays by the group_by and near_duplicates of settings.

    Near duplicates are looked for once, and kept beside the arrays. `identity` is that
    of `arrays.identify`; `images` are the arrays', where they are open already.

    Raises:
        InputError: the paths are not known, or `group_by` does not fit them.
    """
    named = None
    if settings.group_by != "none":
        named = by_path(arrays.load_files(data_dir), settings.group_by)
    if images is None:
        images = arrays.load_images(data_dir)
    duplicates = arrays.load_source(data_dir).duplicates
    exact = [[row for row, _ in group] for group in duplicates]
    alike = find_near(data_dir, identity, images) + exact  # flat ones are exact alone
    links = [(group[0], row) for group in alike for row in group]
    near = _joined(links, len(images)) if links else None
    if near is None or settings.near_duplicates == "ignore":
        return Grouping(named, named, near)
    if named is None:
        return Grouping(near, None, near)
    firsts = np.unique(named, return_index=True)[1][named]
    links += zip(firsts, range(len(images)), strict=True)
    return Grouping(_joined(links, len(images)), named, near)


def find_near(folder: Path, identity: str, images: Images) -> list[list[int]]:
    """Finds near duplicates as `near_duplicates.find`, or loads those found before.

    They are kept in the folder, with the identity of the images.
    """
    groups = load_near(folder, identity, len(images))
    if groups is None:
        from foldergan.data import near_duplicates  # scikit-learn takes a second

        groups = near_duplicates.find(images)
        known = {"of": identity, "method": _METHOD, "groups": groups}
        with contextlib.suppress(RunError):  # they are found again next time
            tables.save_text(folder / filenames.NEAR_DUPLICATES, json.dumps(known))
    return groups


def load_near(folder: Path, identity: str, count: int) -> list[list[int]] | None:
    """Loads near duplicates of so many images that were found before.

    Returns:
        Groups of row numbers; None where they are not known, or of other images.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        known = tables.load_json(folder / filenames.NEAR_DUPLICATES)
        if (known["of"], known["method"]) == (identity, _METHOD):
            groups = [sorted(map(int, group)) for group in known["groups"]]
            rows = [row for group in groups for row in group]
            if not rows or 0 <= min(rows) <= max(rows) < count:
                return groups
    return None


def by_path(paths: list[str] | None, pattern: str) -> np.ndarray:
    """Numbers the groups that paths name.

    Args:
        paths: in the dataset folder, with "/"; None where they are not known.
        pattern: regular expression that is searched for in each. Its first group
            names the image's group; without one, all that it matches does.

    Returns:
        int array (n,).

    Raises:
        InputError: no path, or only some, match; or all are of one group.
    """
    if paths is None:
        raise InputError(
            "these arrays were made elsewhere, or not from files, so that no path "
            "names the group of an image; make them from a folder of images",
            ("group_by", "dataset"),
        )
    search = re.compile(pattern)
    which = 1 if search.groups else 0
    found = [match and match[which] for match in map(search.search, paths)]
    missing = [path for path, name in zip(paths, found, strict=True) if name is None]
    if missing:
        raise InputError(
            f"the regular expression {pattern} finds no group in {len(missing)} of "
            f"{len(paths)} paths, such as {missing[0]}",
            ("group_by",),
        )
    names, numbers = np.unique(np.array(found, object), return_inverse=True)
    if len(names) == 1:
        raise InputError(
            f"the regular expression {pattern} finds one group only, {names[0]}, so "
            "that no image could be held out",
            ("group_by",),
        )
    return numbers


def split(
    grouping: Grouping, divide: Callable[[np.ndarray | None], Parts]
) -> tuple[Parts, Parts]:
    """Splits rows by groups, and at random for comparison.

    Where near duplicates alone leave nothing to hold out, both are the random split.

    Args:
        grouping: of the rows.
        divide: splits the rows by groups, see `Grouping.group_of`; "training" is
            what all other parts are held out from.

    Returns:
        The parts by groups and at random.

    Raises:
        InputError: the groups that paths name are too few or too large to be held out.
    """
    at_random = divide(None)
    if grouping.group_of is None:
        return at_random, at_random
    try:
        parts = divide(grouping.group_of)
        empty = [n for n, rows in at_random.items() if len(rows) and not len(parts[n])]
        if not empty:
            return parts, at_random
        raise InputError(
            f"{len(grouping.group_of)} images in {len(np.unique(grouping.group_of))} "
            f"groups leave none for {' and '.join(empty)}: the groups are too few or "
            "too large",
            GROUPING,
        )
    except InputError:
        if grouping.named is not None:
            raise
    print(
        "warning: so many images are near duplicates of each other that nothing is "
        "left to hold out; they are split at random"
    )
    return at_random, at_random


def tell(
    grouping: Grouping,
    settings: Data,
    parts: Parts,
    at_random: Parts,
    class_ids: np.ndarray,
    class_names: Sequence[str] | None,
) -> None:
    """Says what stays together, and what that changes between two results of `split`.

    Numbers stand for the classes of `class_ids`, int array (n,), without their names.
    """
    if grouping.named is not None:
        print(
            f"{grouping.named.max() + 1} groups by {settings.group_by}, each on one "
            f"side of the split; at random {_beside(grouping.named, at_random)} "
            "held-out images would have had others of their group in training"
        )
        _tell_classes(grouping.named, class_ids, class_names)
    if grouping.near is None:
        print("no near duplicates")
        return
    sizes = np.bincount(grouping.near)
    found = f"{sizes[sizes > 1].sum()} near duplicates in {(sizes > 1).sum()} groups"
    beside = _beside(grouping.near, parts)
    if not beside.startswith("0 "):
        print(
            f"warning: {found}; {beside} held-out images have one in training, so that "
            "their figures flatter"
        )
    elif settings.near_duplicates == "keep-together":
        print(
            f"{found}, each on one side of the split; at random "
            f"{_beside(grouping.near, at_random)} held-out images would have had one "
            "in training"
        )
    else:
        print(f"{found}; no held-out image has one in training")


def _beside(group_of: np.ndarray, parts: Parts) -> str:
    """Counts the held-out images of whose group others are in training: "3 of 20"."""
    others = [rows for name, rows in parts.items() if name != "training"]
    is_beside = np.isin(group_of[np.concatenate(others)], group_of[parts["training"]])
    return f"{is_beside.sum()} of {len(is_beside)}"


def _tell_classes(
    group_of: np.ndarray, class_ids: np.ndarray, class_names: Sequence[str] | None
) -> None:
    """Says which groups have several classes, and which classes one group alone."""
    pairs = np.unique(np.stack([group_of, class_ids], 1), axis=0)
    if several := int((np.bincount(pairs[:, 0]) > 1).sum()):
        print(f"note: {several} groups have several classes; each group stays whole")
    single = np.flatnonzero(np.bincount(pairs[:, 1]) == 1).tolist()
    if single:
        names = [class_names[n] if class_names else f"class {n + 1}" for n in single]
        print(
            f"warning: all images of {', '.join(names)} are of one group, so that none "
            "of them can be held out"
        )


def _joined(links: list[tuple[int, int]], count: int) -> np.ndarray:
    """Numbers rows, int array (count,): the same for those that links join."""
    graph = coo_array((np.ones(len(links)), np.array(links).T), shape=(count, count))
    return connected_components(graph, directed=False)[1]
