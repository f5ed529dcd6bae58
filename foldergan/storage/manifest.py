"""What files were made from and with."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from foldergan.config.presets import Preset
from foldergan.storage.filenames import IMAGES, LABELS, ORIGIN
from foldergan.storage.tables import save_json


def describe(
    dataset: Path | None,
    image_shape: tuple[int, int, int],
    entries: list[os.DirEntry[str]],
) -> dict[str, Any]:
    """Names everything that the arrays depend on, without reading an image.

    Args:
        dataset: folder of the images; None for CIFAR-10.
        image_shape: (height, width, channels) of every image in the array.
        entries: every file, in the order in which they are read. One counts as
            changed when its path, size or time of change is another.

    Returns:
        A dict that JSON can hold.
    """
    digest = hashlib.sha256()
    for entry in entries:
        try:
            status = entry.stat()
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError as error:  # such as a link to nowhere
            state = str(error.errno)
        digest.update(os.fsencode(entry.path) + f"\0{state}\n".encode())
    return {
        "dataset": str(dataset.resolve()) if dataset else "CIFAR-10",
        "image_shape": list(image_shape),
        "files": len(entries),
        "digest": digest.hexdigest(),
    }


def remember(data_dir: Path, origin: dict[str, Any], found: dict[str, Any]) -> None:
    """Records what the arrays that lie in a folder now were made from.

    Args:
        data_dir: folder of the arrays.
        origin: as of `describe`.
        found: what else there is to say of it, for `recall` to give back; `counts`
            of it names the classes.
    """
    record = {"origin": origin, "arrays": _states(data_dir), "found": found}
    save_json(data_dir / ORIGIN, record)


def recall(data_dir: Path, origin: dict[str, Any]) -> dict[str, Any] | None:
    """Finds out whether the arrays in a folder are those of this origin.

    Returns:
        What `remember` was given as found; None where anything differs, such as the
        arrays themselves, or the record cannot be read.
    """
    recorded, found = _recorded(data_dir)
    return found if recorded == origin else None


class Arrays(NamedTuple):
    """What is known of the arrays that lie in a folder now.

    Attributes:
        source: what they were made from, for people.
        class_names: in the order of the labels' columns; None where nothing is known,
            such as of arrays that were made elsewhere.
        skipped: a line for each file that could not be read: its path, and why.
    """

    source: str
    class_names: list[str] | None
    skipped: list[str]


def load_arrays(data_dir: Path) -> Arrays:
    """Tells what the arrays that lie in a folder now were made from."""
    origin, found = _recorded(data_dir)
    if origin is None or found is None:
        return Arrays("an unknown source", None, [])
    skipped = found.get("skipped", [])  # CIFAR-10 has no files to skip
    return Arrays(origin["dataset"], sorted(found["counts"]), skipped)


def _recorded(
    data_dir: Path,
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Reads origin and found of the arrays as they are; None where it says nothing."""
    try:
        record = json.loads((data_dir / ORIGIN).read_text(encoding="utf-8"))
        is_of_them = record["arrays"] == _states(data_dir)
        if is_of_them and "counts" in record["found"]:  # not so in older versions
            return record["origin"], record["found"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None, None


def _states(data_dir: Path) -> dict[str, list[int] | None]:
    """Size in bytes and time of change of both arrays; None where there is none."""
    states: dict[str, list[int] | None] = {}
    for name in (IMAGES, LABELS):
        try:
            status = os.stat(data_dir / name)
            states[name] = [status.st_size, status.st_mtime_ns]
        except FileNotFoundError:
            states[name] = None
    return states


def save_run(
    model_dir: Path, script: str, preset: Preset, versions: dict[str, str]
) -> None:
    """Saves run_<script>.json: the settings in force and what they ran on."""
    record = {"preset": dataclasses.asdict(preset), "versions": versions}
    save_json(model_dir / f"run_{script}.json", record)
