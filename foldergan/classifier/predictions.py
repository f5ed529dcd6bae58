"""What a classifier says of images, as rows of a table, in words and in figures."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from foldergan.classifier import figures
from foldergan.classifier.figures import Figures, Row
from foldergan.classifier.image_files import ImageFiles
from foldergan.progress import printable
from foldergan.storage import tables

_PRINTED = 49  # generated images; the file has all
_PRINTED_FILES = 20  # at most, one by one
_MOST_CLASSES = 12  # of a matrix that is printed


class Predictions:
    """Takes the predictions of generated images in a stream.

    Attributes:
        rows: the first `kept` ones, as `add` returns them.
        matrix: int64 (classes, classes), intended class down, predicted across; all 0
            where none were intended.
    """

    def __init__(self, class_names: list[str], kept: int) -> None:
        self._class_names, self._kept = class_names, kept
        self._counts: Counter[str] = Counter()
        self.rows: list[Row] = []
        self.matrix = np.zeros((len(class_names),) * 2, np.int64)

    def add(self, probabilities: np.ndarray, class_ids: np.ndarray | None) -> list[Row]:
        """Takes the next probabilities (n, classes) and intended classes (n,), if any.

        Returns:
            A row an image: `picture` (its number from 1), intended where given,
            predicted, probability, then each class's.
        """
        names, first = self._class_names, self._counts.total() + 1
        about: list[Row] = [{"picture": first + n} for n in range(len(probabilities))]
        if class_ids is not None:
            np.add.at(self.matrix, (class_ids, probabilities.argmax(1)), 1)
            for row, number in zip(about, class_ids, strict=True):
                row["intended"] = names[number]
        rows = list(_rows(about, names, probabilities, "probability"))
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
        lines.append(_in_all(self._counts))
        if "intended" in shown:
            right = self.matrix.trace()
            lines.append(f"as intended: {right} of {total}, {right / total:.0%}")
            if len(self._class_names) <= _MOST_CLASSES:
                lines += self._matrix_lines()
        return "\n".join([f"image  {heading}", *lines])

    def _matrix_lines(self) -> list[str]:
        """Writes the matrix, a line for each class that was intended."""
        names, matrix = self._class_names, self.matrix
        heading = "intended, predicted as"
        first = max(map(len, [heading, *names]))
        widths = [max(len(name), len(str(matrix.max()))) for name in names]
        table = [(heading, names)]
        table += [(names[i], matrix[i]) for i in np.flatnonzero(matrix.sum(1))]
        return [
            "  ".join([f"{name:<{first}}", *map(str.rjust, map(str, cells), widths)])
            for name, cells in table
        ]


class Classified:
    """Takes the predictions of image files in a stream, and keeps what figures need.

    Attributes:
        images: `shown` of them, evenly spaced over the files so that all folders are
            seen, float32 arrays (height, width, channels), 0-1.
        rows: of those, with predicted, probability and, where it is in a class folder,
            intended.
    """

    def __init__(self, files: ImageFiles, class_names: list[str], shown: int) -> None:
        self.rows: list[Row] = []
        self.images: list[np.ndarray] = []
        self._files, self._class_names = files, class_names
        self._has_folders = any(files.folder_of)
        count = len(files.paths)
        self._shown = set(np.linspace(0, count - 1, min(shown, count)).astype(int))
        number_of = {name: number for number, name in enumerate(class_names)}
        class_ids = [number_of.get(name, -1) for name in files.folder_of]
        self._class_ids = np.array(class_ids)  # -1 in a folder of no such name
        self._counts: Counter[str] = Counter()
        self._printed: list[Row] = []
        self._truth: list[np.ndarray] = []
        self._said: list[np.ndarray] = []

    def add(
        self, numbers: np.ndarray, images: np.ndarray, probabilities: np.ndarray
    ) -> list[Row]:
        """Takes the next files' numbers (n,), images and probabilities (n, classes).

        Returns:
            A row an image: file, true where there are class folders, predicted,
            confidence, then the probability of each class.
        """
        files = self._files
        about: list[Row] = [
            {"file": tables.encode(files.paths[number]).decode()}
            | ({"true": files.folder_of[number]} if self._has_folders else {})
            for number in numbers
        ]
        rows = list(_rows(about, self._class_names, probabilities, "confidence"))
        self._counts.update(row["predicted"] for row in rows)
        self._printed += rows[: max(0, _PRINTED_FILES - len(self._printed))]
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

    def as_text(self) -> str:
        """Writes how many images there are of each class; of few, a line for each."""
        if self._counts.total() > len(self._printed):  # the table has them
            return _in_all(self._counts)
        width = max(len(row["predicted"]) for row in self._printed)
        lines = [
            f"{row['predicted']:<{width}}  {row['confidence']:7.2%}  "
            f"{printable(row['file'])}"
            for row in self._printed
        ]
        return "\n".join([*lines, _in_all(self._counts)])

    def figures(self) -> Figures | None:
        """Measures the images in folders of the classifier's classes; None of none."""
        truth, said = np.concatenate(self._truth), np.concatenate(self._said)
        if not len(truth):
            return None
        labels = np.eye(len(self._class_names))[truth]
        return figures.measure(labels, said, self._class_names)


def _rows(
    about: list[Row], class_names: list[str], probabilities: np.ndarray, name: str
) -> Iterator[Row]:
    """Adds predicted class, its probability by a name, and each class's."""
    for start, row in zip(about, probabilities, strict=True):
        column = row.argmax()
        of_class = zip(class_names, row, strict=True)
        yield (
            start
            | {"predicted": class_names[column], name: round(float(row[column]), 6)}
            | {f"p_{each}": round(float(p), 6) for each, p in of_class}
        )


def _in_all(counts: Counter[str]) -> str:
    return f"in all: {', '.join(f'{name} {n}' for name, n in counts.most_common())}"
