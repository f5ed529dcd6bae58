"""What a classifier says of generated images, as rows of a table."""

from collections import Counter
from typing import Any

import numpy as np

from foldergan.classifier import evaluation

_PRINTED = 49  # rows; the file has all
_MOST_CLASSES = 12  # of a matrix that is printed


def table(
    probabilities: np.ndarray,
    class_names: list[str],
    intended: list[str] | None = None,
    first: int = 1,
) -> list[dict[str, Any]]:
    """Makes one row an image.

    Args:
        probabilities: array of shape (n, classes).
        class_names: in the columns' order.
        intended: class that each was to be of, if any.
        first: number of the first image.

    Returns:
        Rows with the image's number, intended where given, predicted, probability, then
        each class's.
    """
    rows = []
    for number, row in enumerate(probabilities):
        column = row.argmax()
        of_class = zip(class_names, row, strict=True)
        rows.append(
            {"picture": first + number}
            | ({"intended": intended[number]} if intended else {})
            | {"predicted": class_names[column]}
            | {"probability": round(float(row[column]), 6)}
            | {f"p_{name}": round(float(p), 6) for name, p in of_class}
        )
    return rows


class Predictions:
    """Turns predictions into rows as they stream by, counts them, and keeps the first.

    Args:
        class_names: in the order of the probabilities' columns.
        kept: rows to keep.

    Attributes:
        rows: the first ones, as of `table`.
        matrix: int64 (classes, classes), intended class down, predicted across; all 0
            where none were intended.
    """

    def __init__(self, class_names: list[str], kept: int) -> None:
        self._class_names, self._kept = class_names, kept
        self._counts: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.matrix = np.zeros((len(class_names),) * 2, np.int64)

    def add(
        self, probabilities: np.ndarray, class_ids: np.ndarray | None
    ) -> list[dict[str, Any]]:
        """Takes the next predictions.

        Args:
            probabilities: array of shape (n, classes).
            class_ids: int array (n,) of intended classes, if any.

        Returns:
            Their rows, as of `table`.
        """
        names, intended = self._class_names, None
        if class_ids is not None:
            intended = [names[number] for number in class_ids]
            labels = np.eye(len(names))[class_ids]
            self.matrix += evaluation.confusion_matrix(labels, probabilities)
        rows = table(probabilities, names, intended, self._counts.total() + 1)
        self._counts.update(row["predicted"] for row in rows)
        self.rows += rows[: max(0, self._kept - len(self.rows))]
        return rows

    def counts(self) -> list[tuple[str, str, int]]:
        """Returns intended class, empty where none was, predicted class and images."""
        if not self.matrix.any():
            return [("", name, count) for name, count in self._counts.items()]
        names = self._class_names
        return [
            (names[intended], names[predicted], int(self.matrix[intended, predicted]))
            for intended, predicted in np.argwhere(self.matrix)
        ]

    def as_text(self) -> str:
        """Writes the first rows, then how often each class was predicted."""
        rows, total = self.rows[:_PRINTED], self._counts.total()
        shown = [name for name in ("intended", "predicted") if name in rows[0]]
        width = max(len(row[name]) for row in rows for name in shown)
        heading = "  ".join(f"{name:<{width}}" for name in shown)
        lines = [
            f"{row['picture']:>7}  "
            + "  ".join(f"{row[name]:<{width}}" for name in shown)
            + f"  {row['probability']:7.2%}"
            for row in rows
        ]
        if total > len(rows):
            lines.append(f"    ... and {total - len(rows)} more")
        counts = self._counts.most_common()
        summary = ", ".join(f"{name} {count}" for name, count in counts)
        lines.append(f"in all: {summary}")
        if "intended" in shown:
            right = self.matrix.trace()
            lines.append(f"as intended: {right} of {total}, {right / total:.0%}")
            lines += _matrix_lines(self.matrix, self._class_names)
        return "\n".join([f"image  {heading}", *lines])


def _matrix_lines(matrix: np.ndarray, class_names: list[str]) -> list[str]:
    """Writes a matrix, a line for each class that was intended, if there is room."""
    if len(class_names) > _MOST_CLASSES:
        return []
    heading = "intended, predicted as"
    first = max(map(len, [heading, *class_names]))
    widths = [max(len(name), len(str(matrix.max()))) for name in class_names]
    table = [(heading, class_names)]
    table += [(class_names[i], matrix[i]) for i in np.flatnonzero(matrix.sum(1))]
    return [
        "  ".join([f"{name:<{first}}", *map(str.rjust, map(str, cells), widths)])
        for name, cells in table
    ]
