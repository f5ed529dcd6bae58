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
