"""Whether generated images helped a classifier, as benchmarks/does_it_help.py found."""

import math
from pathlib import Path
from typing import Any

from foldergan.storage import filenames, tables

_RECALL = "recall of "


def section(model_dir: Path) -> dict[str, Any] | None:
    """Collects the table of does_it_help.csv; None where there is none.

    Its columns: network, arm, n (folds and seeds), drawn (images added), mean_recall;
    difference from the arm without anything added, with low and high, a 95 % interval
    around it; recall of each class. All recalls are fractions.
    """
    rows = tables.load_csv(model_dir / filenames.DOES_IT_HELP)
    if not rows:
        return None
    names = [name.removeprefix(_RECALL) for name in rows[0] if name.startswith(_RECALL)]
    return {
        "classes": names,
        "networks": [
            {"network": network, "rows": [_arm(row, names) for row in of_network]}
            for network in dict.fromkeys(row["network"] for row in rows)
            if (of_network := [row for row in rows if row["network"] == network])
        ],
    }


def _arm(row: dict[str, str], class_names: list[str]) -> dict[str, Any]:
    low, high = (_number(row[end]) for end in ("low", "high"))
    return {
        "arm": row["arm"],
        "n": row["n"],
        "drawn": row["drawn"],
        "mean_recall": _percent(row["mean_recall"]),
        "difference": _points(
            *(_number(row[n]) for n in ("difference", "low", "high"))
        ),
        "verdict": "better" if low > 0 else "worse" if high < 0 else "",
        "recalls": [_percent(row[f"{_RECALL}{name}"]) for name in class_names],
    }


def _points(difference: float, low: float, high: float) -> str:
    """Writes a difference in percentage points, and its interval where it has one."""
    if math.isnan(difference):
        return ""
    text = f"{100 * difference:+.1f}"
    return (
        text if math.isnan(low) else f"{text} ({100 * low:+.1f} to {100 * high:+.1f})"
    )


def _percent(text: str) -> str:
    value = _number(text)
    return "" if math.isnan(value) else f"{value:.1%}"


def _number(text: str) -> float:
    return float(text) if text else math.nan
