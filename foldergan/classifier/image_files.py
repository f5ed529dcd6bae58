"""Image files of a person's own, to classify: found, matched with classes, read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from foldergan.data import folders, reading
from foldergan.errors import InputError
from foldergan.progress import ImageProgress


class ImageFiles:
    """The files of a folder with class folders or without, or one file.

    Attributes:
        paths: of all files, images or not.
        folder_of: for each the name of its class folder; "" where it is in none.
        skipped: a line for each that could not be read; complete after `batches`.
        doubtful: a line for each that was read, and whose end may be missing.

    Raises:
        InputError: there is no such file or folder, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.paths: list[str] = []
        self.folder_of: list[str] = []
        self.skipped: list[str] = []
        self.doubtful: list[str] = []
        if not path.exists():
            raise InputError(f"{path} does not exist", ("classify",))
        if path.is_dir():
            for name, entries in folders.list_files(path, least_classes=0).items():
                self.paths += [entry.path for entry in entries]
                self.folder_of += [name] * len(entries)
        else:
            self.paths, self.folder_of = [str(path)], [""]
        if not self.paths:
            raise InputError(f"{path} has no files in it", ("classify",))

    def remark(self, class_names: list[str]) -> str:
        """Tells which files are left out of the figures, and why; "" for none."""
        strange = sorted(set(self.folder_of) - {*class_names, ""})
        if not strange:
            return ""
        count = sum(name in strange for name in self.folder_of)
        names, known = ", ".join(strange), ", ".join(class_names)
        return (
            f"note: the classifier has no class {names}; the {count} files there are "
            f"classified and left out of the figures (its classes: {known})"
        )

    def batches(
        self, image_shape: tuple[int, int, int], size: int, resize: str = "stretch"
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Reads the images as those of a training are read, and notes what cannot be.

        Yields:
            The numbers of `size` files or a few more, int array (n,), and their images,
            float32 array (n, *image_shape), 0-1.
        """
        progress = ImageProgress(len(self.paths), "classified")
        numbers: list[int] = []
        read: list[np.ndarray] = []
        done = 0
        for block in reading.read_images(self.paths, image_shape, resize):
            self.doubtful += block.complaints
            for number, problem in enumerate(block.problems, done):
                if problem:
                    self.skipped.append(f"{self.paths[number]} {problem}")
                else:
                    numbers.append(number)
            read.append(block.images)
            done += len(block.problems)
            if len(numbers) >= size:
                yield np.array(numbers), np.concatenate(read)
                numbers, read = [], []
            progress.on_images(len(block.problems))
        if numbers:
            yield np.array(numbers), np.concatenate(read)
        progress.done()
