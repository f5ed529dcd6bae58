"""The state that a GAN training goes on from: one file, whole or absent."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foldergan import backend
from foldergan.errors import InputError, differences, report_unreadable
from foldergan.storage import atomic, seals
from foldergan.storage.filenames import RESUME

_MOST_SECONDS_LOST = 60.0


def precision_of(folder: Path) -> str | None:
    """Tells what the training was computed in whose state lies in a folder.

    Raises:
        InputError: the state is missing or damaged.
    """
    with _opened(folder / RESUME) as file:
        settings = json.loads(str(file["about"]))["settings"]
    return settings.get("precision")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a saved state, and reports whatever reading it raises as InputError."""
    if not path.is_file():
        raise InputError(f"nothing to resume: {path} not found", ("resume",))
    with (
        report_unreadable(path, way_out="", options=("resume",)),
        open(path, "rb") as opened,  # NumPy itself leaves a damaged file open
        np.load(opened, allow_pickle=False) as file,
    ):
        yield file


class Checkpoint:
    """All that a training needs to go on, in one file: whole or not at all.

    Args:
        folder: of the file.
        resume_key: JSON values that must be the same when a training goes on.
        clock: tells the time in seconds.

    Attributes:
        tables: name -> rows that grow as the training goes.
    """

    def __init__(
        self,
        folder: Path,
        resume_key: dict[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = folder / RESUME
        # As they will be read: a tuple comes back as a list.
        self._key = json.loads(json.dumps(resume_key))
        self.tables: dict[str, Any] = {}
        self._clock = clock
        self._saved_at = clock()

    def is_due(self) -> bool:
        """Tells whether a killed process would lose more than a minute of work."""
        return self._clock() - self._saved_at >= _MOST_SECONDS_LOST

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Saves a state, by name, with the key, the tables and the backend."""
        about = json.dumps(
            {
                "settings": self._key,
                "tables": self.tables,
                "backend": backend.name(),
            }
        )
        with atomic.replacing(self.path) as temporary:
            np.savez(temporary, about=about, **state)  # type: ignore[arg-type]
            seals.seal(temporary)
        self._saved_at = self._clock()

    def load(self) -> dict[str, np.ndarray]:
        """Loads the tables and returns the state that was saved last.

        Raises:
            InputError: missing, damaged, or of a run with
                another key, whose differences the message lists.
        """
        if self.path.is_file():
            seals.check(self.path, options=("resume",))
        with _opened(self.path) as file:
            state = {name: file[name] for name in file.files}
            about = json.loads(str(state.pop("about")))
            saved, tables = dict(about["settings"]), dict(about["tables"])
            if not all(_are_rows(rows) for rows in tables.values()):
                raise ValueError("its tables are no rows")
        if changed := differences(saved, self._key):
            raise InputError(
                f"{self.path} is of a run with other settings: {'; '.join(changed)}; "
                "give the old ones again",
                ("resume",),
            )
        self.tables = tables
        return state


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)
