"""Image files of any origin -> arrays, decoded in a child process.

A file that crashes its decoder is skipped like any other that is damaged. What
libraries in C print of a file, they print without its name; here it gets one.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from foldergan import child
from foldergan.data import decoding
from foldergan.data.decoding import Block, ImageError

_AT_ONCE = 10_000  # paths that a child process is told
_Paths = Sequence[Path | str]
_Shape = tuple[int, int, int]


def read_images(paths: _Paths, image_shape: _Shape) -> Iterator[Block]:
    """Reads many images on all cores, in order, a little ahead of the consumer.

    Args:
        paths: any files.
        image_shape: (height, width, channels) of every result; 1 channel is grey.

    Yields:
        A few paths at a time, with images as float32 of values 0-1.
    """
    read, done = decoding.read_on_all_cores, 0
    while done < len(paths):
        try:
            some = paths[done : done + _AT_ONCE]
            for block in child.iterate(_read, read, some, image_shape):
                done += len(block.problems)
                yield block._replace(images=decoding.to_fractions(block.images))
            read = decoding.read_on_all_cores
        except child.CrashError as crash:
            if read is decoding.read_one_by_one:  # so it was the next one
                done += 1
                none = np.empty((0, *image_shape), np.float32)
                yield Block(none, [ImageError(str(crash))], [])
                read = decoding.read_on_all_cores
            else:  # by one of several that were under way
                read = decoding.read_one_by_one


def complaints(paths: _Paths, image_shape: _Shape) -> list[str]:
    """Tells what is said of images that were read, such as that their end is missing.

    Args:
        paths: some that were `noisy`; each is read again, by itself.
        image_shape: as of `read_images`.

    Returns:
        For each of which something is said its path, and the first line.
    """
    found: list[str] = []
    if paths:
        with contextlib.suppress(child.CrashError):  # they were read without one
            found.extend(child.iterate(_complaints, paths, image_shape))
    return found


def _read(
    read: Callable[[_Paths, _Shape], Iterator[Block]], paths: _Paths, shape: _Shape
) -> Iterator[Block]:
    """Reads in a child process."""
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), decoding.STDERR)
        yield from read(paths, shape)


def _complaints(paths: _Paths, shape: _Shape) -> Iterator[str]:
    """Reads one by one in a child process, and what is said of each."""
    for path in paths:
        with tempfile.TemporaryFile() as log:
            os.dup2(log.fileno(), decoding.STDERR)
            list(decoding.read_one_by_one([path], shape))
            log.seek(0)
            if line := log.readline().decode(errors="replace").strip():
                yield f"{path} {line}"
