"""A dataset folder -> which files it has, and of which class."""

import os
import re
import shlex
from pathlib import Path

from foldergan.config.commands import flag_of
from foldergan.errors import InputError

LAYOUT = """expected one folder a class, with its images directly inside:
    {0}/cat/0001.jpg, 0002.png, ...
    {0}/dog/0001.jpg, ..."""


# What the parts of a split are called -> the option that takes one.
_PARTS = {
    "train": "dataset",
    "training": "dataset",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def list_files(dataset: Path, least_classes: int) -> dict[str, list[os.DirEntry[str]]]:
    """Lists a dataset alike on any system: by name, upper case before lower.

    Args:
        dataset: folder with one folder a class or, where no classes are needed,
            with images of its own. Hidden folders are no classes.
        least_classes: 0 takes the files beside the class folders too.

    Returns:
        Class name -> the entries of its folder, images or not; and "" -> those
        beside the class folders.

    Raises:
        InputError: the folder is not there, holds a split of folders with class
            folders inside, or has no class folders but needs some.
    """
    if not dataset.is_dir():
        what = "is no folder" if dataset.exists() else "does not exist"
        raise InputError(
            f"the dataset folder {dataset} {what}; {LAYOUT.format(dataset)}\nmake it",
            ("dataset",),
        )
    folders, loose = [], []
    for entry in _list(dataset):
        if not entry.is_dir():
            loose.append(entry)
        elif not entry.name.startswith("."):
            folders.append(entry)
    _refuse_split(dataset, folders)
    if least_classes and not folders:
        raise InputError(
            f"the dataset folder {dataset} has no class folders; "
            f"{LAYOUT.format(dataset)}"
        )
    if least_classes and loose:
        print(f"{len(loose)} files in {dataset} are in no class folder: not read")
        loose = []
    return {_as_class_name(folder): _list(folder) for folder in folders} | {"": loose}


def _refuse_split(dataset: Path, folders: list[os.DirEntry[str]]) -> None:
    """Says how to use a split that somebody made already."""
    parts = {_PARTS.get(folder.name.lower()): Path(folder) for folder in folders}
    if None in parts or "dataset" not in parts:
        return
    if any(entry.is_dir() for entry in _list(parts["dataset"])):
        flags = [
            f"{flag_of(option)} {shlex.quote(str(parts[option]))}"
            for option in ("dataset", "validation", "test")
            if option in parts
        ]
        raise InputError(
            f"{dataset} holds a split, with class folders inside of "
            f"{', '.join(folder.name for folder in folders)}; give the same command "
            f"with {' '.join(flags)}"
        )


def _list(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"{os.fspath(folder)} cannot be listed: {error.strerror}; unlock or "
            "remove it"
        ) from error


def _as_class_name(folder: os.DirEntry[str]) -> str:
    try:
        name = os.fsencode(folder.name).decode()  # whatever the locale takes it for
    except UnicodeDecodeError as error:
        raise InputError(
            f"the class folder {folder.path!r} has a name that is not UTF-8; rename it"
        ) from error
    if re.search("[\0-\x1f\x7f-\x9f]", name):  # a terminal would obey them
        raise InputError(
            f"the class folder {folder.path!r} has control characters in its name; "
            "rename it"
        )
    return name
