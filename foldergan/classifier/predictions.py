"""What a classifier says of generated images, as rows of a table."""

from collections import Counter
from typing import Any

import numpy as np

from foldergan.errors import InputError

_PRINTED = 49  # rows; the file has all


def classes_to_draw(
    only: str | None,
    class_names: list[str],
    num_classes: int,
    drawn: list[str] | None,
) -> list[int]:
    """Decides which classes to draw.

    Args:
        only: a class by its name; None for all.
        class_names: those that the classifier tells apart.
        num_classes: those that the generator takes; 0 where it takes none.
        drawn: their names; None where they are not known.

    Returns:
        Class numbers, to draw in turn; none where the generator takes none.

    Raises:
        InputError: there is no such class, or the two networks' classes differ.
    """
    if num_classes not in (0, len(class_names)):
        raise InputError(
            f"the generator draws {num_classes} classes and the classifier tells "
            f"{len(class_names)} apart; train both on the same images"
        )
    if num_classes and drawn not in (None, class_names):
        raise InputError(
            f"the generator draws {', '.join(drawn)} and the classifier tells "
            f"{', '.join(class_names)} apart; train both on the same images"
        )
    if only is None:
        return list(range(num_classes))
    if not num_classes:
        raise InputError(
            "the generator was not trained with conditioning on classes",
            ("only",),
        )
    if only not in class_names:
        raise InputError(f"no class {only!r}; there are {', '.join(class_names)}")
    return [class_names.index(only)]


def table(
    probabilities: np.ndarray,
    class_names: list[str],
    intended: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Makes one row an image.

    Args:
        probabilities: array of shape (n, classes).
        class_names: in the columns' order.
        intended: class that each was to be of, if any.

    Returns:
        Rows with image (from 1), intended where given, predicted, probability, then
        each class's.
    """
    rows = []
    for number, row in enumerate(probabilities):
        column = row.argmax()
        of_class = zip(class_names, row, strict=True)
        rows.append(
            {"picture": number + 1}
            | ({"intended": intended[number]} if intended else {})
            | {"predicted": class_names[column]}
            | {"probability": round(float(row[column]), 6)}
            | {f"p_{name}": round(float(p), 6) for name, p in of_class}
        )
    return rows


def as_text(rows: list[dict[str, Any]]) -> str:
    """Writes the first rows, then how often each class was predicted."""
    shown = [name for name in ("intended", "predicted") if name in rows[0]]
    width = max(len(row[name]) for row in rows for name in shown)
    heading = "  ".join(f"{name:<{width}}" for name in shown)
    lines = [
        f"{row['picture']:>7}  "
        + "  ".join(f"{row[name]:<{width}}" for name in shown)
        + f"  {row['probability']:7.2%}"
        for row in rows[:_PRINTED]
    ]
    if len(rows) > _PRINTED:
        lines.append(f"    ... and {len(rows) - _PRINTED} more")
    counts = Counter(row["predicted"] for row in rows)
    summary = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    lines.append(f"in all: {summary}")
    if "intended" in rows[0]:
        right = sum(row["intended"] == row["predicted"] for row in rows)
        lines.append(f"as intended: {right} of {len(rows)}, {right / len(rows):.0%}")
    return "\n".join([f"image  {heading}", *lines])
