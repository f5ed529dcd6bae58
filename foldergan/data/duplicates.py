"""Images that are the same to the last bit, as the networks see them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foldergan.progress import printable
from foldergan.storage import manifest

_LISTED = 20  # groups that are named one by one


class Duplicate(NamedTuple):
    """One of several images that are the same.

    Attributes:
        row: in the arrays.
        path: of its file.
    """

    row: int
    path: str


Groups = list[list[Duplicate]]


class Seen:
    """Tells which of many images are the same, of a few bytes each in memory."""

    def __init__(self) -> None:
        self._first: dict[bytes, Duplicate] = {}
        self._groups: dict[bytes, list[Duplicate]] = {}
        self._count = 0

    def add(self, image: np.ndarray, path: str) -> None:
        """Takes the next image, any array."""
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16)
        own = Duplicate(self._count, path)
        self._count += 1
        first = self._first.setdefault(digest.digest(), own)
        if first is not own:
            self._groups.setdefault(digest.digest(), [first]).append(own)

    def groups(self) -> Groups:
        """Returns the images that are the same, in the order in which they came."""
        return list(self._groups.values())


def load(data_dir: Path) -> Groups:
    """Loads what `Seen` found when the arrays were made; empty where nothing is known.

    Raises:
        InputError: the record of the arrays is damaged.
    """
    known = manifest.load_duplicates(data_dir)
    return [[Duplicate(row, path) for row, path in group] for group in known]


def warn_of_classes(groups: Groups) -> None:
    """Warns of images that are in several classes: no classifier can learn them."""
    mixed = [
        group for group in groups if len({Path(each.path).parent for each in group}) > 1
    ]
    if mixed:
        print(
            f"warning: {_images(len(mixed))} in several classes, the same to the last "
            "bit; keep each in one:"
        )
        _list_groups(mixed)


def warn_of_parts(groups: Groups, rows: Mapping[str, np.ndarray]) -> None:
    """Warns of held-out images that are among those to train on too.

    Args:
        groups: of the arrays.
        rows: part -> row numbers; "training" is what the others are held out from.
    """
    part_of = {row: part for part, numbers in rows.items() for row in numbers.tolist()}
    leaked = [
        group
        for group in groups
        if len(parts := {part_of.get(each.row) for each in group}) > 1
        and "training" in parts
    ]
    if leaked:
        print(
            f"warning: {_images(len(leaked))} both trained on and held out, so that "
            "figures of held-out images flatter; keep each once:"
        )
        _list_groups(leaked)


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count} images are"


def _list_groups(groups: Groups) -> None:
    for group in groups[:_LISTED]:
        print(f"  {' = '.join(printable(each.path) for each in group[:_LISTED])}")
    if len(groups) > _LISTED:
        print(f"  ... and {len(groups) - _LISTED} more")
