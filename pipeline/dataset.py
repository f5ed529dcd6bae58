"""A folder of pictures -> the arrays on disk."""

from collections import Counter
from pathlib import Path

import numpy as np

from pipeline import artifacts, images
from pipeline.errors import InputError

_LAYOUT = """expected one folder a class, with its pictures directly inside:
    {0}/cat/0001.jpg, 0002.png, ...
    {0}/dog/0001.jpg, ..."""
_LISTED = 20  # skipped files that are named one by one


def build_arrays(
    dataset: Path, data_dir: Path, image_shape: tuple[int, int, int], strict: bool
) -> list[str]:
    """Reads every picture of every class and saves the two arrays.

    What cannot be read is skipped and listed; a class with nothing to read is
    dropped, so that no column of the labels stands for nothing.

    Args:
        dataset: folder with one folder a class.
        data_dir: folder for img_data.txt.npy and img_label.txt.npy.
        image_shape: (height, width, channels) of every picture.
        strict: makes an unreadable file an error.

    Returns:
        Class names, sorted: the order of the labels' columns.

    Raises:
        InputError: fewer than two classes have pictures; nothing was overwritten.
    """
    folders = list_class_folders(dataset)
    paths = [path for name in folders for path in folders[name]]
    class_of_each, skipped = [], []
    with artifacts.writing_images(data_dir / artifacts.IMAGES, image_shape) as append:
        pictures = images.read_pictures(paths, image_shape)
        for path, picture in zip(paths, pictures, strict=True):
            if isinstance(picture, np.ndarray):
                append(picture)
                class_of_each.append(path.parent.name)
            elif strict:
                raise InputError(f"{path} {picture}; mend or remove it")
            else:
                skipped.append(f"{path} {picture}")
        _report_skipped(skipped, len(paths))
        class_names = _usable_classes(dataset, folders, Counter(class_of_each))

    columns = np.searchsorted(class_names, class_of_each)
    labels = np.eye(len(class_names), dtype=np.float32)[columns]
    artifacts.save_array(data_dir / artifacts.LABELS, labels)
    return class_names


def list_class_folders(dataset: Path) -> dict[str, list[Path]]:
    """Lists the entries of every class folder, sorted alike on any system.

    Args:
        dataset: folder with one folder a class. Hidden folders are no classes.

    Returns:
        Class name -> its entries, pictures or not, both sorted by name.

    Raises:
        InputError: there is no such folder, or it holds no class folders.
    """
    layout = _LAYOUT.format(dataset)
    if not dataset.is_dir():
        raise InputError(
            f"the dataset folder {dataset} does not exist; make it, or name another "
            f"with --dataset; {layout}"
        )
    folders = sorted(
        entry.name
        for entry in _list(dataset)
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not folders:
        raise InputError(f"the dataset folder {dataset} has no class folders; {layout}")
    return {name: sorted(_list(dataset / name)) for name in folders}


def _list(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed: {error.strerror}; unlock or remove it"
        ) from error


def _report_skipped(skipped: list[str], total: int) -> None:
    if skipped:
        print(f"skipped {len(skipped)} of {total} files:")
    for line in skipped[:_LISTED]:
        print(f"  {line}")
    if len(skipped) > _LISTED:
        print(f"  ... and {len(skipped) - _LISTED} more")


def _usable_classes(dataset: Path, folders, counts: Counter) -> list[str]:
    """Reports what was read and names the classes that have pictures."""
    for name in folders:
        if not counts[name]:
            print(f"warning: {dataset / name} has no picture to read; class dropped")
    class_names = [name for name in folders if counts[name]]
    if not class_names:
        raise InputError(
            f"no file in {dataset} is a picture that can be read; put pictures, such "
            "as JPEG or PNG, into its class folders"
        )
    if len(class_names) < 2:
        raise InputError(
            f"{dataset} has pictures of one class only, {class_names[0]}; a classifier "
            f"needs two or more; {_LAYOUT.format(dataset)}"
        )
    figures = ", ".join(f"{name} {counts[name]}" for name in class_names)
    print(f"read {counts.total()} pictures: {figures}")
    return class_names
