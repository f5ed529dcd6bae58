"""What was generated in the end, and what the classifier says of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.report import thumbnails
from foldergan.storage import filenames, tables

FILE = "predictions.json"
_SHOWN = 600
_BYTES = 1_800_000


def describe(
    generator: str,
    images: np.ndarray,
    rows: list[dict[str, Any]],
    counts: list[tuple[str, str, int]],
) -> dict[str, Any]:
    """Makes thumbnails of generated images, with what is said of each.

    Args:
        generator: file name of the generator.
        images: float32 array (n, height, width, channels), 0-1, the first of them.
        rows: one an image, as of `classifier.predictions.table`.
        counts: of all generated images, as of `Predictions.counts`.

    Returns:
        JSON values for `section`.
    """
    names = ("picture", "intended", "predicted", "probability")
    pictures = [
        {name: rows[number][name] for name in names if name in rows[number]}
        | {"image": thumbnails.encode(images[number])}
        for number in thumbnails.thin(range(len(rows)), _SHOWN)
    ]
    return {
        "generator": generator,
        "count": sum(count for _, _, count in counts),
        "given": len(rows),
        "counts": sorted(counts),
        "pictures": thumbnails.fit(pictures, _BYTES),
    }


def section(model_dir: Path) -> dict[str, Any] | None:
    """Collects what the page shows of generated images; None where there are none."""
    found = tables.load_json(model_dir / filenames.REPORT_FOLDER / FILE)
    if found is None:
        return None
    images = sorted(found["pictures"], key=lambda row: -row["probability"])
    of_class: Counter[str] = Counter()
    for _, predicted, count in found["counts"]:
        of_class[predicted] += count
    has_intended = any(intended for intended, _, _ in found["counts"])
    as_intended = sum(n for intended, p, n in found["counts"] if intended == p)
    intended = {row["intended"] for row in images} if has_intended else ()
    return found | {
        "images": images,
        "of_class": of_class.most_common(),
        "intended": sorted(intended),
        "predicted": sorted({row["predicted"] for row in images}),
        "as_intended": as_intended / found["count"] if has_intended else None,
    }
