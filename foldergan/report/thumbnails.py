"""Small pictures inside the page, as many as there is room for."""

import base64
import functools
import math
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from foldergan.images import cv2, resize, to_uint8

_SIDE = 64  # pixels of the longer side of a thumbnail
_QUALITY = 90  # of WebP; small pictures look poor below
_MOST_PIXELS = 2**24  # of a page that is read: more takes too long, and too much memory
_Item = TypeVar("_Item")


def encode(image: np.ndarray) -> str:
    """Makes a thumbnail of one image.

    Args:
        image: float array of shape (height, width, 1 or 3), RGB, values 0-1.

    Returns:
        A WebP file, its longer side at most 64 pixels, in base64.
    """
    pixels = to_uint8(image.repeat(3 // image.shape[2], 2))[:, :, ::-1]
    scale = _SIDE / max(image.shape[:2])
    return _as_text(_shrunk(np.ascontiguousarray(pixels), scale), _QUALITY)


class Page(NamedTuple):
    """A page of pictures made small.

    Attributes:
        image: a WebP file in base64.
        width: of it, in pixels.
        height: of it.
        is_whole: whether the lower part was not left out.
    """

    image: str
    width: int
    height: int
    is_whole: bool


def of_page(path: Path, width: int) -> Page | None:
    """Makes a smaller picture of a page of pictures that is on disk.

    Args:
        path: a .png or .jpg file.
        width: in pixels, at most. What is higher than twice its width is cut off below.

    Returns:
        None where the page is too large to be read in passing.

    Raises:
        ValueError: it is no picture.
    """
    status = path.stat()
    return _of_page(path, width, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=256)
def _of_page(path: Path, width: int, *state: int) -> Page | None:
    """Reads a page once for as long as it stays as it is."""
    content = path.read_bytes()
    if content[12:16] == b"IHDR":  # a PNG says its size before it has to be unpacked
        columns, rows = struct.unpack(">II", content[16:24])
        if columns * rows > _MOST_PIXELS:
            return None
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} is no picture")
    seen = pixels[: 2 * pixels.shape[1]]
    small = _shrunk(seen, width / seen.shape[1])
    height, width = small.shape[:2]
    return Page(_as_text(small, 80), width, height, len(seen) == len(pixels))


def _shrunk(pixels: np.ndarray, scale: float) -> np.ndarray:
    if scale >= 1:
        return pixels
    height, width = pixels.shape[:2]
    return resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))


def _as_text(pixels: np.ndarray, quality: int) -> str:
    _, content = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return base64.b64encode(content.tobytes()).decode()


def thin(items: Sequence[_Item], most: int) -> list[_Item]:
    """Takes at most so many items, spread evenly, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    rows = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[row] for row in rows]


def fit(pictures: Sequence[dict[str, Any]], most_bytes: int) -> list[dict[str, Any]]:
    """Takes as many pictures as fit, spread evenly.

    Args:
        pictures: each with its base64 as "image".
        most_bytes: of all their base64.
    """
    kept = list(pictures)
    while (total := sum(len(each["image"]) for each in kept)) > most_bytes:
        kept = thin(kept, math.floor(len(kept) * most_bytes / total))
    return kept
