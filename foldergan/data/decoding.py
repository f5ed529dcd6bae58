"""Image files -> arrays of pixels.

OpenCV decodes by content, not by extension. Files are read as bytes first,
because its own `imread` cannot open every path on Windows.
"""

import io
import os
import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from foldergan.data import formats
from foldergan.errors import ImageError
from foldergan.images import MOST_PIXELS, cv2, resize, turn_upright

# Of a 16-bit image with transparency, and the same blended: 14 bytes a pixel.
MOST_BYTES = 14 * MOST_PIXELS
_LARGEST_FILE = 2**29  # bytes; a film in a folder of images is not read whole
_WORTH_SHRINKING = 2**12  # bytes of a JPEG
_SHRUNK = {  # factor -> mode
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}
_JPEG = b"\xff\xd8"
_TIFF = (b"II", b"MM")
_EXIF = (b"eXIf", b"EXIF")  # the chunks of a PNG and of a WebP
_AS_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
_FULL_SCALES = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
_GREY = 10 / 255  # largest difference of channels: a JPEG's grey is not quite even


class Decoded(NamedTuple):
    """One image, resized."""

    pixels: np.ndarray  # uint8 or uint16 (height, width, channels), RGB or grey
    size: tuple[int, int]  # (height, width) of the image in the file, upright
    is_grey: bool  # whether the image in the file has no colour


def read_image(
    path: Path | str, image_shape: tuple[int, int, int], how: str = "stretch"
) -> Decoded:
    """Reads one image file.

    16-bit, palette, greyscale and CMYK files are converted, transparency is
    blended on white, EXIF rotation is obeyed (a TIFF with transparency is not turned
    by right angles), and of an animation the first frame is taken. HEIC and DICOM are
    read where their packages are installed.

    Args:
        path: any file.
        image_shape: (height, width, channels) of the result; 1 channel is grey.
        how: stretch, crop or pad, which `images.resize` explains.

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
        pixels, size = _decode(content, max(image_shape[:2]))
    except cv2.error as error:
        reason = "has too many pixels" if "MAX_IMAGE" in str(error) else "is damaged"
        raise ImageError(reason) from error
    pixels = resize(pixels, image_shape[:2], how)
    is_grey = _is_grey(pixels)
    to_colour = cv2.COLOR_BGR2RGB if image_shape[2] == 3 else cv2.COLOR_BGR2GRAY
    return Decoded(cv2.cvtColor(pixels, to_colour).reshape(image_shape), size, is_grey)


def to_fractions(pixels: np.ndarray) -> np.ndarray:
    """Maps pixels of 8 or 16 bits to float32 values 0-1."""
    return np.divide(pixels, _FULL_SCALES[pixels.dtype], dtype=np.float32)


def _decode(content: bytes, target: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Decodes to BGR, upright, a JPEG perhaps shrunk; and gives the size of it all."""
    buffer = np.frombuffer(content, np.uint8)
    if content.startswith(_JPEG):  # it has no transparency
        factor, size = _shrink_factor(content, target)
        pixels = _checked(cv2.imdecode(buffer, _SHRUNK.get(factor, _AS_COLOUR)))
        if factor == 1:
            return pixels, pixels.shape[:2]
        is_turned = (pixels.shape[0] > pixels.shape[1]) != (size[0] > size[1])
        return pixels, size[::-1] if is_turned else size
    known = formats.decode(content)
    if known is not None:
        return known, known.shape[:2]
    pixels = _checked(cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED))
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        # An 8-bit TIFF comes with its colours multiplied by alpha already, and upright:
        # of the others OpenCV turns only what it makes colours of.
        is_tiff = content.startswith(_TIFF)
        pixels = _blend_on_white(pixels, is_tiff and pixels.dtype == np.uint8)
        pixels = pixels if is_tiff else turn_upright(pixels, _orientation(content))
    else:
        pixels = _checked(cv2.imdecode(buffer, _AS_COLOUR))
    return pixels, pixels.shape[:2]


def _checked(pixels: np.ndarray | None) -> np.ndarray:
    """Refuses what OpenCV cannot decode, or to values of an unknown scale."""
    if pixels is None:
        raise ImageError("is not an image that OpenCV can read, or is damaged")
    if pixels.dtype not in _FULL_SCALES:
        raise ImageError(f"has {pixels.dtype} pixels; 8 or 16 bits are read")
    return pixels


def _shrink_factor(content: bytes, target: int) -> tuple[int, tuple[int, int]]:
    """Chooses how far a JPEG is shrunk while decoded, and measures one that is."""
    if len(content) >= _WORTH_SHRINKING:
        try:
            with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
                width, height = image.size
        except Exception:  # of a damaged file anything; the decoder says what is wrong
            return 1, (0, 0)
        if height * width <= MOST_PIXELS:  # else OpenCV would measure the shrunk image
            # Decoding at 1/factor keeps the lowest frequencies of each block, which is
            # not quite the mean of an area. With so much left to average the two
            # differ by 1 %.
            for factor in _SHRUNK:
                if min(height, width) >= 0.75 * factor**2 * target:
                    return factor, (height, width)
    return 1, (0, 0)


def _orientation(content: bytes) -> int:
    """Reads the EXIF orientation of a PNG or WebP: 1 to 8, where 1 is upright."""
    if not any(name in content for name in _EXIF):
        return 1
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "WEBP")) as image:
            found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # of a damaged file anything
        return 1
    return found if found in range(1, 9) else 1


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


def _is_grey(pixels: np.ndarray) -> bool:
    """Tells whether the channels of BGR pixels are the same, but for noise."""
    most = _GREY * _FULL_SCALES[pixels.dtype]
    blue, green, red = cv2.split(pixels)
    return all(cv2.norm(green, other, cv2.NORM_INF) <= most for other in (blue, red))
