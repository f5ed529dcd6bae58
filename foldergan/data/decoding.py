"""Image files -> arrays.

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

import numpy as np

from foldergan.images import cv2, resize
from foldergan.processor import usable_cores

_MOST_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])
_BLOCK_BYTES = 2**19  # of images that go from thread to thread together
_AHEAD_BYTES = 2**24  # of images that wait for the consumer
_SMALL_FILE = 2**13  # bytes
_LARGEST_FILE = 2**29  # bytes; a film in a folder of images is not read whole
_WORTH_SHRINKING = 2**12  # bytes of a JPEG
_SHRUNK = {  # factor -> mode
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


_AS_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_FULL_SCALES = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


class ImageError(Exception):
    """This file gives no image; the message says why."""


# Some decoded images, and for every path None or what is wrong.
_Block = tuple[np.ndarray, list[ImageError | None]]


def read_image(path: Path | str, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Reads one image file.

    16-bit, palette, greyscale and CMYK files are converted, transparency is
    blended on white, EXIF rotation is obeyed (not in files with transparency),
    and of an animation the first frame is taken.

    Args:
        path: any file.
        image_shape: (height, width, channels) of the result; 1 channel is grey.

    Returns:
        float32 array of shape `image_shape`, RGB or grey, values 0-1.

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
            content = file.read()
    except OSError as error:
        raise ImageError(error.strerror) from error
    if not content:
        raise ImageError("is empty")
    try:
        pixels = _decode(content, max(image_shape[:2]))
    except cv2.error as error:
        reason = "has too many pixels" if "MAX_IMAGE" in str(error) else "is damaged"
        raise ImageError(reason) from error
    if pixels is None:
        raise ImageError("is not an image that OpenCV can read, or is damaged")
    full_scale = _FULL_SCALES.get(pixels.dtype)
    if not full_scale:
        raise ImageError(f"has {pixels.dtype} pixels; 8 or 16 bits are read")
    pixels = resize(pixels, image_shape[:2])
    to_colour = cv2.COLOR_BGR2RGB if image_shape[2] == 3 else cv2.COLOR_BGR2GRAY
    pixels = cv2.cvtColor(pixels, to_colour).reshape(image_shape)
    return np.divide(pixels, full_scale, dtype=np.float32)


def read_images(
    paths: Sequence[Path | str], image_shape: tuple[int, int, int]
) -> Iterator[_Block]:
    """Reads many images on all cores, in order, a little ahead of the consumer.

    Args:
        paths: any files.
        image_shape: (height, width, channels) of every result.

    Yields:
        For a few paths at a time: float32 array of shape (n, *image_shape), values
        0-1, of those that are images; and for every path None, or what is wrong.
    """
    threads = _reading_threads(paths)
    image_bytes = 4 * math.prod(image_shape)
    together = max(1, _BLOCK_BYTES // image_bytes)
    most_pending = max(2 * threads, _AHEAD_BYTES // (together * image_bytes))

    def read(start: int) -> _Block:
        decoded: list[np.ndarray] = []
        problems: list[ImageError | None] = []
        for path in paths[start : start + together]:
            try:
                decoded.append(read_image(path, image_shape))
                problems.append(None)
            except ImageError as problem:
                problems.append(problem)
        return np.array(decoded, np.float32).reshape(-1, *image_shape), problems

    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[_Block]] = deque()
        for start in range(0, len(paths), together):
            pending.append(pool.submit(read, start))
            if len(pending) > most_pending:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


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


def _decode(content: bytes, target: int) -> np.ndarray | None:
    """Decodes to BGR, 8 or 16 bits, upright, without transparency.

    Args:
        content: of the file.
        target: the longer side that the image will be resized to, in pixels; what
            is far larger may come smaller than it is.
    """
    buffer = np.frombuffer(content, np.uint8)
    if content.startswith(b"\xff\xd8"):  # JPEG has no transparency
        return cv2.imdecode(buffer, _jpeg_mode(content, target))
    pixels = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype.kind == "f":
        return pixels
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # An 8-bit TIFF comes with its colours multiplied by alpha already.
        is_tiff = content.startswith((b"II", b"MM"))
        return _blend_on_white(pixels, is_tiff and pixels.dtype == np.uint8)
    return cv2.imdecode(buffer, _AS_COLOUR)


def _jpeg_mode(content: bytes, target: int) -> int:
    """Chooses how far a JPEG is shrunk while it is decoded, which costs the least.

    Decoding at 1/factor keeps the lowest frequencies of each block, which is not
    quite the mean of an area. With this much left to average the two differ by 1 %.
    """
    if len(content) < _WORTH_SHRINKING:
        return _AS_COLOUR
    height, width = _jpeg_size(content)
    if height * width <= _MOST_PIXELS:  # OpenCV would measure the shrunk image
        for factor, mode in _SHRUNK.items():
            if min(height, width) >= 0.75 * factor**2 * target:
                return mode
    return _AS_COLOUR


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Finds (height, width), not yet upright, in a JPEG; (0, 0) where it is damaged.

    The frame header is a segment of its own: ITU-T T.81, B.1.1 and B.2.2.
    """
    start = 2
    while content[start : start + 1] == b"\xff" and start + 9 <= len(content):
        marker = content[start + 1]
        if marker == 0xFF:  # any marker may be filled up with these
            start += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return tuple(np.frombuffer(content, ">u2", 2, start + 5).tolist())
        start += 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    return 0, 0


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
