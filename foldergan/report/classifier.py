"""How well the classes are recognised: charts, figures, and what is confused."""

from collections import defaultdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.images import Images
from foldergan.report import thumbnails
from foldergan.storage import filenames, plots, tables

FILE = "confusions.json"
_MOST_IN_MATRIX = 30  # classes; of more, the worst confusions are listed
_PAIRS = 60  # that are listed
_SHOWN_OF_EACH = 24  # images a cell
_SHOWN = 1200
_BYTES = 2_400_000


def describe(
    part: str,
    class_names: list[str],
    images: Images,
    rows: np.ndarray,
    labels: np.ndarray,
    probabilities: np.ndarray,
) -> dict[str, Any]:
    """Counts which class was classified as which, and makes thumbnails of it.

    Args:
        part: which images these are, such as "validation".
        class_names: in the columns' order.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those that were classified, for labels and probabilities.
        labels: one-hot array of shape (rows, classes).
        probabilities: array of shape (rows, classes).

    Returns:
        JSON values for `section`.
    """
    true, predicted = labels.argmax(1).tolist(), probabilities.argmax(1).tolist()
    counts: dict[tuple[int, int], list[int]] = defaultdict(list)
    surest_first = np.argsort(-probabilities.max(1), kind="stable")
    for number in surest_first.tolist():
        counts[true[number], predicted[number]].append(number)
    cells = sorted(counts, key=lambda cell: (cell[0] == cell[1], -len(counts[cell])))
    if len(class_names) > _MOST_IN_MATRIX:
        cells = [cell for cell in cells if cell[0] != cell[1]][:_PAIRS]
    # One of each cell, then a second of each, until there is no more room.
    layers = zip_longest(*([(c, n) for n in counts[c][:_SHOWN_OF_EACH]] for c in cells))
    shown = [each for layer in layers for each in layer if each][:_SHOWN]
    pictures = [
        {
            "cell": list(cell),
            "probability": round(float(probabilities[number].max()), 4),
            "image": thumbnails.encode(images[rows[number : number + 1]][0]),
        }
        for cell, number in shown
    ]
    return {
        "part": part,
        "classes": class_names,
        "totals": labels.sum(0).astype(int).tolist(),
        "right": [len(counts.get((n, n), ())) for n in range(len(class_names))],
        "cells": [[*cell, len(counts[cell])] for cell in cells],
        "pictures": thumbnails.fit(pictures, _BYTES),
    }


def section(model_dir: Path, history: list[dict[str, float]]) -> dict[str, Any] | None:
    """Collects what the page shows of the classifier; None where there is none.

    Beside the history of a training under way, empty for none, the results of an
    earlier one would mislead.
    """
    rows = history or tables.load_rows(model_dir / filenames.CLASSIFIER_HISTORY)
    if not rows:
        return None
    found: dict[str, Any] = {
        "epochs": int(rows[-1]["epoch"]),
        "is_training": bool(history),
        "charts": [chart for chart in plots.curves(rows) if chart.is_curve],
    }
    if history:
        return found
    confusions = tables.load_json(model_dir / filenames.REPORT_FOLDER / FILE)
    bins = tables.load_rows(model_dir / filenames.CLASSIFIER_RELIABILITY)
    if any(row["pictures"] for row in bins):
        found["charts"].append(plots.reliability(bins))
    classes = tables.load_rows(model_dir / filenames.CLASSIFIER_CLASSES)
    classes = [row for row in classes if row["part"] == classes[-1]["part"]]
    parts = tables.load_rows(model_dir / filenames.CLASSIFIER_EVALUATION)
    return found | {
        "evaluation": _table(parts, "part"),
        "headline": parts[-1].get("headline", "accuracy") if parts else "",
        "figures": parts[-1] if parts else {},
        "classes": _table(classes, "class"),
        "confusions": _confusions(confusions, classes) if confusions else None,
    }


_FIGURES = (
    *("loss", "accuracy", "balanced_accuracy", "recall", "precision", "f1"),
    *("roc_auc", "calibration_error"),
)
_TITLES = {"f1": "F1", "roc_auc": "ROC AUC"}


def _table(rows: list[dict[str, Any]], first: str) -> dict[str, list[Any]] | None:
    """Arranges figures as a table of text; None where there are none."""
    if not rows:
        return None
    names = [name for name in _FIGURES if name in rows[0]]
    titles = [_TITLES.get(name, name.replace("_", " ")) for name in names]
    return {
        "head": [first, "images", *titles],
        "rows": [
            [row[first], f"{row['pictures']:.0f}", *(_figure(row, n) for n in names)]
            for row in rows
        ],
    }


def _figure(row: dict[str, Any], name: str) -> str:
    """Writes a loss as 0.123, a fraction as 91.4 % with its interval below it."""
    value, low, high = (
        row.get(f"{name}{end}", np.nan) for end in ("", "_low", "_high")
    )
    if np.isnan(value):
        return "–"
    if name == "loss":
        return f"{value:.3f}"
    ends = "" if np.isnan(low) else f"\n{100 * low:.1f}–{100 * high:.1f}"
    return f"{100 * value:.1f} %{ends}"


def _confusions(found: dict[str, Any], classes: list[dict[str, Any]]) -> dict[str, Any]:
    """Arranges counts and images by true class, with the recalls of a table."""
    names, totals = found["classes"], found["totals"]
    cells = {
        (true, predicted): {
            "id": f"{true}-{predicted}",
            "true": names[true],
            "predicted": names[predicted],
            "is_right": true == predicted,
            "count": count,
            "fraction": count / totals[true],
            "images": [],
        }
        for true, predicted, count in found["cells"]
    }
    for picture in found["pictures"]:
        cells[tuple(picture["cell"])]["images"].append(picture)
    numbers = range(len(names))
    known = {row["class"]: row for row in classes}
    return {
        "part": found["part"],
        "is_held_out": found["part"] != "training",
        "classes": names,
        "is_matrix": len(names) <= _MOST_IN_MATRIX,
        "cells": list(cells.values()),
        "rows": [
            {
                "name": names[true],
                "recall": found["right"][true] / totals[true] if totals[true] else None,
                "low": known.get(names[true], {}).get("recall_low", np.nan),
                "high": known.get(names[true], {}).get("recall_high", np.nan),
                "cells": [cells.get((true, predicted)) for predicted in numbers],
            }
            for true in numbers
        ],
        "right": sum(found["right"]),
        "total": sum(totals),
    }
