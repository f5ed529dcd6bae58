"""The arrays of images and labels."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from foldergan.errors import RUN_TRAINING, InputError, report_unreadable
from foldergan.progress import ImageProgress, note, printable
from foldergan.storage import atomic, manifest, seals
from foldergan.storage.checksums import checksum_of
from foldergan.storage.filenames import FILES, IMAGES, LABELS, ORIGIN
from foldergan.storage.tables import encode

_CHUNK = 2**22  # bytes read or written at once: they fit in the cache
_FLUSHED_TOGETHER = 2**25  # bytes


class _RowWriter:
    """Writes a .npy file of float32 row by row.

    The rows go straight to the file, so that memory does not grow with
    their number, and the number need not be known before.

    Args:
        file: opened for them.
        row_shape: of every row.
    """

    def __init__(self, file: IO[bytes], row_shape: tuple[int, ...]) -> None:
        self._file = file
        self._row_shape = row_shape
        self._count = self._unflushed = 0
        self.write_header()

    def append(self, rows: np.ndarray) -> None:
        """Appends rows, float32 (n, *row_shape)."""
        self._file.write(np.ascontiguousarray(rows, "<f4").data)
        self._count += len(rows)
        self._unflushed += rows.nbytes
        if self._unflushed > _FLUSHED_TOGETHER:  # the disk works while others decode
            os.fsync(self._file.fileno())
            self._unflushed = 0

    def write_header(self) -> None:
        """Writes how many rows there are, at the start of the file."""
        # NumPy pads the header so that the first axis can grow in place.
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False}
        shape = {"shape": (self._count, *self._row_shape)}
        np.lib.format.write_array_header_1_0(self._file, header | shape)


class Writer(_RowWriter):
    """Writes images (height, width, channels), 0-1; labels and the record of both."""

    def finish(
        self,
        class_ids: Sequence[int] | None,
        origin: dict[str, Any],
        found: dict[str, Any],
        files: Iterable[str] | None = None,
    ) -> None:
        """Takes what belongs to the images.

        Args:
            class_ids: of each image; every number up to the largest is in use. None
                without classes.
            origin: as of `manifest.record`.
            found: as of `manifest.record`.
            files: path of each image in the dataset folder, where it has one.
        """
        self.write_header()
        self.class_ids, self.origin, self.found = class_ids, origin, found
        self.files = files


@contextlib.contextmanager
def writing(data_dir: Path, image_shape: tuple[int, int, int]) -> Iterator[Writer]:
    """Yields what writes the arrays, which then replace those that are there.

    Args:
        data_dir: folder of the arrays.
        image_shape: (height, width, channels) of every image.
    """
    with atomic.publishing() as temporary_of:
        written = {IMAGES: temporary_of(data_dir / IMAGES)}
        with open(written[IMAGES], "wb", _CHUNK) as file:
            writer = Writer(file, image_shape)
            yield writer
        if writer.class_ids is not None:
            written[LABELS] = temporary_of(data_dir / LABELS)
            _write_one_hot(written[LABELS], np.array(writer.class_ids))
        if writer.files is not None:
            written[FILES] = temporary_of(data_dir / FILES)
            lines = "".join(f"{printable(path)}\n" for path in writer.files)
            written[FILES].write_bytes(encode(lines))
        record = manifest.record(written, writer.origin, writer.found)
        temporary_of(data_dir / ORIGIN).write_bytes(encode(record))
    if LABELS not in written and (kept := atomic.back_up(data_dir / LABELS)):
        print(f"{data_dir / LABELS} is of other images; it is kept as {kept.name}")


def save_rows(
    path: Path, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray]
) -> None:
    """Saves a .npy file of float32, some rows at a time, sealed for `map_sealed`.

    Args:
        path: of the file.
        row_shape: of every row.
        blocks: arrays (n, *row_shape).
    """
    with atomic.replacing(path) as temporary:
        with open(temporary, "wb", _CHUNK) as file:
            writer = _RowWriter(file, row_shape)
            for rows in blocks:
                writer.append(rows)
            writer.write_header()
        seals.seal(temporary)


def map_sealed(path: Path) -> np.ndarray | None:
    """Maps an array of `save_rows`; None where it is not as it was saved."""
    try:
        if seals.is_intact(path):
            with report_unreadable(path):
                return np.load(path, mmap_mode="r", allow_pickle=False)
    except InputError:
        pass
    return None


def load_images(data_dir: Path) -> np.ndarray:
    """Opens img_data.txt.npy as a memory map and checks every value.

    A file that lies as it was made, by size and time of change, is not read.

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
    if not manifest.is_untouched(data_dir, IMAGES):
        _check_values(path, images)
    return np.asarray(images)


