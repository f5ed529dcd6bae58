"""What a classifier says of image files, as rows of a table and in figures."""

from collections import Counter

import numpy as np

from foldergan.classifier import figures
from foldergan.classifier.figures import Figures, Row
from foldergan.classifier.image_files import ImageFiles
from foldergan.progress import printable
from foldergan.storage import tables

_PRINTED = 20  # files at most, one by one


class Classified:
    """Turns predictions into rows as they stream by, and keeps what figures need.

    Args:
        files: what is classified.
        class_names: in the order of the probabilities' columns.
        shown: images to keep, evenly spaced over the files so that all folders are
            seen.

    Attributes:
        rows: of the images that are kept, with predicted, probability and, where it is
            in a class folder, intended.
        images: those, float32 arrays (height, width, channels), 0-1.
    """

    def __init__(self, files: ImageFiles, class_names: list[str], shown: int) -> None:
        self.rows: list[Row] = []
        self.images: list[np.ndarray] = []
        self._files, self._names = files, class_names
        self._has_folders = any(files.folder_of)
        count = len(files.paths)
        self._shown = set(np.linspace(0, count - 1, min(shown, count)).astype(int))
        self._class_ids = files.class_ids(class_names)
        self._counts: Counter[str] = Counter()
        self._printed: list[Row] = []
        self._truth: list[np.ndarray] = []
        self._said: list[np.ndarray] = []

    def add(
        self, numbers: np.ndarray, images: np.ndarray, probabilities: np.ndarray
    ) -> list[Row]:
        """Takes the next predictions.

        Args:
            numbers: int array (n,), of the files.
            images: float32 array (n, height, width, channels), 0-1.
            probabilities: float32 array (n, classes).

        Returns:
            A row an image: file, true where there are class folders, predicted,
            confidence, then the probability of each class.
        """
        rows = [
            self._row(number, said)
            for number, said in zip(numbers, probabilities, strict=True)
        ]
        self._counts.update(row["predicted"] for row in rows)
        self._printed += rows[: max(0, _PRINTED - len(self._printed))]
        for number, image, row in zip(numbers, images, rows, strict=True):
            # An unreadable file leaves its place on the sheet to no other.
            if number in self._shown or not self.images:
                self.images.append(image.copy())
                true = {"intended": row["true"]} if row.get("true") else {}
                said = {"predicted": row["predicted"], "probability": row["confidence"]}
                self.rows.append(true | said)
        has_class = self._class_ids[numbers] >= 0
        self._truth.append(self._class_ids[numbers][has_class])
        self._said.append(probabilities[has_class])
        return rows

    def _row(self, number: int, probabilities: np.ndarray) -> Row:
        name = self._files.folder_of[number]
        column = int(probabilities.argmax())
        of_class = zip(self._names, probabilities, strict=True)
        return (
            {"file": tables.encode(self._files.paths[number]).decode()}
            | ({"true": name} if self._has_folders else {})
            | {"predicted": self._names[column]}
            | {"confidence": round(float(probabilities[column]), 6)}
            | {f"p_{name}": round(float(p), 6) for name, p in of_class}
        )

    def as_text(self) -> str:
        """Writes how many images there are of each class; of few, a line for each."""
        counts = ", ".join(f"{name} {n}" for name, n in self._counts.most_common())
        summary = f"in all: {counts}"
        if self._counts.total() > len(self._printed):  # the table has them
            return summary
        width = max(len(row["predicted"]) for row in self._printed)
        lines = [
            f"{row['predicted']:<{width}}  {row['confidence']:7.2%}  "
            f"{printable(row['file'])}"
            for row in self._printed
        ]
        return "\n".join([*lines, summary])

    def figures(self) -> Figures | None:
        """Measures the images in folders of the classifier's classes; None of none."""
        truth, said = np.concatenate(self._truth), np.concatenate(self._said)
        if not len(truth):
            return None
        return figures.measure(np.eye(len(self._names))[truth], said, self._names)
