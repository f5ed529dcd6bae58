"""The arrays of images and labels, and the record of what they were made from."""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from foldergan.errors import RUN_TRAINING, InputError, report_unreadable
from foldergan.progress import ImageProgress, note, printable
from foldergan.storage import atomic, seals
from foldergan.storage.filenames import FILES, IMAGES, LABELS, ORIGIN
from foldergan.storage.seals import checksum_of
from foldergan.storage.tables import as_json, encode, with_checksum, without_checksum

_CHUNK = 2**22  # bytes read or written at once: they fit in the cache


# Writing.


class Writer:
    """Writes a .npy file of float32 row by row, without knowing how many there are."""

    def __init__(self, file: IO[bytes], row_shape: tuple[int, ...]) -> None:
        self._file = file
        self._row_shape = row_shape
        self._count = 0
        self.write_header()

    def append(self, rows: np.ndarray) -> None:
        """Appends rows, float32 (n, *row_shape)."""
        self._file.write(np.ascontiguousarray(rows, "<f4").data)
        self._count += len(rows)

    def write_header(self) -> None:
        """Writes how many rows there are, at the start of the file."""
        # NumPy pads the header so that the first axis can grow in place.
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False}
        shape = {"shape": (self._count, *self._row_shape)}
        np.lib.format.write_array_header_1_0(self._file, header | shape)

    def finish(
        self,
        class_ids: Sequence[int] | None,
        origin: dict[str, Any],
        found: dict[str, Any],
        files: Iterable[str] | None = None,
    ) -> None:
        """Takes what belongs to images (height, width, channels), 0-1.

        Args:
            class_ids: of each image; every number up to the largest is in use. None
                without classes.
            origin: what `describe` returned.
            found: JSON values for `recall` to return; `counts` of it names the classes.
            files: path of each image in the dataset folder, where it has one.
        """
        self.write_header()
        self.class_ids, self.origin, self.found = class_ids, origin, found
        self.files = files


@contextlib.contextmanager
def writing(data_dir: Path, image_shape: tuple[int, int, int]) -> Iterator[Writer]:
    """Yields what writes arrays of (height, width, channels); they replace the old."""
    with atomic.publishing() as temporary_of:
        written = {IMAGES: temporary_of(data_dir / IMAGES)}
        with open(written[IMAGES], "wb", _CHUNK) as file:
            writer = Writer(file, image_shape)
            yield writer
        if writer.class_ids is not None:
            written[LABELS] = temporary_of(data_dir / LABELS)
            ids = np.array(writer.class_ids)[:, None]
            classes = np.arange(ids.max() + 1)
            # A part at a time: of many classes they are larger than the images.
            parts = _blocks(np.broadcast_to(ids, (len(ids), len(classes))))
            blocks = (part == classes for part in parts)
            _write_rows(written[LABELS], classes.shape, blocks)
        if writer.files is not None:
            written[FILES] = temporary_of(data_dir / FILES)
            lines = "".join(f"{printable(path)}\n" for path in writer.files)
            written[FILES].write_bytes(encode(lines))
        states: dict[str, Any] = dict.fromkeys((IMAGES, LABELS, FILES))
        for name, path in written.items():
            states[name] = [*(_state_of(path) or ()), checksum_of(path)]
        record = {"origin": writer.origin, "arrays": states, "found": writer.found}
        text = as_json(with_checksum(record))
        temporary_of(data_dir / ORIGIN).write_bytes(encode(text))
    if LABELS not in written and (kept := atomic.back_up(data_dir / LABELS)):
        print(f"{data_dir / LABELS} is of other images; it is kept as {kept.name}")


def _write_rows(
    path: Path, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray]
) -> None:
    with open(path, "wb", _CHUNK) as file:
        writer = Writer(file, row_shape)
        for rows in blocks:
            writer.append(rows)
        writer.write_header()


def save_rows(
    path: Path, row_shape: tuple[int, ...], blocks: Iterable[np.ndarray]
) -> None:
    """Saves a sealed .npy file from blocks, float32 (n, *row_shape)."""
    with atomic.replacing(path) as temporary:
        _write_rows(temporary, row_shape, blocks)
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


# The record: img_data.txt.json.


