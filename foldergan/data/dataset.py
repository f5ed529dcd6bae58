"""A folder of pictures -> the arrays on disk."""

import os
from collections import Counter
from pathlib import Path

import numpy as np

from foldergan import backend, images
from foldergan.data import decoding, folders
from foldergan.errors import InputError
from foldergan.progress import ReadingProgress
from foldergan.storage import arrays, atomic, filenames, locking, manifest

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
    with locking.arrays_folder(options.data_dir):
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
    dropped, so that no column of the labels stands for nothing. A folder that has
    not changed since its arrays were made is not read again.

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
    class_folders = folders.list_files(dataset, least_classes)
    entries = [entry for some in class_folders.values() for entry in some]

    def check(counts, skipped):
        if strict and skipped:
            raise InputError(f"{skipped[0]}; mend or remove it")
        _report_skipped(skipped, len(entries))
        class_names = _usable_classes(dataset, class_folders, counts)
        _refuse_number(dataset, class_names, least_classes, most_classes)
        return class_names

    made_from = manifest.describe(dataset, image_shape, entries)
    known = manifest.recall(data_dir, made_from)
    if known:
        images_path = data_dir / filenames.IMAGES
        print(f"{dataset} is as it was when {images_path} was made: not read again")
        return check(Counter(known["counts"]), known["skipped"])

    class_of_each, skipped = [], []
    with arrays.writing_images(data_dir / filenames.IMAGES, image_shape) as append:
        progress = ReadingProgress(len(entries))
        files_left = ((name, e) for name, some in class_folders.items() for e in some)
        paths = [entry.path for entry in entries]
        for pictures, problems in decoding.read_images(paths, image_shape):
            append(pictures)
            progress.on_images(len(problems))
            for problem, (name, entry) in zip(problems, files_left, strict=False):
                if problem:
                    skipped.append(f"{entry.path} {problem}")
                else:
                    class_of_each.append(name)
            if strict and skipped:
                break
        progress.done()
        counts = Counter(class_of_each)
        class_names = check(counts, skipped)
    if class_names:
        column = {name: index for index, name in enumerate(class_names)}
        _save_labels(data_dir, np.array([column[name] for name in class_of_each]))
    else:
        atomic.back_up(data_dir / filenames.LABELS)
    manifest.remember(data_dir, made_from, {"counts": counts, "skipped": skipped})
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
    made_from = manifest.describe(None, image_shape, [])
    if manifest.recall(data_dir, made_from):
        print(f"{data_dir / filenames.IMAGES} is CIFAR-10 already: not read again")
        return list(CIFAR10_CLASSES)

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
    with arrays.writing_images(data_dir / filenames.IMAGES, image_shape) as append:
        for start in range(0, len(pixels), 256):
            some = images.resize_all(pixels[start : start + 256], image_shape)
            append(some / np.float32(255))
    _save_labels(data_dir, labels.ravel())
    of_each = np.bincount(labels.ravel(), minlength=len(CIFAR10_CLASSES)).tolist()
    counts = dict(zip(CIFAR10_CLASSES, of_each, strict=True))
    manifest.remember(data_dir, made_from, {"counts": counts})
    print(f"read {len(pixels)} pictures of {len(CIFAR10_CLASSES)} classes: CIFAR-10")
    return list(CIFAR10_CLASSES)


def _save_labels(data_dir: Path, columns: np.ndarray) -> None:
    """Saves img_label.txt.npy; every column up to the largest is in use."""
    labels = np.eye(columns.max() + 1, dtype=np.float32)[columns]
    arrays.save_array(data_dir / filenames.LABELS, labels)


def _report_skipped(skipped: list[str], total: int) -> None:
    if skipped:
        print(f"skipped {len(skipped)} of {total} files:")
    for line in skipped[:_LISTED]:
        print(f"  {line}")
    if len(skipped) > _LISTED:
        print(f"  ... and {len(skipped) - _LISTED} more")


def _usable_classes(dataset: Path, class_folders, counts: Counter) -> list[str]:
    """Reports what was read and names the classes that have pictures."""
    if not counts:
        raise InputError(
            f"no file in {dataset} is a picture that can be read; put pictures, "
            "such as JPEG or PNG, there"
        )
    for name in class_folders:
        if name and not counts[name]:
            print(f"warning: {dataset / name} has no picture to read; class dropped")
    if counts[""]:  # pictures outside of class folders: there is no telling classes
        print(
            f"read {counts.total()} pictures, {counts['']} of them in no class folder"
        )
        return []
    class_names = [name for name in class_folders if counts[name]]
    figures = ", ".join(f"{name} {counts[name]}" for name in class_names)
    print(f"read {counts.total()} pictures: {figures}")
    return class_names


def _refuse_number(dataset: Path, class_names, least: int, most: int | None) -> None:
    """Says which number of classes will not do."""
    if len(class_names) < least:
        raise InputError(
            f"{dataset} has pictures of one class only, {class_names[0]}; a "
            f"classifier needs two or more; {folders.LAYOUT.format(dataset)}"
        )
    if most and len(class_names) > most:
        raise InputError(
            f"{dataset} has {len(class_names)} classes and one sigmoid unit tells "
            f"{most} apart; use --output softmax, or fewer class folders"
        )
