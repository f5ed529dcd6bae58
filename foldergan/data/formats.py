"""Formats that packages read which may be installed: HEIC and DICOM."""

import importlib
import io
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from foldergan.errors import ImageError
from foldergan.images import MOST_PIXELS
from foldergan.packages import OPTIONAL

if TYPE_CHECKING:
    import pydicom

# Of an ISO base media file the brand tells: HEIF images that HEVC compresses.
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a few KB of it may unpack to gigabytes
_LONGEST = 200  # letters of a package's reason
_UNWINDOWED = 1e9  # further than any value of a pixel: what a window leads to its ends


def decode(content: bytes) -> np.ndarray | None:
    """Decodes HEIC or DICOM.

    Of DICOM the first frame is taken, through its VOI window, or from its smallest
    to its largest value where it has none; MONOCHROME1 is inverted.

    Args:
        content: of the file.

    Returns:
        BGR array (height, width, 3), upright; uint8, or uint16 of grey DICOM. None
        where the file is of another format.

    Raises:
        ImageError: it is damaged, too large, or its package is not installed.
    """
    decoder: Callable[[ModuleType, bytes], np.ndarray]
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
        name, package, decoder = "HEIC", "pillow_heif", _decode_heic
    elif content[128:132] == b"DICM":
        name, package, decoder = "DICOM", "pydicom", _decode_dicom
    else:
        return None
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise ImageError(
            f"is {name}, which needs the package {package.replace('_', '-')}; run: "
            f"python -m pip install -r {OPTIONAL}"
        ) from error
    try:
        return np.ascontiguousarray(decoder(module, content))
    except ImageError:
        raise
    except Exception as error:  # of a damaged file anything
        reason = " ".join(str(error).split())[:_LONGEST] or type(error).__name__
        raise ImageError(f"is {name} that cannot be read: {reason}") from error


def _decode_heic(pillow_heif: ModuleType, content: bytes) -> np.ndarray:
    image = pillow_heif.open_heif(io.BytesIO(content))
    _refuse_many(*image.size)
    return np.asarray(image.to_pillow().convert("RGB"))[..., ::-1]


def _decode_dicom(_: ModuleType, content: bytes) -> np.ndarray:
    import pydicom
    from pydicom.pixels import apply_color_lut, pixel_array

    if _DEFLATED in content[:1000]:
        raise ImageError("is DICOM whose data are deflated; save it without that")
    file = pydicom.dcmread(io.BytesIO(content))
    _refuse_many(file.Columns, file.Rows)
    values = pixel_array(file, index=0)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        values = apply_color_lut(values, file)
    elif file.PhotometricInterpretation.startswith("MONOCHROME"):
        values = np.rint(_windowed(file, values) * 65535).astype(np.uint16)
        values = np.repeat(values[..., None], 3, axis=2)
    if values.shape[2:] != (3,) or values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"its pixels are {values.dtype} of shape {values.shape}")
    return values[..., ::-1]  # they are RGB by now


def _windowed(file: "pydicom.Dataset", values: np.ndarray) -> np.ndarray:
    """Maps values as a viewer shows them: to 0-1, black to white."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    values = np.asarray(apply_modality_lut(values, file), float)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError("its values are no image, or not finite")
    low, high = values.min(), values.max()
    if "WindowWidth" in file or "VOILUTSequence" in file:
        ends = [-_UNWINDOWED, _UNWINDOWED]
        together = np.concatenate([ends, values.ravel()])
        if "WindowWidth" not in file:  # it is looked up by whole numbers
            together = together.astype(int)
        shown = np.asarray(apply_voi_lut(together, file, prefer_lut=False), float)
        (low, high), values = shown[:2], shown[2:].reshape(values.shape)
    fractions = ((values - low) / max(high - low, 1e-9)).clip(0, 1)
    is_inverted = file.PhotometricInterpretation == "MONOCHROME1"
    return 1 - fractions if is_inverted else fractions


def _refuse_many(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise ImageError("has too many pixels")
