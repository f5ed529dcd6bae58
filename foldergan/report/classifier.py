"""How well the classes are recognised: charts, figures, and what is confused."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import betaincinv

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
        rows: row numbers of those that were classified.
        labels: one-hot array of shape (rows, classes).
        probabilities: of shape (rows, classes).

    Returns:
        JSON values for `section`.
    """
    true, predicted = labels.argmax(1), probabilities.argmax(1)
    counts: dict[tuple[int, int], list[int]] = {}
    for number in np.argsort(-probabilities.max(1), kind="stable"):  # the surest first
        counts.setdefault((int(true[number]), int(predicted[number])), []).append(
            int(number)
        )
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
    """Collects what the page shows of the classifier.

    Args:
        model_dir: folder of the models.
        history: of a training under way, beside which the results of an earlier one
            would mislead; empty for none.

    Returns:
        None where there is no classifier and none in training.
    """
    rows = history or [
        {name: float(value) for name, value in row.items()}
        for row in tables.load_csv(model_dir / filenames.CLASSIFIER_HISTORY)
    ]
    if not rows:
        return None
    found = {
        "epochs": int(rows[-1]["epoch"]),
        "is_training": bool(history),
        "charts": [chart for chart in plots.curves(rows) if chart.is_curve],
    }
    if history:
        return found
    confusions = tables.load_json(model_dir / filenames.REPORT_FOLDER / FILE)
    return found | {
        "evaluation": tables.load_csv(model_dir / filenames.CLASSIFIER_EVALUATION),
        "confusions": _confusions(confusions) if confusions else None,
    }


def _confusions(found: dict[str, Any]) -> dict[str, Any]:
    """Arranges counts and images by true class."""
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
    low, high = interval(found["right"], totals)
    return {
        "part": found["part"],
        "is_held_out": found["part"] != "training",
        "classes": names,
        "is_matrix": len(names) <= _MOST_IN_MATRIX,
        "cells": list(cells.values()),
        "rows": [
            {
                "name": names[true],
                "total": totals[true],
                "recall": found["right"][true] / totals[true] if totals[true] else None,
                "low": low[true],
                "high": high[true],
                "cells": [cells.get((true, predicted)) for predicted in numbers],
            }
            for true in numbers
        ],
        "right": sum(found["right"]),
        "total": sum(totals),
    }


def interval(right: list[int], totals: list[int]) -> np.ndarray:
    """Computes 95 % intervals of fractions (Jeffreys: a Beta(1/2, 1/2) prior).

    Args:
        right: successes of each class.
        totals: trials of each class.

    Returns:
        float64 array of shape (2, classes): low and high ends, 0-1.
    """
    successes, trials = np.array([right, totals], float)
    failures = trials - successes
    low, high = (
        betaincinv(successes + 0.5, failures + 0.5, end) for end in (0.025, 0.975)
    )
    return np.stack(
        [np.where(successes == 0, 0, low), np.where(failures == 0, 1, high)]
    )