def _check_values(path: Path, images: np.memmap) -> None:
    """Refuses images that are not 0 to 1, or not those that were saved."""
    digest = hashlib.sha256()
    rows = max(1, _CHUNK // images[0].nbytes)
    progress = ImageProgress(len(images), "checked")
    # Read beside the map: pages that it touches would count as this process's memory.
    with open(path, "rb") as file:
        digest.update(file.read(images.offset))
        for start in range(0, len(images), rows):
            chunk = np.fromfile(file, np.float32, rows * images[0].size)
            digest.update(chunk.data)
            low, high = chunk.min(), chunk.max()
            if not (low >= 0 and high <= 1):  # NaN fails both
                raise InputError(
                    f"{path} must hold values from 0 to 1; found {low:g} to {high:g} "
                    f"from image {start} on; {RUN_TRAINING}"
                )
            progress.on_images(min(rows, len(images) - start))
    progress.done()
    if _refuse_changed(path, digest.hexdigest()) is None:
        note(f"note: {path} has no checksum; it is taken as it is")


def identify(data_dir: Path) -> str:
    """Identifies data by all of it: every image, every label, the class names.

    The checksums in the record of the arrays are reused; `load_images` and
    `load_labels` refuse arrays that have others. Arrays without a record are read.

    Args:
        data_dir: folder of the arrays; there need be no labels.

    Returns:
        Shape of the images and a SHA-256, such as "49x32x32x3 e3b0...".

    Raises:
        InputError: images or record are missing or damaged.
    """
    checksums = [
        manifest.load_checksum(data_dir, name) or _checksum_if_any(data_dir / name)
        for name in (IMAGES, LABELS)
    ]
    names = manifest.load_arrays(data_dir).class_names
    digest = hashlib.sha256(json.dumps([*checksums, names]).encode())
    shape = _open_array(data_dir / IMAGES).shape
    return f"{'x'.join(map(str, shape))} {digest.hexdigest()}"


def _checksum_if_any(path: Path) -> str | None:
    return checksum_of(path) if path.is_file() else None


def load_files(data_dir: Path) -> list[str] | None:
    """Loads the path of each image in its dataset folder.

    Returns:
        None where they are not known, such as of arrays that were made elsewhere.

    Raises:
        InputError: the list is damaged, or of other arrays.
    """
    path = data_dir / FILES
    if not manifest.load_checksum(data_dir, FILES) or not path.is_file():
        return None
    with report_unreadable(path):
        _refuse_changed(path, checksum_of(path))
        return path.read_text(encoding="utf-8").split("\n")[:-1]


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
    if not (labels.dtype == np.float32 and all(map(_is_one_hot, _blocks(labels)))):
        raise InputError(
            f"{path} must be float32 and one-hot, a single 1 in each row; "
            f"found {labels.dtype}; {RUN_TRAINING}"
        )
    _refuse_changed(path, checksum_of(path))
    if len(empty := np.flatnonzero(labels.sum(0) == 0)):
        numbers = ", ".join(map(str, empty + 1))
        print(f"warning: {path}: no image is of class {numbers} of {labels.shape[1]}")
    return labels


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an array some rows at a time."""
    rows = max(1, _CHUNK // max(1, array.dtype.itemsize * math.prod(array.shape[1:])))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def _is_one_hot(labels: np.ndarray) -> bool:
    return bool(np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all())


def _open_array(path: Path) -> np.memmap:
    if not path.is_file():
        raise InputError(f"{path} not found; {RUN_TRAINING}")
    with report_unreadable(path, "damaged, or not a .npy array"):
        array = np.lib.format.open_memmap(path, mode="r")
        size = path.stat().st_size
        if array.offset + array.nbytes != size:
            raise ValueError(f"it has {size} bytes, and its header tells of fewer")
    return array


def _refuse_changed(path: Path, checksum: str) -> str | None:
    """Refuses an array that is not the one that the record beside it was made for.

    Args:
        path: of the array.
        checksum: SHA-256 of the file as it is.

    Returns:
        The SHA-256 that it was saved with; None where nothing is known of it.

    Raises:
        InputError: they differ.
    """
    saved = manifest.load_checksum(path.parent, path.name)
    if saved not in (None, checksum):
        raise InputError(
            f"{path} is not the file that {path.with_name(ORIGIN)} was saved with: it "
            "is damaged, or changed since, or a run was killed while it saved; remove "
            f"it and {RUN_TRAINING}; or remove {ORIGIN} if the arrays are your own"
        )
    return saved


def _write_one_hot(path: Path, class_ids: np.ndarray) -> None:
    """Writes labels a part at a time: of many classes they are larger than images."""
    num_classes = int(class_ids.max()) + 1
    shape = len(class_ids), num_classes
    with open(path, "wb", _CHUNK) as file:
        writer = _RowWriter(file, (num_classes,))
        for some in _blocks(np.broadcast_to(class_ids[:, None], shape)):
            writer.append(some == np.arange(num_classes))
        writer.write_header()
