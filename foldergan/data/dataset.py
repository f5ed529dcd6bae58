"""A folder of images -> the arrays on disk."""

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

from foldergan.config.settings import Data
from foldergan.data import cifar10, folders, inspection, reading
from foldergan.errors import InputError
from foldergan.storage import arrays, filenames

_LISTED = 20  # files, or groups of files, that are named


def build(
    dataset: Path | None,
    data_dir: Path,
    data: Data,
    *,
    strict: bool = False,
    least_classes: int = 2,
    most_classes: int | None = None,
) -> list[str]:
    """Saves the arrays of a folder, or of CIFAR-10 where the settings name that.

    What cannot be read is skipped and listed; a class with nothing to read is
    dropped, so that no column of the labels stands for nothing. A folder that has
    not changed since its arrays were made is not read again.

    Use it inside `locking.arrays_folder`, and load the arrays there too: another run
    could replace them in between, and these class names would be of others.

    Args:
        dataset: folder with one folder a class or, where no classes are needed,
            with images of its own; with those there are no labels to save. None for
            `data.source`, where "folder" is dataset/.
        data_dir: folder for img_data.txt.npy and img_label.txt.npy.
        data: its source, image_shape, resize and channels.
        strict: makes an unreadable file an error.
        least_classes: fewer are an error; 0 needs none.
        most_classes: more are an error, if given.

    Returns:
        Class names, sorted: the order of the labels' columns. Empty where there
        are images outside of class folders.

    Raises:
        InputError: there is too little to read; nothing was overwritten.
    """
    if data.source == "cifar10" and not dataset:
        return cifar10.build_cifar10_arrays(data_dir, data.image_shape)
    dataset = dataset or Path("dataset")
    class_folders = folders.list_files(dataset, least_classes)
    files = [(name, entry) for name, some in class_folders.items() for entry in some]
    entries = [entry for _, entry in files]
    paths = [entry.path for entry in entries]

    def check(found: dict[str, Any]) -> list[str]:
        warn_of_classes(found.get("duplicates", []))
        if strict and found["skipped"]:
            raise InputError(f"{found['skipped'][0]}; mend or remove it")
        list_problems(found["skipped"], found.get("doubtful", []), len(files))
        class_names = _usable_classes(dataset, class_folders, Counter(found["counts"]))
        for line in inspection.first_lines(found, data.image_shape, data.resize):
            print(line)
        _refuse_number(dataset, class_names, least_classes, most_classes)
        return class_names

    image_shape = data.image_shape
    made_from = arrays.describe(
        dataset, image_shape, entries, data.resize, data.channels
    )
    if known := arrays.recall(data_dir, made_from):
        images_path = data_dir / filenames.IMAGES
        print(f"{dataset} is as it was when {images_path} was made: not read again")
        return check(known)

    if data.channels == "auto" and inspection.are_likely_grey(paths):
        image_shape = (*image_shape[:2], 1)
    with arrays.writing(data_dir, image_shape) as writer:
        read = reading.read_all(paths, image_shape, data.resize, writer.append, strict)
        class_of_each = [files[number][0] for number in read.numbers]
        paths = [paths[number] for number in read.numbers]
        found: dict[str, Any] = {
            "counts": Counter(class_of_each),
            "skipped": read.skipped,
            "doubtful": read.doubtful,
            "duplicates": [[(row, paths[row]) for row in rows] for rows in read.same],
        }
        if read.facts:
            found["looks"] = inspection.Looks.of(read.facts, image_shape)._asdict()
        class_names = check(found)
        column = {name: index for index, name in enumerate(class_names)}
        ids = [column[name] for name in class_of_each] if class_names else None
        folder = os.path.join(dataset, "")
        in_folder = (path.removeprefix(folder).replace(os.sep, "/") for path in paths)
        writer.finish(ids, made_from, found, in_folder)
    return class_names


def warn_of_classes(groups: list[list[tuple[int, str]]]) -> None:
    """Warns of images, row and path, that are the same and in several classes."""
    together = [[path for _, path in group] for group in groups]
    mixed = [paths for paths in together if len(set(map(os.path.dirname, paths))) > 1]
    if mixed:
        images = "1 image is" if len(mixed) == 1 else f"{len(mixed)} images are"
        _print_some(
            f"warning: {images} in several classes, the same to the last bit; keep "
            "each in one:",
            [" = ".join(paths[:_LISTED]) for paths in mixed],
        )


def list_problems(skipped: list[str], doubtful: list[str], total: int) -> None:
    """Prints lines of which of `total` files were skipped, and which may be damaged."""
    for title, lines in (
        (f"skipped {len(skipped)} of {total} files:", skipped),
        ("read, and perhaps damaged, for their libraries say:", doubtful),
    ):
        if lines:
            _print_some(title, lines)


def _print_some(title: str, lines: list[str]) -> None:
    print(title)
    for line in inspection.some(lines, _LISTED):
        print(f"  {line}")


def _usable_classes(
    dataset: Path, class_folders: Collection[str], counts: Counter[str]
) -> list[str]:
    """Reports what was read and names the classes that have images."""
    if not counts:
        raise InputError(
            f"no file in {dataset} is an image that can be read; put images, "
            "such as JPEG or PNG, there"
        )
    for name in class_folders:
        if name and not counts[name]:
            print(f"warning: {dataset / name} has no image to read; class dropped")
    if counts[""]:  # images outside of class folders: there is no telling classes
        print(f"read {counts.total()} images, {counts['']} of them in no class folder")
        return []
    class_names = [name for name in class_folders if counts[name]]
    figures = ", ".join(f"{name} {counts[name]}" for name in class_names)
    print(f"read {counts.total()} images: {figures}")
    return class_names


def _refuse_number(
    dataset: Path, class_names: list[str], least: int, most: int | None
) -> None:
    """Says which number of classes will not do."""
    if len(class_names) < least:
        raise InputError(
            f"{dataset} has images of one class only, {class_names[0]}; a "
            f"classifier needs two or more; {folders.LAYOUT.format(dataset)}"
        )
    if most and len(class_names) > most:
        raise InputError(
            f"{dataset} has {len(class_names)} classes and one sigmoid unit tells "
            f"{most} apart; use softmax, or fewer class folders",
            ("output",),
        )
