"""What a script holds to keep the page up to date while it runs."""

import contextlib
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from foldergan.errors import ForeseenError, Interrupted
from foldergan.images import Images
from foldergan.report import card, classifier, dataset, page, predictions, runs
from foldergan.report.tensorboard import TensorBoardLog
from foldergan.storage import events, filenames, locking, tables

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
        self._log: TensorBoardLog | None = None  # begins with the first epoch
        self._script, self._clock = script, clock
        self._start = clock()
        self._times: dict[str, Any] = {"started": _now(), "seconds": 0.0}
        self._due = self._start  # when the next page may be written
        self._history: list[dict[str, float]] = []
        self._is_begun = False
        self._has_warned = False

    def go_on(self) -> None:
        """Adds this run's time to that of the run that it resumes."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            earlier = tables.load_json(self._path)
            self._times = {name: earlier[name] for name in ("started", "seconds")}

    def add_dataset(
        self,
        data_dir: Path,
        images: Images,
        class_names: list[str] | None,
    ) -> None:
        """Adds the training images; arguments of `dataset.describe`."""
        found = dataset.describe(data_dir, images, class_names)
        self._attempt(lambda: self._save(dataset.FILE, found))

    def add_confusions(self, *results: Any) -> None:
        """Adds the confusion matrix; arguments of `classifier.describe`."""
        found = classifier.describe(*results)
        self._attempt(lambda: self._save(classifier.FILE, found))

    def add_predictions(
        self,
        generator: str,
        images: np.ndarray,
        rows: list[dict[str, Any]],
        counts: list[tuple[str, str, int]],
    ) -> None:
        """Adds generated images; arguments of `predictions.describe`."""
        found = predictions.describe(generator, images, rows, counts)
        self._attempt(lambda: self._save(predictions.FILE, found))

    def update(self, history: list[dict[str, float]] | None = None) -> None:
        """Writes the log, and the page, unless it was written a moment ago.

        Args:
            history: rows of a classifier that is in training; its table is saved at
                the end.
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
        if self._log is None:
            started = self._times["started"]
            self._log = TensorBoardLog(self._model_dir, self._script, started)
        self._log.update(self._history)

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except ForeseenError as error:
            if not self._has_warned:
                print(f"warning: {error}; the run goes on without that")
            self._has_warned = True

    def _save(self, filename: str, found: Any) -> None:
        locking.make_writable_folder(self._path.parent)
        tables.save_json(self._path.parent / filename, found)


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
