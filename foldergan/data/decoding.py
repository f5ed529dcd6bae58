"""Image files -> arrays of pixels.

OpenCV decodes by content, not by extension. Files are read as bytes first,
because its own `imread` cannot open every path on Windows.
"""

import contextlib
import math
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from foldergan.data.budget import MemoryBudget
from foldergan.data.headers import Header, read_header, read_orientation
from foldergan.images import MOST_PIXELS, cv2, resize, turn_upright
from foldergan.processor import usable_cores

_BYTES_A_PIXEL = 14  # of a 16-bit image with transparency, and the same blended
_BUDGET = MemoryBudget(_BYTES_A_PIXEL * MOST_PIXELS)  # so that one of any size fits
_HEADER = 2**18  # bytes of a file that its size is looked for in
_BLOCK_BYTES = 2**17  # of images that go from thread to thread together
_AHEAD_BYTES = 2**22  # of images that wait for the consumer
_SMALL_FILE = 2**13  # bytes
_LARGEST_FILE = 2**29  # bytes; a film in a folder of images is not read whole
_WORTH_SHRINKING = 2**12  # bytes of a JPEG
_SHRUNK = {  # factor -> mode
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


_JPEG = b"\xff\xd8"
_AS_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_FULL_SCALES = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_TO_16_BITS = 65535 // 255
STDERR = 2  # where C libraries write


class ImageError(Exception):
    """This file gives no image; the message says why."""


class Block(NamedTuple):
    """Some decoded images.

    Attributes:
        images: array (n, height, width, channels) of those that are; uint8 or uint16.
        problems: for every path None, or what is wrong.
        noisy: paths at which standard error grew, where that leads to a file. Another
            thread may have done it.
    """

    images: np.ndarray
    problems: list[ImageError | None]
    noisy: list[Path | str]


def read_pixels(path: Path | str, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Reads one image file.

    16-bit, palette, greyscale and CMYK files are converted, transparency is
    blended on white, EXIF rotation is obeyed (a TIFF with transparency is not turned
    by right angles), and of an animation the first frame is taken.

    Args:
        path: any file.
        image_shape: (height, width, channels) of the result; 1 channel is grey.

    Returns:
        uint8 or uint16 array of shape `image_shape`, RGB or grey.

    Raises:
        ImageError: the message says why.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("is no regular file")
        if status.st_size > _LARGEST_FILE:
            raise ImageError("is larger than 512 MB")
        with open(path, "rb", buffering=0) as file:
            start = file.read(min(status.st_size, _HEADER))
            header = read_header(start)
            factor = _shrink_factor(header, status.st_size, max(image_shape[:2]))
            with _BUDGET.reserve(status.st_size + _decoded_bytes(header, factor)):
                rest = file.read() if status.st_size > len(start) else b""
                return _to_pixels(start + rest, factor, image_shape)
    except OSError as error:
        raise ImageError(error.strerror) from error


def to_fractions(pixels: np.ndarray) -> np.ndarray:
    """Maps pixels of 8 or 16 bits to float32 values 0-1."""
    return np.divide(pixels, _FULL_SCALES[pixels.dtype], dtype=np.float32)


def _to_pixels(
    content: bytes, factor: int, image_shape: tuple[int, int, int]
) -> np.ndarray:
    """Decodes and resizes, as of `read_pixels`."""
    if not content:
        raise ImageError("is empty")
    try:
        pixels = _decode(content, factor)
    except cv2.error as error:
        reason = "has too many pixels" if "MAX_IMAGE" in str(error) else "is damaged"
        raise ImageError(reason) from error
    if pixels is None:
        raise ImageError("is not an image that OpenCV can read, or is damaged")
    if pixels.dtype not in _FULL_SCALES:
        raise ImageError(f"has {pixels.dtype} pixels; 8 or 16 bits are read")
    pixels = resize(pixels, image_shape[:2])
    to_colour = cv2.COLOR_BGR2RGB if image_shape[2] == 3 else cv2.COLOR_BGR2GRAY
    return cv2.cvtColor(pixels, to_colour).reshape(image_shape)


def read_one_by_one(
    paths: Sequence[Path | str], image_shape: tuple[int, int, int]
) -> Iterator[Block]:
    """Reads images as `read_on_all_cores` does, each by itself."""
    for path in paths:
        yield _read_block([path], image_shape)


def read_on_all_cores(
    paths: Sequence[Path | str], image_shape: tuple[int, int, int]
) -> Iterator[Block]:
    """Reads many images, in order, a little ahead of the consumer.

    Args:
        paths: any files.
        image_shape: (height, width, channels) of every result.

    Yields:
        A few paths at a time.
    """
    threads = _reading_threads(paths)
    image_bytes = math.prod(image_shape)
    together = max(1, _BLOCK_BYTES // image_bytes)
    most_pending = max(2 * threads, _AHEAD_BYTES // (together * image_bytes))
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Block]] = deque()
        for start in range(0, len(paths), together):
            some = paths[start : start + together]
            pending.append(pool.submit(_read_block, some, image_shape))
            if len(pending) > most_pending:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _read_block(
    paths: Sequence[Path | str], image_shape: tuple[int, int, int]
) -> Block:
    decoded: list[np.ndarray] = []
    problems: list[ImageError | None] = []
    noisy = []
    for path in paths:
        before = os.fstat(STDERR).st_size
        try:
            decoded.append(read_pixels(path, image_shape))
            problems.append(None)
        except ImageError as problem:
            problems.append(problem)
            continue
        if os.fstat(STDERR).st_size > before:
            noisy.append(path)
    if not decoded:
        return Block(np.empty((0, *image_shape), np.uint8), problems, noisy)
    if len({pixels.dtype for pixels in decoded}) > 1:
        decoded = [_to_16_bits(pixels) for pixels in decoded]
    return Block(np.stack(decoded), problems, noisy)


def _to_16_bits(pixels: np.ndarray) -> np.ndarray:
    """Maps pixels of either kind to uint16, of exactly the same fractions."""
    if pixels.dtype == np.uint16:
        return pixels
    return pixels.astype(np.uint16) * _TO_16_BITS


def _reading_threads(paths: Sequence[Path | str]) -> int:
    """Chooses by the size of a few files.

    Decoding leaves Python's lock, but in small files not for long enough: threads
    would wait for the lock several times an image, and two be slower than one.
    More than eight would hold too many large images at once.
    """
    sizes = [0]
    for path in paths[:: max(1, len(paths) // 64)]:
        with contextlib.suppress(OSError):
            sizes.append(os.path.getsize(path))
    return 1 if np.median(sizes) < _SMALL_FILE else min(usable_cores(), 8)


def _decode(content: bytes, factor: int) -> np.ndarray | None:
    """Decodes to BGR, 8 or 16 bits, upright, without transparency.

    Args:
        content: of the file.
        factor: by which a JPEG is shrunk.
    """
    buffer = np.frombuffer(content, np.uint8)
    if content.startswith(_JPEG):  # it has no transparency
        return cv2.imdecode(buffer, _SHRUNK.get(factor, _AS_COLOUR))
    pixels = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype.kind == "f":
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # An 8-bit TIFF comes with its colours multiplied by alpha already.
        is_tiff = content.startswith((b"II", b"MM"))
        blended = _blend_on_white(pixels, is_tiff and pixels.dtype == np.uint8)
        # OpenCV turns these only where it makes colours of them, and a TIFF always.
        return turn_upright(blended, read_orientation(content))
    return cv2.imdecode(buffer, _AS_COLOUR)


def _shrink_factor(header: Header | None, size: int, target: int) -> int:
    """Chooses how far a JPEG is shrunk while it is decoded, which costs the least.

    Decoding at 1/factor keeps the lowest frequencies of each block, which is not
    quite the mean of an area. With this much left to average the two differ by 1 %.

    Args:
        header: of the image.
        size: of the file, in bytes.
        target: the longer side that the image will be resized to, in pixels.

    Returns:
        1 of what is no JPEG, or not far larger than the target.
    """
    if not (header and header.is_jpeg) or size < _WORTH_SHRINKING:
        return 1
    # Of larger ones OpenCV would measure the shrunk image.
    if header.height * header.width <= MOST_PIXELS:
        for factor in _SHRUNK:
            if min(header.height, header.width) >= 0.75 * factor**2 * target:
                return factor
    return 1


def _decoded_bytes(header: Header | None, factor: int) -> int:
    """Estimates the memory that decoding takes, at its most.

    Args:
        header: of the image.
        factor: by which a JPEG is shrunk.
    """
    if not header:  # there is no telling: it waits until it is alone
        return _BYTES_A_PIXEL * MOST_PIXELS
    pixels = header.height * header.width
    if header.is_jpeg:
        # Three channels, and the same upright; all coefficients of 16 bits.
        upright = 2 * 3 * pixels // factor**2
        return upright + (3 * 2 * pixels if header.is_progressive else 0)
    return (_BYTES_A_PIXEL if header.has_16_bits else _BYTES_A_PIXEL // 2) * pixels


def _blend_on_white(pixels: np.ndarray, multiplied: bool) -> np.ndarray:
    """Turns BGRA, multiplied by alpha or not, into what a white page would show."""
    full_scale = np.iinfo(pixels.dtype).max
    result = np.empty_like(pixels[..., :3])
    for top in range(0, len(pixels), 256):  # in strips, for the sake of memory
        strip = pixels[top : top + 256].astype(np.float32)
        alpha = strip[..., 3:] / full_scale
        colour = strip[..., :3] if multiplied else strip[..., :3] * alpha
        blended = np.minimum(colour + full_scale * (1 - alpha), full_scale)
        result[top : top + 256] = np.rint(blended)
    return result
