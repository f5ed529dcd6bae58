"""What files were made from and with."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from foldergan.config.presets import Preset
from foldergan.errors import InputError, report_unreadable
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
    """

    source: str
    class_names: list[str] | None


def load_arrays(data_dir: Path) -> Arrays:
    """Tells what the arrays that lie in a folder now were made from."""
    origin, found = _recorded(data_dir)
    if origin is None or found is None:
        return Arrays("an unknown source", None)
    return Arrays(origin["dataset"], sorted(found["counts"]))


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
    model_dir: Path,
    script: str,
    preset: Preset,
    versions: dict[str, str],
    **others: Any,
) -> None:
    """Saves run_<script>.json: the settings in force and what they ran on.

    Args:
        model_dir: folder to save it in.
        script: its name, without .py.
        preset: with all settings.
        versions: as of `backend.versions`.
        others: further JSON values, such as a fingerprint of the images.
    """
    record = {"preset": dataclasses.asdict(preset), "versions": versions} | others
    save_json(model_dir / f"run_{script}.json", record)


def describe_training(model_dir: Path) -> dict[str, Any] | None:
    """Names the images that the generators of a folder were trained on.

    Returns:
        pictures, as of `arrays.fingerprint`, image_shape, and held_out and seed of the
        split; None where the training is not recorded, or by a version before 0.3.
    """
    try:
        record = load_run(model_dir, "GANModel")
    except InputError:
        return None
    known = record["preset"]["gan"]
    if "pictures" not in record:
        return None
    return {
        "pictures": record["pictures"],
        "image_shape": known["image_shape"],
        "held_out": known["held_out"],
        "seed": record["preset"]["seed"],
    }


def load_run(model_dir: Path, script: str) -> dict[str, Any]:
    """Loads what `save_run` saved.

    Raises:
        InputError: missing or damaged.
    """
    path = model_dir / f"run_{script}.json"
    way_out = f"run: python {script}.py"
    if not path.is_file():
        raise InputError(f"{path} not found; {way_out}")
    with report_unreadable(path, way_out=way_out):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "preset" not in record:
            raise ValueError("it records no settings")
    return record
