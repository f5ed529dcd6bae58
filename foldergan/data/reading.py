"""Image files of any origin -> arrays, decoded in child processes.

A file that crashes its decoder is skipped like any other that is damaged. What
libraries in C print of a file, they print without its name; here it gets one.
"""

import hashlib
import math
import os
import tempfile
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foldergan import child
from foldergan.data import decoding
from foldergan.errors import ImageError
from foldergan.processor import memory, usable_cores
from foldergan.progress import ImageProgress

_STDERR = 2  # where C libraries write
_BLOCK_BYTES = 2**17  # of images that a worker sends together
_MOST_TOGETHER = 64  # so that a worker of large files is soon done, and can end
_MOST_WORKERS = 8
_Paths = Sequence[Path | str]
_Shape = tuple[int, int, int]
Facts = tuple[int, int, bool]  # height and width in the file, upright; if it is grey


class Block(NamedTuple):
    """Some decoded images."""

    images: np.ndarray  # float32 (n, height, width, channels), 0-1, of those that are
    facts: list[Facts]  # of each of them
    problems: list[str | None]  # for every path None, or what is wrong
    # What libraries print of images that are read all the same, such as that their end
    # is missing: path and first line.
    complaints: list[str]


class Found(NamedTuple):
    """What there is in many files."""

    numbers: list[int]  # of the files that are images, in turn
    facts: list[Facts]  # of each of these
    same: list[list[int]]  # groups of equal ones, to the last bit: places in `numbers`
    skipped: list[str]  # a line for each other file
    doubtful: list[str]  # a line for each image that may be damaged


def read_all(
    paths: _Paths,
    image_shape: _Shape,
    how: str,
    take: Callable[[np.ndarray], object],
    strict: bool = False,
) -> Found:
    """Reads images as `read_images`, says what else is there, and shows how far it is.

    Gives `take` a few at a time, float32 (n, *image_shape), 0-1. Strictly, it ends at
    the first file that is no image.
    """
    found, digests, done = Found([], [], [], [], []), bytearray(), 0
    progress = ImageProgress(len(paths), "read")
    for block in read_images(paths, image_shape, how):
        take(block.images)
        for image in block.images:
            digests += hashlib.blake2b(image.data, digest_size=16).digest()
        found.facts.extend(block.facts)
        found.doubtful.extend(block.complaints)
        for number, problem in enumerate(block.problems, done):
            if problem:
                found.skipped.append(f"{paths[number]} {problem}")
            else:
                found.numbers.append(number)
        done += len(block.problems)
        progress.on_images(len(block.problems))
        if strict and found.skipped:
            break
    progress.done()
    return found._replace(same=_same(digests))


def _same(digests: bytearray) -> list[list[int]]:
    """Groups the rows of equal digests of 16 bytes, by the first of each group."""
    _, number, counts = np.unique(
        np.frombuffer(digests, "V16"), return_inverse=True, return_counts=True
    )
    groups: dict[int, list[int]] = defaultdict(list)
    for row in np.flatnonzero(counts[number] > 1).tolist():
        groups[number[row]].append(row)
    return list(groups.values())


def read_images(
    paths: _Paths, image_shape: _Shape, how: str = "stretch"
) -> Iterator[Block]:
    """Reads many images on all cores, in order, a little ahead of the consumer.

    Args:
        paths: any files.
        image_shape: (height, width, channels) of every result; 1 channel is grey.
        how: stretch, crop or pad, which `images.resize` explains.

    Yields:
        A few paths at a time.
    """
    done, one_by_one = 0, False
    while done < len(paths):
        try:
            left = paths[done:]
            for block in _read_on_all_cores(left, image_shape, how, one_by_one):
                done += len(block.problems)
                yield block._replace(images=decoding.to_fractions(block.images))
        except child.CrashError as crash:
            if one_by_one:  # so it was the next one, else one of several under way
                done += 1
                none = np.empty((0, *image_shape), np.float32)
                yield Block(none, [], [str(crash)], [])
            one_by_one = not one_by_one


def _read_on_all_cores(
    paths: _Paths, image_shape: _Shape, how: str, one_by_one: bool
) -> Iterator[Block]:
    together = min(_MOST_TOGETHER, max(1, _BLOCK_BYTES // math.prod(image_shape)))
    workers = min(_MOST_WORKERS, usable_cores(), math.ceil(len(paths) / together))
    workers = int(max(1, min(workers, memory() // decoding.MOST_BYTES)))
    ahead = 3 * workers
    if one_by_one:  # none ahead: a broken pool refuses more before results are taken
        together, workers, ahead = 1, 1, 0
    with child.pool(workers, _catch_complaints) as executor:
        pending: deque[Future[Block]] = deque()
        for start in range(0, len(paths), together):
            some = paths[start : start + together]
            pending.append(executor.submit(_read_block, some, image_shape, how))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _catch_complaints() -> None:
    """Leads what the libraries of a worker print to a file; Python's warn nobody."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), _STDERR)


def _complaint() -> str:
    """Takes the first line that was printed since the last call."""
    if not os.fstat(_STDERR).st_size:
        return ""
    os.lseek(_STDERR, 0, os.SEEK_SET)
    content = os.read(_STDERR, 1000)
    os.ftruncate(_STDERR, 0)
    os.lseek(_STDERR, 0, os.SEEK_SET)
    return content.decode(errors="replace").strip().partition("\n")[0]


def _read_block(paths: _Paths, image_shape: _Shape, how: str) -> Block:
    """Reads some images in a worker; they are uint8 or uint16."""
    images: list[np.ndarray] = []
    facts: list[Facts] = []
    problems: list[str | None] = []
    complaints = []
    for path in paths:
        try:
            pixels, size, is_grey = decoding.read_image(path, image_shape, how)
        except ImageError as problem:
            problems.append(str(problem))
            _complaint()
            continue
        images.append(pixels)
        facts.append((*size, is_grey))
        problems.append(None)
        if line := _complaint():
            complaints.append(f"{path} {line}")
    if len({pixels.dtype for pixels in images}) > 1:  # to 16 bits, the same fractions
        images = [
            pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * 257
            for pixels in images
        ]
    together = np.stack(images) if images else np.empty((0, *image_shape), np.uint8)
    return Block(together, facts, problems, complaints)
