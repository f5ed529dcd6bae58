"""Images of another folder, for the training part alone or held out."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from foldergan.config.settings import GROUPING, Data
from foldergan.data import dataset, folders, groups, splits
from foldergan.errors import InputError
from foldergan.images import Joined
from foldergan.storage import arrays, exports, locking


class ExtraImages(NamedTuple):
    """Images beside those of the arrays."""

    images: np.ndarray  # float32 (n, height, width, channels), 0-1; lie on disk
    labels: np.ndarray  # float32 one-hot (n, classes), columns like the arrays' labels
    about: dict[str, Any]  # JSON values, what they are, for the record of a training
    identity: str  # of their arrays, see `arrays.identify`
    # What their generator was trained on; see `run_directory.describe_training`; None
    # where nothing is known of it.
    trained_on: dict[str, Any] | None


def load(
    folder: Path,
    own_dir: Path,
    class_names: list[str],
    image_shape: tuple[int, int, int],
    strict: bool,
    option: str,
) -> ExtraImages:
    """Reads a folder of images of the same classes, or of some of them.

    Args:
        folder: with one folder a class, such as an export of generated images.
        own_dir: folder for their arrays, inside that of the dataset's, so that nothing
            that reads those ever finds them there.
        class_names: of the dataset.
        image_shape: (height, width, channels) to read them as.
        strict: makes an unreadable file an error.
        option: that names the folder.

    Raises:
        InputError: the folder is not there, has other classes, or nothing to read.
    """
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist", (option,))
    others = sorted(folders.list_files(folder, 1).keys() - {*class_names, ""})
    if others:
        raise InputError(
            f"{folder} has the class{'es' * (len(others) > 1)} {', '.join(others)}, "
            f"and the dataset has {', '.join(class_names)} only; rename or remove "
            f"{'them' if len(others) > 1 else 'it'}",
            (option,),
        )
    with locking.arrays_folder(own_dir):
        how = arrays.load_source(own_dir.parent).resize
        data = Data(image_shape=image_shape, resize=how)
        names = dataset.build(folder, own_dir, data, strict=strict, least_classes=1)
        images = arrays.load_images(own_dir)
        own_labels = arrays.load_labels(own_dir, len(images))
        identity = arrays.identify(own_dir)
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
    return ExtraImages(images, labels, about, identity, trained_on)


def add(
    extra: ExtraImages, part: str, data: splits.LabelledImages
) -> splits.LabelledImages:
    """Adds images behind those of the arrays, and to the rows of one part."""
    added = np.arange(len(data.images), len(data.images) + len(extra.images))
    return splits.LabelledImages(
        Joined(data.images, extra.images),
        np.concatenate([data.labels, extra.labels]),
        data.rows | {part: np.concatenate([data.rows[part], added])},
    )


def warn_of_duplicates(
    extra: ExtraImages, folder: Path, images: np.ndarray | Joined, identity: str
) -> None:
    """Warns of held-out images that are in the dataset too, exactly or nearly.

    `folder`, that of their arrays, keeps the near duplicates; the dataset is told by
    its images and their identity.
    """
    count, exact, near = len(images), 0, 0
    both = f"{identity} beside {extra.identity}"
    for group in groups.find_near(folder, both, Joined(images, extra.images)):
        rows = np.array(group)
        of_dataset = images[rows[rows < count]]
        held_out = extra.images[rows[rows >= count] - count]
        for image in held_out if len(of_dataset) else ():
            is_exact = (image == of_dataset).all((1, 2, 3)).any()
            exact, near = exact + int(is_exact), near + int(not is_exact)
    name = extra.about["folder"]
    if exact or near:
        print(
            f"warning: of {len(extra.images)} images of {name} {exact} are in the "
            f"dataset too and {near} have a near duplicate there, so that their "
            "figures flatter; remove them from one of the two"
        )
    else:
        print(f"no image of {name} is in the dataset too, nor a near duplicate")


def warn_of_leak(
    extra: ExtraImages, data_dir: Path, identity: str, data: splits.LabelledImages
) -> None:
    """Warns where a generator was trained on images of the arrays that are held out.

    It drew `extra`; `identity` and `data` are of the arrays, in `data_dir`.
    """
    known = extra.trained_on
    if known is None or known["data"] != identity:
        return
    unseen = np.arange(0)
    if known["held_out"]:
        grouping = Data().override({name: known[name] for name in GROUPING})
        parts = splits.hold_out(
            data.labels,
            known["held_out"],
            known["seed"],
            groups.load(data_dir, identity, grouping, data.images).group_of,
        )
        unseen = parts["held out"]
    held_out = np.concatenate([data.rows["validation"], data.rows["test"]])
    leaked = np.setdiff1d(held_out, unseen)
    if len(leaked):
        print(
            f"warning: the generator was trained on {len(leaked)} of the "
            f"{len(held_out)} images that are held out here, so that figures of these "
            "flatter what it draws; train it with the same fraction of each class "
            "held out, from the same seed"
        )
