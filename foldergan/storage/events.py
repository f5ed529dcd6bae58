"""Logs for TensorBoard: event files, which grow with a run."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from foldergan import packages
from foldergan.errors import RunError
from foldergan.storage import locking


def require() -> None:
    """Raises InputError where the package is missing that TensorFlow logs through."""
    packages.require("TensorBoard logs", ("tensorboard",), "tensorboard")


class EventLog:
    """The log of one run, begun anew in a folder of its own, which names the run.

    Raises:
        RunError: the disk refused; so in every method.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow  # takes seconds, and only these logs need it here

        self._tf, self._folder = tensorflow, folder
        locking.make_writable_folder(folder)
        for path in folder.glob("events.out.tfevents.*"):
            path.unlink(missing_ok=True)
        with self._reporting():
            self._writer = self._tf.summary.create_file_writer(str(folder))

    def add_figures(self, epoch: int, figures: dict[str, float]) -> None:
        """Adds figures of an epoch, each under its name."""
        with self._reporting(), self._writer.as_default(step=epoch):
            for name, value in figures.items():
                self._tf.summary.scalar(name, value)

    def add_image(self, epoch: int, name: str, path: Path) -> None:
        """Adds a .png or .jpg file of an epoch."""
        with self._reporting(), self._writer.as_default(step=epoch):
            content = path.read_bytes()
            image = self._tf.io.decode_image(content, expand_animations=False)
            self._tf.summary.image(name, image[None])

    def flush(self) -> None:
        """Writes to the disk what has been added."""
        with self._reporting():
            self._writer.flush()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except self._tf.errors.OpError as error:
            raise RunError(f"could not write to {self._folder}: {error}") from error