def describe(
    dataset: Path | None,
    image_shape: tuple[int, int, int],
    entries: list[os.DirEntry[str]],
    resize: str = "stretch",
    channels: str = "fixed",
) -> dict[str, Any]:
    """Names everything that the arrays depend on, without reading an image.

    Args:
        dataset: folder of the images; None for CIFAR-10.
        image_shape: (height, width, channels) of every image in the array.
        entries: every file, in the order in which they are read. One counts as
            changed when its path, size or time of change is another.
        resize: stretch, crop or pad.
        channels: fixed, or auto where grey images become arrays of one channel.

    Returns:
        A dict that JSON can hold.
    """
    digest = hashlib.sha256()
    for entry in entries:
        try:
            status = os.stat(entry)  # entry.stat() would keep half a kilobyte
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError as error:  # such as a link to nowhere
            state = str(error.errno)
        digest.update(os.fsencode(entry.path) + f"\0{state}\n".encode())
    return {
        "dataset": str(dataset.resolve()) if dataset else "CIFAR-10",
        "image_shape": list(image_shape),
        "resize": resize,
        "channels": channels,
        "files": len(entries),
        "digest": digest.hexdigest(),
    }


class _Record(NamedTuple):
    """The content of `ORIGIN`: file name -> size, time of change, SHA-256 or None."""

    origin: dict[str, Any]
    arrays: dict[str, list[Any] | None]
    found: dict[str, Any]


def _read_record(data_dir: Path) -> _Record | None:
    """Reads the record, or refuses it; None without one, or without checksums."""
    path = data_dir / ORIGIN
    if not path.is_file():
        return None
    way_out = "remove it, and the next training reads the images again"
    with report_unreadable(path, way_out=way_out):
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.keys() == set(_Record._fields):  # of version 0.1
            return None
        return _Record(**without_checksum(content))


