"""What the arrays were made from."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foldergan.errors import InputError, report_unreadable
from foldergan.storage.checksums import checksum_of
from foldergan.storage.filenames import FILES, IMAGES, LABELS, ORIGIN
from foldergan.storage.tables import as_json


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


def record(
    written: Mapping[str, Path], origin: dict[str, Any], found: dict[str, Any]
) -> str:
    """Writes the text of `ORIGIN`: what arrays were made from, and their checksums.

    Args:
        written: `IMAGES`, and `LABELS` and `FILES` where there are any -> the file.
        origin: as of `describe`.
        found: what else there is to say of them, for `recall` to give back; `counts`
            of it names the classes.
    """
    arrays = {
        name: [*(_state_of(written[name]) or ()), checksum_of(written[name])]
        if name in written
        else None
        for name in (IMAGES, LABELS, FILES)
    }
    content = {"origin": origin, "arrays": arrays, "found": found}
    return as_json(content | {"sha256": _checksum_of_json(content)})


def recall(data_dir: Path, origin: dict[str, Any]) -> dict[str, Any] | None:
    """Finds out whether the arrays in a folder are those of this origin.

    Returns:
        What `record` was given as found; None where anything differs, such as size or
        time of change of the arrays, the record cannot be read, or a version wrote it
        that did not keep the paths of the files.
    """
    try:
        known = _read(data_dir)
    except InputError:
        return None
    if known is None or known.origin != origin or FILES not in known.arrays:
        return None
    return known.found if known.has_states_of(data_dir) else None


class Arrays(NamedTuple):
    """What is known of the arrays that lie in a folder now.

    Attributes:
        source: what they were made from, for people.
        class_names: in the order of the labels' columns; None where nothing is known,
            such as of arrays that were made elsewhere.
        skipped: a line for each file that could not be read: its path, and why.
        resize: what became of images of other proportions: stretch, crop or pad.
    """

    source: str
    class_names: list[str] | None
    skipped: list[str]
    resize: str = "stretch"


def load_arrays(data_dir: Path) -> Arrays:
    """Tells what the arrays that lie in a folder now were made from.

    Raises:
        InputError: the record is damaged.
    """
    known = _read(data_dir)
    if known is None or not (known.has_checksums or known.has_states_of(data_dir)):
        return Arrays("an unknown source", None, [])
    skipped = known.found.get("skipped", [])  # CIFAR-10 has no files to skip
    return Arrays(
        str(known.origin["dataset"]),
        sorted(known.found["counts"]),
        skipped,
        str(known.origin.get("resize", "stretch")),
    )


@contextlib.contextmanager
def unchanged(data_dir: Path) -> Iterator[None]:
    """Refuses arrays that another run replaces while they are read, all together.

    The record is the first that is renamed: where it is the same after the last of
    them was opened, all were of one making.

    Raises:
        InputError: it is another now.
    """
    before, failure = _content_of(data_dir / ORIGIN), None
    try:
        yield
    except InputError as error:  # perhaps for no other reason
        failure = error
    if _content_of(data_dir / ORIGIN) != before:
        raise InputError(
            f"the arrays in {data_dir} were replaced while they were read; wait for "
            "the run that did, and give the same command",
            ("data_dir",),
        ) from failure
    if failure:
        raise failure


def load_duplicates(data_dir: Path) -> list[list[tuple[int, str]]]:
    """Loads the images that are the same, where their files are known.

    Returns:
        Groups of row and path.

    Raises:
        InputError: the record is damaged.
    """
    known = _read(data_dir)
    if known is None or not (known.has_checksums or known.has_states_of(data_dir)):
        return []
    return known.found.get("duplicates", [])  # not there before 0.3


def is_untouched(data_dir: Path, name: str) -> bool:
    """Tells whether an array still has the size and time of change of its record.

    Its checksum is then the recorded one. An array that was changed so soon after the
    record was written that the clock cannot tell counts as touched.

    Raises:
        InputError: the record is damaged.
    """
    known = _read(data_dir)
    state = known and known.has_checksums and known.arrays[name]
    written = _state_of(data_dir / ORIGIN)
    return bool(
        state
        and written
        and state[:2] == _state_of(data_dir / name)
        and state[1] < written[1]
    )


def load_checksum(data_dir: Path, name: str) -> str | None:
    """Loads the SHA-256 that an array was saved with.

    Args:
        data_dir: folder of the arrays.
        name: of the array's file, or of the list of paths beside it.

    Returns:
        None where none was recorded; "" where this array was not saved with the others.

    Raises:
        InputError: the record is damaged.
    """
    known = _read(data_dir)
    if known is None or not known.has_checksums:
        return None
    state = known.arrays.get(name)
    return state[2] if state else ""


class _Record(NamedTuple):
    """The content of `ORIGIN`."""

    origin: dict[str, Any]
    arrays: dict[str, list[Any] | None]
    found: dict[str, Any]

    @property
    def has_checksums(self) -> bool:
        """Not so in versions before 0.2."""
        states = [state for state in self.arrays.values() if state]
        return all(len(state) == 3 for state in states)

    def has_states_of(self, data_dir: Path) -> bool:
        """Tells whether the arrays there have this size and time of change."""
        return all(
            (state and state[:2]) == _state_of(data_dir / name)
            for name, state in self.arrays.items()
            if state or name != FILES  # an older one may lie there
        )


def _read(data_dir: Path) -> _Record | None:
    """Reads the record; None where there is none, or one that says too little.

    Raises:
        InputError: it is damaged.
    """
    path = data_dir / ORIGIN
    if not path.is_file():
        return None
    way_out = "remove it, and the next training reads the images again"
    with report_unreadable(path, way_out=way_out):
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("sha256", None)
        if checksum not in (None, _checksum_of_json(content)):
            raise ValueError("its SHA-256 is another than when it was saved")
        known = _Record(content["origin"], content["arrays"], content["found"])
        if not isinstance(known.origin["dataset"], str) or not _are_states(
            known.arrays
        ):
            raise ValueError("it is no record of arrays")
        if "counts" not in known.found:  # not there before 0.2
            return None
        if not all(isinstance(count, int) for count in known.found["counts"].values()):
            raise ValueError("its counts are no whole numbers")
        for name in ("skipped", "doubtful"):
            if not _are_lines(known.found.get(name, [])):
                raise ValueError(f"its {name} are no lines")
        if not _are_looks(known.found.get("looks", {})):
            raise ValueError("its looks of images are no whole numbers")
        if not _are_groups(known.found.get("duplicates", [])):
            raise ValueError("its duplicates are no rows and paths")
    return known


def _are_states(value: Any) -> bool:
    return {IMAGES, LABELS} <= value.keys() <= {IMAGES, LABELS, FILES} and all(
        state is None
        or [type(entry) for entry in state] in ([int, int], [int, int, str])
        for state in value.values()
    )


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _are_looks(value: Any) -> bool:
    return isinstance(value, dict) and all(
        type(number) is int
        for entry in value.values()
        for number in (entry if isinstance(entry, list) else [entry])
    )


def _are_groups(value: Any) -> bool:
    return isinstance(value, list) and all(
        [type(entry) for entry in each] == [int, str]
        for group in value
        for each in group
    )


def _content_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _state_of(path: Path) -> list[int] | None:
    """Size in bytes and time of change; None where there is no file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _checksum_of_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
