"""What was generated: what the classifier says of it, and whether it helps one."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.report import thumbnails
from foldergan.storage import filenames, tables

FILE = "predictions.json"
_SHOWN = 600
_BYTES = 1_800_000
_RECALL = "recall of "


def describe(
    generator: str,
    images: np.ndarray,
    rows: list[dict[str, Any]],
    counts: list[tuple[str, str, int]],
) -> dict[str, Any]:
    """Makes thumbnails of generated images, with the figures of each.

    Args:
        generator: file name of the generator.
        images: float32 array (n, height, width, channels), 0-1, the first of them.
        rows: one an image; see `classifier.predictions.table`.
        counts: of all generated images; see `Predictions.counts`.

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


def gain(model_dir: Path) -> dict[str, Any] | None:
    """Collects the table of benchmarks/does_it_help.py; None where there is none.

    Its columns: network, arm, n (folds and seeds), drawn (images added), mean_recall;
    difference from the arm without anything added, with low and high, a 95 % interval
    around it; recall of each class. All recalls are fractions.
    """
    rows = tables.load_rows(model_dir / filenames.DOES_IT_HELP)
    if not rows:
        return None
    recalls = [name for name in rows[0] if name.startswith(_RECALL)]
    networks: dict[str, list[list[str]]] = {}
    for row in rows:
        networks.setdefault(row["network"], []).append(
            [row["arm"], f"{row['n']:g}", _number("{:g}", row["drawn"])]
            + [_number("{:.1%}", row["mean_recall"]), *_gain(row)]
            + [_number("{:.1%}", row[name]) for name in recalls]
        )
    classes = [name.removeprefix(_RECALL) for name in recalls]
    return {"classes": classes, "networks": networks}


def _number(pattern: str, value: float) -> str:
    return "" if math.isnan(value) else pattern.format(value)


def _gain(row: dict[str, Any]) -> tuple[str, str]:
    """Writes a difference in percentage points with its interval, and a verdict."""
    low, high = row["low"], row["high"]
    ends = "" if math.isnan(low) else f" ({100 * low:+.1f} to {100 * high:+.1f})"
    verdict = "better" if low > 0 else "worse" if high < 0 else ""
    return _number("{:+.1f}", 100 * row["difference"]) + ends, verdict
