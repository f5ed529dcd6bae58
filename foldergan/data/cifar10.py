"""CIFAR-10 as Keras has it -> the arrays on disk."""

import os
from pathlib import Path

import numpy as np

from foldergan import backend, images
from foldergan.errors import InputError
from foldergan.storage import arrays, filenames

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


def build_cifar10_arrays(
    data_dir: Path, image_shape: tuple[int, int, int]
) -> list[str]:
    """Saves CIFAR-10's 50,000 training images as arrays (height, width, 3 or 1).

    Keras downloads them once, or takes the copy under KERAS_HOME.

    Returns:
        The ten class names, sorted: the order of the labels' columns.

    Raises:
        InputError: there is no copy and no network; the message says where to
            put the file.
    """
    made_from = arrays.describe(None, image_shape, [])
    if arrays.recall(data_dir, made_from):
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
            f"it at {archive}, or give a folder of images",
            ("dataset",),
        ) from error
    of_each = np.bincount(labels.ravel(), minlength=len(CIFAR10_CLASSES)).tolist()
    counts = dict(zip(CIFAR10_CLASSES, of_each, strict=True))
    with arrays.writing(data_dir, image_shape) as writer:
        for start in range(0, len(pixels), 256):
            some = pixels[start : start + 256]
            if image_shape[2] == 1:
                column = some.reshape(-1, some.shape[2], 3)  # one below the other
                grey = images.cv2.cvtColor(column, images.cv2.COLOR_RGB2GRAY)
                some = grey.reshape(*some.shape[:3], 1)
            writer.append(images.resize_all(some, image_shape) / np.float32(255))
        writer.finish(labels.ravel().tolist(), made_from, {"counts": counts})
    print(f"read {len(pixels)} images of {len(CIFAR10_CLASSES)} classes: CIFAR-10")
    return list(CIFAR10_CLASSES)
