"""What the networks learn from: how many images of which class, and a few of them."""

from pathlib import Path
from typing import Any

import numpy as np

from foldergan.data import groups
from foldergan.errors import InputError
from foldergan.images import Images
from foldergan.report import runs, thumbnails
from foldergan.storage import arrays, filenames, tables

FILE = "dataset.json"
_SHOWN_OF_EACH = 12  # images a class
_SHOWN = 240
_BYTES = 1_200_000
_MOST_CLASSES = 1000
_MOST_SKIPPED = 200
_UNBALANCED = 1.5  # times as many images as the smallest class has
_SHOWN_PAIRS = 12


def describe(
    data_dir: Path, images: Images, class_names: list[str] | None = None
) -> dict[str, Any]:
    """Counts the images of each class and makes thumbnails of some, for `section`.

    They are those of the arrays, float32 (n, height, width, channels), 0-1, which may
    lie on disk; class names are in the order of the labels' columns.
    """
    known = arrays.load_source(data_dir)
    try:
        labels = arrays.load_labels(data_dir, len(images))
    except InputError:  # of no classes, which not every GAN needs
        labels = np.ones((len(images), 1), np.float32)
        class_names = [""]
    class_ids = labels.argmax(1)
    counts = labels.sum(0).astype(int)
    names = class_names or known.class_names or []
    if len(names) != len(counts):
        names = [f"class {number + 1}" for number in range(len(counts))]
    shown = thumbnails.thin(range(len(names)), _SHOWN)
    of_each = min(_SHOWN_OF_EACH, _SHOWN // len(shown))
    if len(counts) == 1:
        of_each *= 3
    near = groups.load_near(data_dir, arrays.identify(data_dir), len(images)) or []
    pairs = np.array([group[:2] for group in thumbnails.thin(near, _SHOWN_PAIRS)])
    pictures = [
        {"class": number, "image": thumbnails.encode(images[np.array([row])][0])}
        for number in shown
        for row in thumbnails.thin(
            np.flatnonzero(class_ids == number).tolist(), of_each
        )
    ]
    return {
        "source": Path(known.source).name,  # the page may be sent to others
        "classes": names,
        "counts": counts.tolist(),
        "shape": list(images.shape[1:]),
        "skipped": known.skipped[:_MOST_SKIPPED],
        "skipped_in_all": len(known.skipped),
        "pictures": thumbnails.fit(pictures, _BYTES),
        "near_duplicates": {
            "images": sum(map(len, near)),
            "groups": len(near),
            "pairs": [list(map(thumbnails.encode, images[pair])) for pair in pairs],
        },
    }


def section(model_dir: Path) -> dict[str, Any] | None:
    """Collects what the page shows of the dataset; None where nothing is known."""
    found = tables.load_json(model_dir / filenames.REPORT_FOLDER / FILE)
    if found is None:
        return None
    most = max(found["counts"])
    record = runs.record_of(model_dir, "TrainModel")
    classes = [
        {
            "name": name,
            "count": count,
            "fraction": count / most,
            "images": [p["image"] for p in found["pictures"] if p["class"] == number],
        }
        for number, (name, count) in enumerate(
            zip(found["classes"], found["counts"], strict=True)
        )
    ]
    return found | {
        "classes": classes[:_MOST_CLASSES],
        "num_classes": len(classes),
        "total": sum(found["counts"]),
        "least": min(classes, key=lambda each: each["count"]),
        "most": max(classes, key=lambda each: each["count"]),
        "is_unbalanced": most >= _UNBALANCED * min(found["counts"]),
        "is_weighted": bool(record)
        and record["preset"]["classifier"]["class_weights"] == "balanced",
    }
