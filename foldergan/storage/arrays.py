"""The arrays of images and labels."""

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foldergan.errors import RUN_TRAINING, InputError, report_unreadable
from foldergan.storage import atomic
from foldergan.storage.filenames import IMAGES, LABELS

if TYPE_CHECKING:
    from foldergan.images import Resized

_CHUNK = 2**22  # bytes read or written at once: they fit in the cache
_FLUSHED_TOGETHER = 2**25  # bytes


@contextlib.contextmanager
def writing_images(
    path: Path, image_shape: tuple[int, int, int]
) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields a function that appends images to an array on disk.

    The images go straight to the file, so that memory does not grow with
    their number, and the number need not be known before.

    Args:
        path: final name of the .npy file.
        image_shape: (height, width, channels) of every image.
    """
    header = {"descr": "<f4", "fortran_order": False}
    count = unflushed = 0
    with atomic.replacing(path) as temporary, open(temporary, "wb", _CHUNK) as file:

        def append(images: np.ndarray) -> None:
            nonlocal count, unflushed
            file.write(np.ascontiguousarray(images, "<f4").data)
            count += len(images)
            unflushed += images.nbytes
            if unflushed > _FLUSHED_TOGETHER:  # the disk works while others decode
                os.fsync(file.fileno())
                unflushed = 0

        def write_header() -> None:
            # NumPy pads the header so that the first axis can grow in place.
            shape = {"shape": (count, *image_shape)}
            np.lib.format.write_array_header_1_0(file, header | shape)

        write_header()
        yield append
        file.seek(0)
        write_header()


def save_array(path: Path, array: np.ndarray) -> None:
    """Saves a .npy file."""
    with atomic.replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def save_labels(data_dir: Path, class_ids: np.ndarray) -> None:
    """Saves img_label.txt.npy, one-hot.

    Args:
        data_dir: folder of the arrays.
        class_ids: int array (n,); every number up to the largest is in use.
    """
    labels = np.eye(class_ids.max() + 1, dtype=np.float32)[class_ids]
    save_array(data_dir / LABELS, labels)


def load_images(data_dir: Path) -> np.ndarray:
    """Opens img_data.txt.npy as a memory map and checks every value.

    Returns:
        Read-only float32 array of shape (n, height, width, channels), 0-1.

    Raises:
        InputError: missing, damaged, or not what the contract says.
    """
    path = data_dir / IMAGES
    images = _open_array(path)
    found = f"found {images.dtype} of shape {images.shape}"
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"{path} must hold images of shape (n, height, width, 3 or 1); "
            f"{found}; {RUN_TRAINING}"
        )
    if images.dtype != np.float32:
        raise InputError(
            f"{path} must hold float32 values from 0 to 1; {found}; {RUN_TRAINING}"
        )
    rows = max(1, _CHUNK // images[0].nbytes)
    # Read beside the map: pages that it touches would count as this process's memory.
    with open(path, "rb") as file:
        file.seek(images.offset)
        for start in range(0, len(images), rows):
            chunk = np.fromfile(file, np.float32, rows * images[0].size)
            low, high = chunk.min(), chunk.max()
            if not (low >= 0 and high <= 1):  # NaN fails both
                raise InputError(
                    f"{path} must hold values from 0 to 1; found {low:g} to {high:g} "
                    f"from image {start} on; {RUN_TRAINING}"
                )
    return images


def fingerprint(images: "np.ndarray | Resized") -> str:
    """Names a set of images by its shape and a checksum of 64 of them.

    Args:
        images: array of shape (n, height, width, channels).
    """
    rows = np.linspace(0, len(images) - 1, 64).astype(int)
    checksum = zlib.crc32(np.ascontiguousarray(images[rows]).data)
    return f"{'x'.join(map(str, images.shape))} {checksum:08x}"


def load_labels(
    data_dir: Path, num_images: int | None = None, or_one_class: bool = False
) -> np.ndarray:
    """Loads img_label.txt.npy and checks that it belongs to the images.

    Args:
        data_dir: folder of the arrays.
        num_images: rows of img_data.txt.npy; None where only the labels are used.
        or_one_class: takes all images for one class where there is no file.

    Returns:
        float32 array of shape (num_images, classes), one-hot.

    Raises:
        InputError: missing, damaged, not one-hot, or of another length.
    """
    path = data_dir / LABELS
    if or_one_class and not path.exists():
        return np.ones((num_images or 0, 1), np.float32)
    labels = _open_array(path)
    if labels.ndim != 2 or num_images not in (None, len(labels)):
        raise InputError(
            f"{path} has shape {labels.shape} but {data_dir / IMAGES} has "
            f"{num_images} images; {RUN_TRAINING}"
        )
    if not (
        labels.dtype == np.float32
        and np.isin(labels, (0, 1)).all()
        and (labels.sum(1) == 1).all()
    ):
        raise InputError(
            f"{path} must be float32 and one-hot, a single 1 in each row; "
            f"found {labels.dtype}; {RUN_TRAINING}"
        )
    return labels


def _open_array(path: Path) -> np.memmap:
    if not path.is_file():
        raise InputError(f"{path} not found; {RUN_TRAINING}")
    with report_unreadable(path, "damaged, or not a .npy array"):
        return np.lib.format.open_memmap(path, mode="r")
