"""The state that a GAN training resumes from: one file, whole or absent."""

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foldergan import backend
from foldergan.config.settings import PRECISIONS
from foldergan.errors import InputError, differences, report_unreadable
from foldergan.progress import note
from foldergan.storage import atomic, seals
from foldergan.storage.filenames import RESUME

_MOST_SECONDS_LOST = 60.0


def precision_of(folder: Path) -> str | None:
    """Tells the precision of the state in a folder; InputError if it is damaged."""
    with _opened(folder / RESUME) as file:
        precision = json.loads(str(file["about"]))["settings"].get("precision")
        if precision not in (None, *PRECISIONS):
            raise ValueError("its precision is unknown")
    return precision


def as_bytes(state: dict[str, np.ndarray]) -> bytes:
    """Packs a state for another process."""
    packed = io.BytesIO()
    np.savez(packed, **state)  # type: ignore[arg-type]
    return packed.getvalue()


def from_bytes(packed: bytes) -> dict[str, np.ndarray]:
    """Unpacks what `as_bytes` has packed."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as file:
        return dict(file)


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
    """All that a training needs to resume, in one file: whole or not at all.

    Args:
        folder: of the file.
        resume_key: JSON values that must be the same when a training resumes.
        may_change: names of the key whose values may be others, with a note.

    Attributes:
        tables: name -> rows that grow as the training goes.
    """

    def __init__(
        self,
        folder: Path,
        resume_key: dict[str, Any],
        may_change: tuple[str, ...] = (),
    ) -> None:
        self.path = folder / RESUME
        # As they will be read: a tuple comes back as a list.
        self._key = json.loads(json.dumps(resume_key))
        self._may_change = may_change
        self.tables: dict[str, Any] = {}
        self._saved_at = time.monotonic()

    @property
    def training_id(self) -> str:
        """Names the training: a checksum of all that must stay the same in it."""
        key = {k: v for k, v in self._key.items() if k not in self._may_change}
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]

    def is_due(self) -> bool:
        """Tells whether a killed process would lose more than a minute of work."""
        return time.monotonic() - self._saved_at >= _MOST_SECONDS_LOST

    def save(self, state: dict[str, np.ndarray]) -> None:
        """Saves a state, by name, with the key, the tables and the backend."""
        about = {"settings": self._key, "tables": self.tables}
        about["backend"] = backend.name()
        with atomic.replacing(self.path) as temporary:
            np.savez(temporary, about=json.dumps(about), **state)  # type: ignore[arg-type]
            seals.seal(temporary)
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, np.ndarray]:
        """Loads the tables and returns the state that was saved last.

        Raises:
            InputError: missing, damaged, or of a run with another key, whose
                differences the message lists.
        """
        if self.path.is_file():
            seals.check(self.path, options=("resume",), is_ours=True)
        with _opened(self.path) as file:
            state = {name: file[name] for name in file.files}
            about = json.loads(str(state.pop("about")))
            saved, tables = about["settings"], about["tables"]
        own = {**self._key}
        for name in self._may_change:
            for line in differences({name: saved.get(name)}, {name: own.pop(name)}):
                note(f"note: {line} from here on")
            saved.pop(name, None)
        if "data" in own and "data" not in saved:
            raise InputError(
                f"{self.path} is of an earlier version, which recorded a sample of its "
                "data, so that nothing tells whether the rest is as it was; start anew",
                ("resume",),
            )
        if own.get("data") != saved.get("data"):
            raise InputError(
                f"the images, labels or class names are others than those that "
                f"{self.path} was trained on; give those again, or start anew",
                ("resume",),
            )
        if changed := differences(saved, own):
            raise InputError(
                f"{self.path} is of a run with other settings: {'; '.join(changed)}; "
                "give the old ones again, or start anew",
                ("resume",),
            )
        self.tables = tables
        return state
