"""Images that are the same to the last bit, as the networks see them."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foldergan.progress import printable
from foldergan.storage import arrays

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
    """Tells which of many images are the same, of 24 bytes each in memory.

    Attributes:
        paths: of the images, in turn.
    """

    def __init__(self) -> None:
        self._digests = bytearray()
        self.paths: list[str] = []

    def add(self, image: np.ndarray, path: str) -> None:
        """Takes the next image, any array."""
        content = np.ascontiguousarray(image).data
        self._digests += hashlib.blake2b(content, digest_size=16).digest()
        self.paths.append(path)

    def groups(self) -> Groups:
        """Returns the images that are the same, by the first of each group."""
        digests = np.frombuffer(bytes(self._digests), np.uint64).reshape(-1, 2)
        order = np.lexsort(digests.T)  # of the same the first comes first
        ordered = digests[order]
        groups: list[list[int]] = []
        before = -2
        for place in np.flatnonzero((ordered[1:] == ordered[:-1]).all(1)).tolist():
            if place != before + 1:
                groups.append([int(order[place])])
            groups[-1].append(int(order[place + 1]))
            before = place
        return [
            [Duplicate(row, self.paths[row]) for row in rows] for rows in sorted(groups)
        ]


def load(data_dir: Path) -> Groups:
    """Loads what `Seen` found when the arrays were made; empty where nothing is known.

    Raises:
        InputError: the record of the arrays is damaged.
    """
    known = arrays.load_source(data_dir).duplicates
    return [[Duplicate(row, path) for row, path in group] for group in known]


def warn_of_classes(groups: Groups) -> None:
    """Warns of images that are in several classes: no classifier can learn them."""
    mixed = [
        group for group in groups if len({Path(each.path).parent for each in group}) > 1
    ]
    if mixed:
        images = "1 image is" if len(mixed) == 1 else f"{len(mixed)} images are"
        print(
            f"warning: {images} in several classes, the same to the last bit; keep "
            "each in one:"
        )
        for group in mixed[:_LISTED]:
            print(f"  {' = '.join(printable(each.path) for each in group[:_LISTED])}")
        if len(mixed) > _LISTED:
            print(f"  ... and {len(mixed) - _LISTED} more")
