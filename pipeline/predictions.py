"""What a classifier says of generated pictures, as rows of a table."""

from collections import Counter
from typing import Any

import numpy as np

_PRINTED = 49  # rows; the file has all


def table(probabilities: np.ndarray, class_names: list[str]) -> list[dict[str, Any]]:
    """Makes one row a picture.

    Args:
        probabilities: array of shape (n, classes).
        class_names: in the columns' order.

    Returns:
        Rows with picture (from 1), predicted, probability, then each class's.
    """
    best = probabilities.argmax(1)
    return [
        {
            "picture": number,
            "predicted": class_names[column],
            "probability": round(float(row[column]), 6),
        }
        | {
            f"p_{name}": round(float(p), 6)
            for name, p in zip(class_names, row, strict=True)
        }
        for number, (row, column) in enumerate(zip(probabilities, best, strict=True), 1)
    ]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Writes the first rows, then how often each class was predicted."""
    width = max(len(row["predicted"]) for row in rows)
    lines = [
        f"{row['picture']:>7}  {row['predicted']:<{width}}  {row['probability']:7.2%}"
        for row in rows[:_PRINTED]
    ]
    if len(rows) > _PRINTED:
        lines.append(f"    ... and {len(rows) - _PRINTED} more")
    counts = Counter(row["predicted"] for row in rows)
    summary = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return "\n".join([f"picture  {'predicted':<{width}}", *lines, f"in all: {summary}"])
