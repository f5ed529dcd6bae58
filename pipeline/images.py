"""Picture files -> arrays, and the named range conversions.

OpenCV decodes by content, not by extension. Files are read as bytes first,
because its own `imread` cannot open every path on Windows.
"""

import math
import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# A 48 KB file can unpack to gigabytes. OpenCV reads both when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # we name the bad file ourselves

import cv2
import numpy as np

from pipeline.errors import InputError

_TOGETHER_BYTES = 2**21  # pictures that one thread reads before it hands them over
_LARGEST_FILE = 2**29  # bytes; a film in a folder of pictures is not read whole


class PictureError(Exception):
    """This file gives no picture; the message says why."""


def read_picture(path: Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Reads one picture file.

    16-bit, palette, greyscale and CMYK files are converted, transparency is
    blended on white, EXIF rotation is obeyed (not in files with transparency),
    and of an animation the first frame is taken.

    Args:
        path: any file.
        image_shape: (height, width, channels) of the result; 1 channel is grey.

    Returns:
        float32 array of shape `image_shape`, RGB or grey, values 0-1.

    Raises:
        PictureError: the message says why.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PictureError("is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise PictureError("is no regular file")
        if status.st_size > _LARGEST_FILE:
            raise PictureError("is larger than 512 MB")
        content = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise PictureError(error.strerror) from error
    if not content.size:
        raise PictureError("is empty")
    try:
        pixels = _decode(content)
    except cv2.error as error:
        reason = "has too many pixels" if "MAX_IMAGE" in str(error) else "is damaged"
        raise PictureError(reason) from error
    if pixels is None:
        raise PictureError("is not a picture that OpenCV can read, or is damaged")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"has {pixels.dtype} pixels; 8 or 16 bits are read")

    full_scale = np.iinfo(pixels.dtype).max
    pixels = resize(pixels, image_shape[:2])
    to_colour = cv2.COLOR_BGR2RGB if image_shape[2] == 3 else cv2.COLOR_BGR2GRAY
    pixels = cv2.cvtColor(pixels, to_colour).reshape(image_shape)
    return pixels.astype(np.float32) / full_scale


def read_pictures(
    paths: list[Path], image_shape: tuple[int, int, int]
) -> Iterator[np.ndarray | PictureError]:
    """Reads many pictures on all cores, in order, a few ahead of the consumer.

    Yields:
        For each path its array as of `read_picture`, or why there is none.
    """

    def read(path):
        try:
            return read_picture(path, image_shape)
        except PictureError as reason:
            return reason

    # Decoding leaves Python's lock. More threads would hold more large pictures.
    threads = min(os.cpu_count() or 1, 8)
    # Handing a small picture from thread to thread takes longer than decoding it.
    together = int(np.clip(_TOGETHER_BYTES // (4 * math.prod(image_shape)), 1, 64))
    with ThreadPoolExecutor(threads) as pool:
        pending = deque()
        for start in range(0, len(paths), together):
            some = paths[start : start + together]
            pending.append(pool.submit(lambda some: [*map(read, some)], some))
            if len(pending) > 2 * threads:
                yield from pending.popleft().result()
        for task in pending:
            yield from task.result()


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes one picture: averages areas where it shrinks, interpolates where not.

    Args:
        image: array of shape (height, width, ...), any range.
        size: (height, width) of the result.

    Returns:
        Array of shape (*size, ...), same dtype and range.
    """
    if image.shape[:2] == tuple(size):
        return image
    for axis_sizes, method in (
        (np.minimum(image.shape[:2], size), cv2.INTER_AREA),
        (np.array(size), cv2.INTER_LINEAR),
    ):
        if tuple(axis_sizes) != image.shape[:2]:
            image = cv2.resize(
                image, tuple(map(int, axis_sizes[::-1])), None, 0, 0, method
            )
    return image


def resize_all(images: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Resizes an array of pictures with `resize`.

    Args:
        images: float32 array of shape (n, height, width, channels).
        image_shape: (height, width, channels) to reach; the channels as they are.

    Returns:
        float32 array of shape (n, *image_shape), same range.

    Raises:
        InputError: the channels differ.
    """
    _refuse_other_channels(images.shape[3], image_shape[2])
    if images.shape[1:] == tuple(image_shape):
        return images
    resized = [resize(image, image_shape[:2]) for image in images]
    return np.stack(resized).reshape(-1, *image_shape)


class Resized:
    """An array of pictures that is resized as it is read, a batch at a time.

    Args:
        images: float32 array of shape (n, height, width, channels), may lie on disk.
        image_shape: (height, width, channels) to read it as.

    Raises:
        InputError: the channels differ.
    """

    def __init__(self, images: np.ndarray, image_shape: tuple[int, int, int]):
        _refuse_other_channels(images.shape[3], image_shape[2])
        self._images = images
        self.shape = (len(images), *image_shape)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return resize_all(self._images[rows], self.shape[1:])


def to_tanh_range(images):
    """Maps values 0-1, as on disk, to -1-1, as the generator draws."""
    return images * 2.0 - 1.0


def to_unit_range(images):
    """Maps values -1-1, as the generator draws, to 0-1, as on disk."""
    return (images + 1.0) / 2.0


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Maps values 0-1 to whole numbers 0-255, rounded."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def _decode(content: np.ndarray) -> np.ndarray | None:
    """Decodes to BGR, 8 or 16 bits, upright, without transparency."""
    if content[:2].tobytes() != b"\xff\xd8":  # JPEG has no transparency
        pixels = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.dtype.kind == "f":
            return pixels
        if pixels.ndim == 3 and pixels.shape[2] == 4:
            # An 8-bit TIFF comes with its colours multiplied by alpha already.
            is_tiff = content[:2].tobytes() in (b"II", b"MM")
            return _blend_on_white(pixels, is_tiff and pixels.dtype == np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)


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


def _refuse_other_channels(given: int, wanted: int) -> None:
    if given != wanted:
        raise InputError(
            f"pictures of {given} channels cannot be made into pictures of {wanted}; "
            "run all three scripts on the same img_data.txt.npy"
        )