def _state_of(path: Path) -> list[int] | None:
    """Size in bytes and time of change; None where there is no file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return [status.st_size, status.st_mtime_ns]


def recall(data_dir: Path, origin: dict[str, Any]) -> dict[str, Any] | None:
    """Finds out whether the arrays in a folder are those of this origin.

    Returns:
        What `Writer.finish` was given as found; None where anything differs, such as
        size or time of change of the arrays, or the record cannot be read.
    """
    try:
        known = _read_record(data_dir)
    except InputError:
        return None
    if known is None or known.origin != origin or FILES not in known.arrays:
        return None
    are_as_saved = all(
        (state and state[:2]) == _state_of(data_dir / name)
        for name, state in known.arrays.items()
        if state or name != FILES  # an older one may lie there
    )
    return known.found if are_as_saved else None


class Source(NamedTuple):
    """What is known of the arrays that lie in a folder now.

    Attributes:
        source: what they were made from, for people.
        class_names: in the order of the labels' columns; None where nothing is known,
            such as for arrays made elsewhere.
        skipped: a line for each file that could not be read: its path, and why.
        resize: what became of images of other proportions: stretch, crop or pad.
        duplicates: images that are the same, as groups of row and path.
    """

    source: str = "an unknown source"
    class_names: list[str] | None = None
    skipped: Sequence[str] = ()
    resize: str = "stretch"
    duplicates: Sequence[list[tuple[int, str]]] = ()


def load_source(data_dir: Path) -> Source:
    """Tells what the arrays that lie in a folder now were made from.

    Raises:
        InputError: the record is damaged.
    """
    known = _read_record(data_dir)
    if known is None:
        return Source()
    return Source(
        str(known.origin["dataset"]),
        sorted(known.found["counts"]),
        known.found.get("skipped", []),  # CIFAR-10 has no files to skip
        known.origin.get("resize", "stretch"),
        known.found.get("duplicates", []),  # not there before 0.3
    )


@contextlib.contextmanager
def unchanged(data_dir: Path) -> Iterator[None]:
    """Refuses arrays that another run replaces while they are read, all together.

    The record is the first that is renamed: where it is the same after the last of
    them was opened, all were of one making.

    Raises:
        InputError: it is another now.
    """
    path = data_dir / ORIGIN
    before = path.read_bytes() if path.exists() else None
    try:
        yield
    finally:  # of an error inside this may be the reason
        if before != (path.read_bytes() if path.exists() else None):
            raise InputError(
                f"the arrays in {data_dir} were replaced while they were read; wait "
                "for the run that did, and give the same command",
                ("data_dir",),
            )


def _saved_checksum(data_dir: Path, name: str) -> str | None:
    """SHA-256 that a file was saved with; None without a record, "" if not in it."""
    known = _read_record(data_dir)
    state = known and known.arrays.get(name)
    return state[2] if state else "" if known else None


def _is_untouched(data_dir: Path, name: str) -> bool:
    """Tells whether an array has the size and time of change of its record.

    One changed so soon after it that the clock cannot tell counts as touched.
    """
    known = _read_record(data_dir)
    state, written = known and known.arrays[name], _state_of(data_dir / ORIGIN)
    if not (state and written):
        return False
    return state[:2] == _state_of(data_dir / name) and state[1] < written[1]


def _refuse_changed(path: Path, checksum: str) -> str | None:
    """Refuses a file other than the recorded one; returns the recorded SHA-256."""
    saved = _saved_checksum(path.parent, path.name)
    if saved not in (None, checksum):
        raise InputError(
            f"{path} is not the file that {path.with_name(ORIGIN)} was saved with: it "
            "is damaged, or changed since, or a run was killed while it saved; remove "
            f"it and {RUN_TRAINING}; or remove {ORIGIN} if the arrays are your own"
        )
    return saved


# Reading.


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
    if not _is_untouched(data_dir, IMAGES):
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
    is_one_hot = labels.dtype == np.float32 and all(
        np.isin(some, (0, 1)).all() and (some.sum(1) == 1).all()
        for some in _blocks(labels)
    )
    if not is_one_hot:
        raise InputError(
            f"{path} must be float32 and one-hot, a single 1 in each row; "
            f"found {labels.dtype}; {RUN_TRAINING}"
        )
    _refuse_changed(path, checksum_of(path))
    if len(empty := np.flatnonzero(labels.sum(0) == 0)):
        numbers = ", ".join(map(str, empty + 1))
        print(f"warning: {path}: no image is of class {numbers} of {labels.shape[1]}")
    return labels


def load_files(data_dir: Path) -> list[str] | None:
    """Loads the path of each image in its dataset folder.

    Returns:
        None where they are not known, such as for arrays made elsewhere.

    Raises:
        InputError: the list is damaged, or of other arrays.
    """
    path = data_dir / FILES
    if not _saved_checksum(data_dir, FILES) or not path.is_file():
        return None
    with report_unreadable(path):
        _refuse_changed(path, checksum_of(path))
        return path.read_text(encoding="utf-8").split("\n")[:-1]


def identify(data_dir: Path) -> str:
    """Identifies data by all of it: every image, every label, the class names.

    The checksums in the record of the arrays are reused; `load_images` and
    `load_labels` refuse arrays that have others. Arrays without a record are read.

    Returns:
        Shape of the images and a SHA-256, such as "49x32x32x3 e3b0...".

    Raises:
        InputError: images or record are missing or damaged.
    """
    checksums = [
        _saved_checksum(data_dir, name)
        or (checksum_of(data_dir / name) if (data_dir / name).is_file() else None)
        for name in (IMAGES, LABELS)
    ]
    names = load_source(data_dir).class_names
    digest = hashlib.sha256(json.dumps([*checksums, names]).encode())
    shape = _open_array(data_dir / IMAGES).shape
    return f"{'x'.join(map(str, shape))} {digest.hexdigest()}"


def _blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an array some rows at a time."""
    rows = max(1, _CHUNK // max(1, array.dtype.itemsize * math.prod(array.shape[1:])))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def _open_array(path: Path) -> np.memmap:
    if not path.is_file():
        raise InputError(f"{path} not found; {RUN_TRAINING}")
    with report_unreadable(path, "damaged, or not a .npy array"):
        array = np.lib.format.open_memmap(path, mode="r")
        size = path.stat().st_size
        if array.offset + array.nbytes != size:
            raise ValueError(f"it has {size} bytes, and its header describes fewer")
    return array
