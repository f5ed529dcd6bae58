"""Images of another folder, for the training part alone."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foldergan.data import dataset, folders, splits
from foldergan.errors import InputError
from foldergan.images import Joined
from foldergan.storage import arrays, exports, filenames, locking


class ExtraImages(NamedTuple):
    """Images beside those of the arrays.

    Attributes:
        images: float32 (n, height, width, channels), 0-1; lie on disk.
        labels: float32 one-hot (n, classes), columns as of the arrays' labels.
        about: JSON values, what they are, for the record of a training.
        trained_on: what their generator was trained on, as of
            `runs.describe_training`; None where nothing is known of it.
    """

    images: np.ndarray
    labels: np.ndarray
    about: dict[str, Any]
    trained_on: dict[str, Any] | None


def load(
    folder: Path,
    data_dir: Path,
    class_names: list[str],
    image_shape: tuple[int, int, int],
    strict: bool,
) -> ExtraImages:
    """Reads a folder of images of the same classes, or of some of them.

    Their arrays lie in a folder of their own in `data_dir`, so that nothing that reads
    the arrays of the dataset ever finds them there.

    Args:
        folder: with one folder a class, such as an export of generated images.
        data_dir: folder of the arrays.
        class_names: of the dataset.
        image_shape: (height, width, channels) to read them as.
        strict: makes an unreadable file an error.

    Raises:
        InputError: the folder is not there, has other classes, or nothing to read.
    """
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist", ("augment_with",))
    others = folders.list_files(folder, 1).keys() - {*class_names, ""}
    if others:
        raise InputError(
            f"{folder} has the class {min(others)}, and the dataset has "
            f"{', '.join(class_names)} only; rename or remove it",
            ("augment_with",),
        )
    own_dir = data_dir / filenames.EXTRA
    with locking.arrays_folder(own_dir):
        names = dataset.build_arrays(
            folder, own_dir, image_shape, strict=strict, least_classes=1
        )
        images = arrays.load_images(own_dir)
        own_labels = arrays.load_labels(own_dir, len(images))
    labels = np.zeros((len(images), len(class_names)), np.float32)
    labels[:, [class_names.index(name) for name in names]] = own_labels
    record = exports.find_record(folder)
    if record and not exports.is_complete(folder):
        print(f"warning: {folder} is an export that has not come to its end")
    counts = labels.sum(0).astype(int).tolist()
    about = {
        "folder": str(folder),
        "images": dict(zip(class_names, counts, strict=True)),
        "export": record and record["made_from"],
    }
    trained_on = record and record["about"].get("trained_on")
    return ExtraImages(images, labels, about, trained_on)


def add_to_training(
    extra: ExtraImages, images: np.ndarray, labels: np.ndarray, rows: splits.Parts
) -> tuple[Joined, np.ndarray, splits.Parts]:
    """Adds images behind those of the arrays, and to the rows to train on.

    Args:
        extra: to add.
        images: float32 array (n, height, width, channels), 0-1.
        labels: float32 one-hot array (n, classes).
        rows: as of `splits.split_in_three`; the other parts stay as they are.

    Returns:
        All images, their labels, and the rows.
    """
    added = np.arange(len(images), len(images) + len(extra.images))
    training = np.concatenate([rows["training"], added])
    return (
        Joined(images, extra.images),
        np.concatenate([labels, extra.labels]),
        rows | {"training": training},
    )


def warn_of_leak(
    extra: ExtraImages, identity: str, labels: np.ndarray, rows: splits.Parts
) -> None:
    """Warns where the generator was trained on images that are held out here.

    Args:
        extra: drawn images.
        identity: of the arrays, as of `arrays.identify`.
        labels: of the arrays, as of `add_to_training`.
        rows: the same.
    """
    known = extra.trained_on
    if known is None:
        return
    if known["data"] != identity:
        return
    unseen = np.arange(0)
    if known["held_out"]:
        _, unseen = splits.hold_out(labels, known["held_out"], known["seed"])
    held_out = np.concatenate([rows["validation"], rows["test"]])
    leaked = np.setdiff1d(held_out, unseen)
    if len(leaked):
        print(
            f"warning: the generator was trained on {len(leaked)} of the "
            f"{len(held_out)} images that are held out here, so that figures of these "
            "flatter what it draws; train it with the same fraction of each class "
            "held out, from the same seed"
        )
