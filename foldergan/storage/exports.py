"""A dataset folder of generated images, which grows batch by batch and can be resumed.

    DIR/<class>/gen_000001.png ...
    DIR/export.json    what it was made from, how far it is
    DIR/SHA256SUMS     once it is complete; as `sha256sum` writes it

`export.json` counts the images that are whole on disk. A run that was stopped has at
most written some beyond that count, which the next one draws and writes again alike.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.errors import InputError, differences, report_unreadable
from foldergan.storage import atomic, locking, models, plots, run_directory, tables
from foldergan.storage.filenames import CHECKSUMS, EXPORT, EXPORTED
from foldergan.storage.seals import checksum_of


class Export:
    """One export, new or resumed.

    Args:
        folder: of the export; use it inside `locking.export_folder`.
        made_from: JSON values that must be the same when it resumes.
        about: further JSON values to record.
    """

    def __init__(
        self, folder: Path, made_from: dict[str, Any], about: dict[str, Any]
    ) -> None:
        self.folder = folder
        self._record = {"made_from": made_from, "about": about}
        self._unsynced: list[Path] = []

    def load(self) -> dict[str, Any] | None:
        """Loads the state that was saved last; None in a new folder.

        Raises:
            InputError: the folder is of another export, or of something else.
        """
        record = read_record(self.folder)
        if record is None:
            return None
        if changed := differences(record["made_from"], self._record["made_from"]):
            raise InputError(
                f"{self.folder} is an export of other settings: {'; '.join(changed)}; "
                "give the old ones again",
                ("export",),
            )
        return record["state"]

    def save_image(self, class_name: str, number: int, image: np.ndarray) -> None:
        """Saves an image, float array (height, width, 1 or 3), 0-1, of a class."""
        path = self._path_of(class_name, number)
        if number == 1:
            locking.make_writable_folder(path.parent)
        plots.save_image(path, image, synced=False)
        self._unsynced.append(path)

    def save_state(self, state: dict[str, Any]) -> None:
        """Saves JSON values to resume from, once the images that they count are saved.

        Args:
            state: "kept" of it counts the images by class; further values as needed.
        """
        atomic.sync(self._unsynced)
        self._unsynced.clear()
        record = tables.with_checksum(self._record | {"state": state})
        tables.save_json(self.folder / EXPORT, record)

    def save_checksums(self, kept: dict[str, int]) -> None:
        """Writes the checksum of every image, or looks that all are there still.

        Args:
            kept: class -> images.

        Raises:
            InputError: an image has gone since it was saved.
        """
        lines, is_new = [], not is_complete(self.folder)
        for class_name, count in kept.items():
            for number in range(1, count + 1):
                path = self._path_of(class_name, number)
                if not path.is_file():
                    raise InputError(f"{path} is no longer there", ("export",))
                if is_new:
                    lines.append(f"{checksum_of(path)}  {class_name}/{path.name}\n")
        if is_new:
            tables.save_text(self.folder / CHECKSUMS, "".join(lines))

    def _path_of(self, class_name: str, number: int) -> Path:
        """Names an image's file, in UTF-8 whatever the locale."""
        folder = self.folder / os.fsdecode(class_name.encode())
        return folder / EXPORTED.format(number=number)


def open_export(
    folder: Path,
    generator_path: Path,
    model_dir: Path,
    checksums: dict[str, str] | None,
    settings: dict[str, Any],
    versions: dict[str, str],
) -> Export:
    """Opens the export of exactly these networks and settings.

    Args:
        folder: of the export.
        generator_path: file of the generator.
        model_dir: folder of the classifier.
        checksums: those of `checksums_of`, from before the networks were loaded.
        settings: JSON values that decide what is drawn and kept; of these images is
            class name -> how many.
        versions: those of `backend.versions`.

    Raises:
        InputError: a class cannot have a folder of its name, or a network was
            replaced while it was loaded.
    """
    for name in settings["images"]:
        if not name or name.startswith(".") or {"/", "\\"} & set(name):
            raise InputError(
                f"the class {name!r} cannot have a folder of its name; train both "
                "networks on a dataset where it has another"
            )
    networks = checksums_of(generator_path, model_dir)
    if networks != checksums:
        raise InputError(
            f"{generator_path} or the classifier in {model_dir} was replaced while it "
            "was loaded; give the same command again"
        )
    about = {
        "generator": str(generator_path),
        "trained_on": run_directory.describe_training(generator_path),
        "versions": versions,
    }
    return Export(folder, networks | settings, about)


def checksums_of(generator_path: Path, model_dir: Path) -> dict[str, str]:
    """Computes those of generator and classifier, which an export depends on."""
    return {
        "generator": checksum_of(generator_path),
        "classifier": models.fingerprint_classifier(model_dir),
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """Reads what is recorded of an export.

    Args:
        folder: of the export; need not exist.

    Returns:
        made_from, about and state, those of `Export`; None where the folder is new, or
        holds nothing but hidden files.

    Raises:
        InputError: it holds something else, or the record is damaged.
    """
    record = find_record(folder)
    if record:
        return record
    if folder.is_dir() and any(path.name[0] != "." for path in folder.iterdir()):
        raise InputError(
            f"the folder {folder} is not empty, and no export that could resume",
            ("export",),
        )
    return None


def find_record(folder: Path) -> dict[str, Any] | None:
    """Reads the same of any folder; None where it is no export.

    Raises:
        InputError: the record is damaged.
    """
    path = folder / EXPORT
    if not path.is_file():
        return None
    with report_unreadable(path, way_out="remove it, or name another folder"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "sha256" in record:  # not there before 0.4
            record = tables.without_checksum(record)
        parts = (record[name] for name in ("made_from", "about", "state"))
        if not all(isinstance(part, dict) for part in parts):
            raise ValueError("it is no record of an export")
        if known := record["about"].get("trained_on"):
            record["about"]["trained_on"] = run_directory.read_training(known)
        return record


def is_complete(folder: Path) -> bool:
    """Tells whether an export has its checksums, which is what comes last."""
    return (folder / CHECKSUMS).is_file()
