"""What a script holds to keep the page up to date while it runs."""

import contextlib
import datetime
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from foldergan.errors import ForeseenError, Interrupted
from foldergan.report import (
    card,
    classifier,
    dataset,
    generator,
    page,
    predictions,
    runs,
)
from foldergan.storage import events, filenames, locking, tables

_OF_GAN = ("gan_history.csv", filenames.QUALITY)  # tables, a row an epoch
_PAUSE = 50  # times as long as the page took to write: it costs a fiftieth of the time


class RunReport:
    """Writes report.html as a script goes by, and records how long it ran.

    As a context it writes the page a last time, and the model card, however the script
    ends; for a run that ended before its first page it writes nothing. While the script
    runs, it warns once of a disk that refuses the page: a training is worth more.

    Args:
        model_dir: folder of the models.
        script: its name, such as "GANModel".
        clock: tells the time in seconds.
        has_log: whether to write a log for TensorBoard too.

    Raises:
        InputError: a log is asked for, and its package is missing.
    """

    def __init__(
        self,
        model_dir: Path,
        script: str,
        clock: Callable[[], float] = time.monotonic,
        has_log: bool = False,
    ) -> None:
        if has_log:
            events.require()
        self._model_dir, self._has_log = model_dir, has_log
        self._log: events.EventLog | None = None
        self._logged: set[tuple[str, int]] = set()  # kind and epoch
        self._script, self._clock = script, clock
        self._start = self._due = clock()  # due: when the next page may be written
        self._times: dict[str, Any] = {"started": _now(), "seconds": 0.0}
        self._history: list[dict[str, float]] = []
        self._is_begun = self._has_warned = False

    def go_on(self) -> None:
        """Adds this run's time to that of the run that it resumes."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            earlier = tables.load_json(self._path)
            self._times = {name: earlier[name] for name in ("started", "seconds")}

    def add_dataset(self, *images: Any) -> None:
        """Adds the training images; arguments of `dataset.describe`."""
        found = dataset.describe(*images)
        self._attempt(lambda: self._save(dataset.FILE, found))

    def add_confusions(self, *results: Any) -> None:
        """Adds the confusion matrix; arguments of `classifier.describe`."""
        found = classifier.describe(*results)
        self._attempt(lambda: self._save(classifier.FILE, found))

    def add_predictions(self, *generated: Any) -> None:
        """Adds generated images; arguments of `predictions.describe`."""
        found = predictions.describe(*generated)
        self._attempt(lambda: self._save(predictions.FILE, found))

    def update(self, history: list[dict[str, float]] | None = None) -> None:
        """Writes the log, and the page, unless it was written a moment ago.

        The rows of a classifier in training are given: its table is saved at the end.
        """
        self._history = history or []
        if self._clock() >= self._due:
            self._attempt(lambda: self._write("running"))
        if self._has_log:
            self._attempt(self._write_log)

    def __enter__(self) -> "RunReport":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._history = []
        if error is None:
            self._write("done")
            print(f"report: {self._model_dir / filenames.REPORT}")
        elif self._is_begun and isinstance(error, ForeseenError | Interrupted):
            # The first error is the one to see, not that the disk is still full.
            with contextlib.suppress(ForeseenError):
                stopped = isinstance(error, Interrupted)
                self._write("stopped" if stopped else f"failed: {error}")

    @property
    def _path(self) -> Path:
        return runs.path_of_times(self._model_dir, self._script)

    def _write(self, state: str) -> None:
        start = self._clock()
        seconds = self._times["seconds"] + start - self._start
        times = {"state": state, "written": _now(), "seconds": round(seconds, 1)}
        self._save(self._path.name, self._times | times)
        page.update(self._model_dir, self._history)
        if state != "running":
            card.update(self._model_dir)
        self._is_begun = True
        self._due = self._clock() + _PAUSE * (self._clock() - start)

    def _write_log(self) -> None:
        """Adds what is new of all that is saved, so that a resumed run has it all."""
        if self._log is None:  # begins with the first epoch
            began = re.sub("[^0-9T]", "", self._times["started"][:19])
            name = f"{self._script}-{began}"
            self._log = events.EventLog(self._model_dir / filenames.TENSORBOARD / name)
        found: dict[str, list[dict[str, Any]]] = {"history": self._history}
        grids: dict[int, Path] = {}
        if self._script == "GANModel":
            found = {name: tables.load_rows(self._model_dir / name) for name in _OF_GAN}
            grids = generator.list_grids(self._model_dir)
        for kind, rows in found.items():
            for row in rows:
                if (known := (kind, int(row["epoch"]))) not in self._logged:
                    figures = {
                        name: value
                        for name, value in row.items()
                        if name != "epoch"
                        and not isinstance(value, str)
                        and value == value
                    }
                    self._log.add_figures(known[1], figures)
                    self._logged.add(known)
        for epoch, path in grids.items():
            if ("grid", epoch) not in self._logged:
                self._log.add_image(epoch, "generated", path)
                self._logged.add(("grid", epoch))
        self._log.flush()

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except ForeseenError as error:
            if not self._has_warned:
                print(f"warning: {error}; the run continues without that")
            self._has_warned = True

    def _save(self, filename: str, found: Any) -> None:
        locking.make_writable_folder(self._path.parent)
        tables.save_json(self._path.parent / filename, found)


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
