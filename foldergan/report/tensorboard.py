"""A log for TensorBoard, with the figures and sample grids of a folder."""

import re
from pathlib import Path
from typing import Any

from foldergan.report import generator
from foldergan.storage import events, filenames, tables

_OF_GAN = ("gan_history.csv", filenames.QUALITY)


class TensorBoardLog:
    """Follows a training: its figures epoch by epoch, and its sample grids.

    It is made from what is saved, so that of a run that goes on it has the beginning
    too, and no figure is kept in two ways.

    Args:
        model_dir: folder of the models.
        script: its name, such as "GANModel".
        started: when the training began, as text; names the run in TensorBoard.
    """

    def __init__(self, model_dir: Path, script: str, started: str) -> None:
        self._model_dir, self._script = model_dir, script
        name = f"{script}-{re.sub('[^0-9T]', '', started[:19])}"
        self._log = events.EventLog(model_dir / filenames.TENSORBOARD / name)
        self._known: set[tuple[str, int]] = set()  # kind and epoch

    def update(self, history: list[dict[str, float]]) -> None:
        """Adds what is new.

        Args:
            history: rows of a classifier's training; a GAN's are in its tables.
        """
        self._add_rows("history", history)
        if self._script == "GANModel":
            for name in _OF_GAN:
                self._add_rows(name, tables.load_rows(self._model_dir / name))
            for epoch, path in generator.list_grids(self._model_dir).items():
                if self._is_new("grid", epoch):
                    self._log.add_image(epoch, "generated", path)
        self._log.flush()

    def _add_rows(self, kind: str, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            epoch = int(row["epoch"])
            if self._is_new(kind, epoch):
                figures = {
                    name: value
                    for name, value in row.items()
                    if name != "epoch" and not isinstance(value, str) and value == value
                }
                self._log.add_figures(epoch, figures)

    def _is_new(self, kind: str, epoch: int) -> bool:
        """Tells whether that has not been added, and remembers that it is now."""
        is_new = (kind, epoch) not in self._known
        self._known.add((kind, epoch))
        return is_new
