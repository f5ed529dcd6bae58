"""Images of a file, read by their row numbers through a memory map.

Of a row that is not in memory the system would read the page that is touched, and
far more around it. Batches at random of a file larger than the memory would then read
it many times over. Told which rows are needed, it reads these alone, and all at once.
"""

import mmap
from pathlib import Path
from typing import Any

import numpy as np


class MappedImages(np.ndarray):
    """A read-only array of images that lies in a file.

    Rows that are picked by their numbers come as a plain array in memory, and slices
    as a plain view of the map.
    """

    _map: mmap.mmap | None = None
    _offset = 0

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads rows, by anything that NumPy takes for an index."""
        if isinstance(rows, np.ndarray):
            self.will_need(rows)
        return np.asarray(super().__getitem__(rows))

    def will_need(self, rows: np.ndarray) -> None:
        """Has the system read rows into its cache, and does not wait for it.

        Args:
            rows: their numbers, an int array of any shape; nothing happens for others.
        """
        if self._map is None or rows.dtype.kind not in "iu" or not rows.size:
            return
        if not hasattr(mmap, "MADV_WILLNEED"):  # such as on Windows
            return
        wanted = np.unique(rows)
        ends = np.flatnonzero(np.diff(wanted) != 1)  # of rows beside each other
        firsts = wanted[np.concatenate([[0], ends + 1])]
        lasts = wanted[np.concatenate([ends, [-1]])]
        size = self.strides[0]
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            start = self._offset + first * size
            start -= start % mmap.PAGESIZE
            end = self._offset + (last + 1) * size
            self._map.madvise(mmap.MADV_WILLNEED, start, end - start)


def map_images(path: Path, array: np.memmap) -> MappedImages:
    """Maps the images of a file.

    Args:
        path: of the file.
        array: its content, as NumPy maps it: in rows, C-contiguous.
    """
    with open(path, "rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mmap, "MADV_RANDOM"):
        content.madvise(mmap.MADV_RANDOM)
    images = MappedImages(array.shape, array.dtype, content, array.offset)
    images._map, images._offset = content, array.offset
    return images
