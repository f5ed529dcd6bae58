"""Small images inside the page, as many as there is room for."""

import base64
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from foldergan.images import cv2, to_uint8

_SIDE = 64  # pixels of the longer side of a thumbnail
_QUALITY = 90  # of WebP; small images look poor below
_MOST_PIXELS = 2**24  # of a grid that is read: more takes too long, and much memory
_Item = TypeVar("_Item")


def encode(image: np.ndarray) -> str:
    """Makes a WebP in base64 of one image, its longer side at most 64 pixels.

    Args:
        image: float array of shape (height, width, 1 or 3), RGB, values 0-1.
    """
    small = Image.fromarray(to_uint8(image.repeat(3 // image.shape[2], 2)))
    small.thumbnail((_SIDE, _SIDE))
    return _as_text(small, _QUALITY)


def of_grid(path: Path, width: int) -> dict[str, Any] | None:
    """Downsamples a grid of images that is on disk.

    Args:
        path: a .png or .jpg file.
        width: in pixels, at most. What is higher than twice its width is cut off below.

    Returns:
        "image", a WebP file in base64, its "width" and "height" in pixels, and
        "is_whole", whether nothing was cut off; None where the grid is too large to be
        read in passing.

    Raises:
        OSError: it is no image.
    """
    status = path.stat()
    return _of_grid(path, width, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=256)
def _of_grid(path: Path, most: int, *state: int) -> dict[str, Any] | None:
    """Reads a grid once for as long as its file stays as it is."""
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        columns, rows = image.size
        if columns * rows > _MOST_PIXELS:
            return None
        seen = image.convert("RGB").crop((0, 0, columns, min(rows, 2 * columns)))
    seen.thumbnail((most, 2 * most))
    size = {"width": seen.width, "height": seen.height}
    return {"image": _as_text(seen, 80), **size, "is_whole": rows <= 2 * columns}


def _as_text(image: Image.Image, quality: int) -> str:
    pixels = np.asarray(image)[:, :, ::-1]  # as OpenCV orders channels
    _, content = cv2.imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return base64.b64encode(content.tobytes()).decode()


def thin(items: Sequence[_Item], most: int) -> list[_Item]:
    """Takes at most so many items, spread evenly, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    rows = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[row] for row in rows]


def fit(images: Sequence[dict[str, Any]], most_bytes: int) -> list[dict[str, Any]]:
    """Takes as many images as fit, spread evenly, by the bytes of each "image"."""
    kept = list(images)
    while (total := sum(len(each["image"]) for each in kept)) > most_bytes:
        kept = thin(kept, math.floor(len(kept) * most_bytes / total))
    return kept
