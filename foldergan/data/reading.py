"""Image files of any origin -> arrays, decoded in a child process.

A file that crashes its decoder is skipped like any other that is damaged.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from foldergan import child
from foldergan.data import decoding
from foldergan.data.decoding import Block, ImageError


def read_images(
    paths: Sequence[Path | str], image_shape: tuple[int, int, int]
) -> Iterator[Block]:
    """Reads many images on all cores, in order, a little ahead of the consumer.

    Args:
        paths: any files.
        image_shape: (height, width, channels) of every result.

    Yields:
        For a few paths at a time: float32 array of shape (n, *image_shape), values
        0-1, of those that are images; and for every path None, or what is wrong.
    """
    read, done = decoding.read_on_all_cores, 0
    while done < len(paths):
        try:
            for pixels, problems in child.iterate(read, paths[done:], image_shape):
                done += len(problems)
                yield decoding.to_fractions(pixels), problems
        except child.CrashError as crash:
            if read is decoding.read_one_by_one:  # so it was the next one
                done += 1
                yield np.empty((0, *image_shape), np.float32), [ImageError(str(crash))]
                read = decoding.read_on_all_cores
            else:  # by one of several that were under way
                read = decoding.read_one_by_one
