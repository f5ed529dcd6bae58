"""A folder of pictures -> the arrays on disk."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from pipeline import backend, files, images
from pipeline.artifacts import arrays, names
from pipeline.errors import InputError

_LAYOUT = """expected one folder a class, with its pictures directly inside:
    {0}/cat/0001.jpg, 0002.png, ...
    {0}/dog/0001.jpg, ..."""
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_LISTED = 20  # skipped files that are named one by one


def build(
    options,
    source: str,
    image_shape: tuple[int, int, int],
    least_classes: int = 2,
    most_classes: int | None = None,
) -> list[str]:
    """Saves the arrays from wherever the flags and the preset say.

    Args:
        options: the flags: dataset, data_dir, strict.
        source: "cifar10", which holds unless a dataset was given, or "folder".
        image_shape: (height, width, channels) of every picture.
        least_classes: as of `build_arrays`.
        most_classes: as of `build_arrays`.

    Returns:
        Class names in the order of the labels' columns; none without classes.
    """
    if source == "cifar10" and not options.dataset:
        return build_cifar10_arrays(options.data_dir, image_shape)
    return build_arrays(
        options.dataset or Path("dataset"),
        options.data_dir,
        image_shape,
        strict=options.strict,
        least_classes=least_classes,
        most_classes=most_classes,
    )


def build_arrays(
    dataset: Path,
    data_dir: Path,
    image_shape: tuple[int, int, int],
    *,
    strict: bool = False,
    least_classes: int = 2,
    most_classes: int | None = None,
) -> list[str]:
    """Reads every picture of a folder and saves the arrays.

    What cannot be read is skipped and listed; a class with nothing to read is
    dropped, so that no column of the labels stands for nothing.

    Args:
        dataset: folder with one folder a class or, where no classes are needed,
            with pictures of its own; with those there are no labels to save.
        data_dir: folder for img_data.txt.npy and img_label.txt.npy.
        image_shape: (height, width, channels) of every picture.
        strict: makes an unreadable file an error.
        least_classes: fewer are an error; 0 needs none.
        most_classes: more are an error, if given.

    Returns:
        Class names, sorted: the order of the labels' columns. None where there
        are pictures outside of class folders.

    Raises:
        InputError: there is too little to read; nothing was overwritten.
    """
    folders, loose = _list_entries(dataset)
    if least_classes and not folders:
        raise InputError(
            f"the dataset folder {dataset} has no class folders; "
            f"{_LAYOUT.format(dataset)}"
        )
    if least_classes and loose:
        print(f"{len(loose)} files in {dataset} are in no class folder: not read")
        loose = []
    classes = [*folders.items(), ("", loose)]
    paths = [path for _, entries in classes for path in entries]
    names_of_all = [name for name, entries in classes for _ in entries]

    class_of_each, skipped = [], []
    with arrays.writing_images(data_dir / names.IMAGES, image_shape) as append:
        pictures = images.read_pictures(paths, image_shape)
        for path, name, picture in zip(paths, names_of_all, pictures, strict=True):
            if isinstance(picture, np.ndarray):
                append(picture)
                class_of_each.append(name)
            elif strict:
                raise InputError(f"{path} {picture}; mend or remove it")
            else:
                skipped.append(f"{path} {picture}")
        _report_skipped(skipped, len(paths))
        if not class_of_each:
            raise InputError(
                f"no file in {dataset} is a picture that can be read; put pictures, "
                "such as JPEG or PNG, there"
            )
        class_names = _usable_classes(dataset, folders, Counter(class_of_each))
        if len(class_names) < least_classes:
            raise InputError(
                f"{dataset} has pictures of one class only, {class_names[0]}; a "
                f"classifier needs two or more; {_LAYOUT.format(dataset)}"
            )
        if most_classes and len(class_names) > most_classes:
            raise InputError(
                f"{dataset} has {len(class_names)} classes and one sigmoid unit tells "
                f"{most_classes} apart; use --output softmax, or fewer class folders"
            )
    if class_names:
        column = {name: index for index, name in enumerate(class_names)}
        _save_labels(data_dir, np.array([column[name] for name in class_of_each]))
    else:
        files.set_aside(data_dir / names.LABELS)
    return class_names


def build_cifar10_arrays(
    data_dir: Path, image_shape: tuple[int, int, int]
) -> list[str]:
    """Saves CIFAR-10's 50,000 training pictures as the arrays.

    Keras downloads them once, or takes the copy under KERAS_HOME.

    Args:
        data_dir: folder for img_data.txt.npy and img_label.txt.npy.
        image_shape: (height, width, 3) to resize them to.

    Returns:
        The ten class names, sorted: the order of the labels' columns.

    Raises:
        InputError: there is no copy and no network; the message says where to
            put the file.
    """
    backend.load()
    import keras

    try:
        (pixels, labels), _ = keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras raises a bare one
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        archive = home / "datasets" / "cifar-10-batches-py-target_archive"
        raise InputError(
            f"CIFAR-10 could not be loaded ({error}); download "
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz elsewhere and put "
            f"it at {archive}, or give a folder of pictures with --dataset"
        ) from error
    with arrays.writing_images(data_dir / names.IMAGES, image_shape) as append:
        for picture in pixels:
            append(images.resize(picture, image_shape[:2]) / np.float32(255))
    _save_labels(data_dir, labels.ravel())
    print(f"read {len(pixels)} pictures of {len(CIFAR10_CLASSES)} classes: CIFAR-10")
    return list(CIFAR10_CLASSES)


def _save_labels(data_dir: Path, columns: np.ndarray) -> None:
    """Saves img_label.txt.npy; every column up to the largest is in use."""
    labels = np.eye(columns.max() + 1, dtype=np.float32)[columns]
    arrays.save_array(data_dir / names.LABELS, labels)


def _list_entries(dataset: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Lists a dataset alike on any system: by name, upper case before lower.

    Returns:
        Class name -> the entries of its folder, pictures or not; and the entries
        beside the class folders. Hidden folders are no classes.
    """
    if not dataset.is_dir():
        raise InputError(
            f"the dataset folder {dataset} does not exist; make it, or name another "
            f"with --dataset; {_LAYOUT.format(dataset)}"
        )
    folders, loose = {}, []
    for entry in _list(dataset):
        if not entry.is_dir():
            loose.append(entry)
        elif not entry.name.startswith("."):
            folders[_as_class_name(entry)] = _list(entry)
    return folders, loose


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be listed: {error.strerror}; unlock or remove it"
        ) from error


def _as_class_name(folder: Path) -> str:
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the class folder {str(folder)!r} has a name that is not UTF-8; rename it"
        ) from error
    return folder.name


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
    if counts[""]:  # pictures outside of class folders: there is no telling classes
        print(
            f"read {counts.total()} pictures, {counts['']} of them in no class folder"
        )
        return []
    class_names = [name for name in folders if counts[name]]
    figures = ", ".join(f"{name} {counts[name]}" for name in class_names)
    print(f"read {counts.total()} pictures: {figures}")
    return class_names
