"""What a person sees while long work runs: a live line on a screen, lines in a file."""

import functools
import math
import re
import shutil
import sys
import time
from collections.abc import Callable

_ANNOUNCED_AFTER = 4.0  # seconds of steps


def printable(text: str) -> str:
    """Escapes what a terminal would obey, such as in the name of a file."""
    return re.sub("[\0-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


@functools.cache
def note(sentence: str) -> None:
    """Prints a sentence, once a run however many readers come by it."""
    print(sentence)


def about(seconds: float) -> str:
    """Writes a time that is known roughly."""
    if seconds < 60:
        return "under a minute"
    minutes = seconds / 60
    if minutes < 100:
        return f"about {minutes:.0f} minute{'s' * (round(minutes) > 1)}"
    return f"about {minutes / 60:.1f} hours"


class ImageProgress:
    """Shows how many images are done, how many a second, and how long the rest takes.

    `verb` says what is done, before "12 of 49", such as "read" or "features of".
    """

    def __init__(self, total: int, verb: str) -> None:
        self._total, self._count, self._verb = total, 0, verb
        self._start = time.monotonic()
        self._line = _LiveLine(first_after=2.0)

    def on_images(self, count: int) -> None:
        """Tells that some more are done."""
        self._count += count
        if self._line.is_due():
            seconds = time.monotonic() - self._start
            rest = _rate_and_rest(self._count, self._total, seconds)
            self._line.show(f"{self._verb} {self._count} of {self._total}  {rest}")

    def done(self) -> None:
        """Clears the live line."""
        self._line.clear()


class EpochProgress:
    """Shows the epoch under way, the images a second, and how long the whole takes.

    On a terminal each epoch has a live line. Elsewhere (a log file, a pipe) each
    epoch is one line, and in long ones there are some between. What takes minutes says
    so before, as soon as a few seconds of steps tell.

    Args:
        epochs: to reach in all; None: as many as there is time for.
        images: that an epoch trains on.
        done: epochs that were complete before this run.
        seconds_left: tells the time until the training ends at the latest.
    """

    def __init__(
        self,
        epochs: int | None,
        images: int,
        done: int = 0,
        seconds_left: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._of_epochs = f"/{epochs}" if epochs else ""
        self._epochs = epochs or math.inf
        self._images, self._seconds_left = images, seconds_left
        self._epoch = self._done = done
        self._start: float | None = None
        self._start_share = 0.0
        self._line = _LiveLine(first_after=5.0)
        self._is_announced = False

    def on_step(
        self, batch: int, batches: int, means: Callable[[], dict[str, float]]
    ) -> None:
        """Shows where in the epoch it is, now and then; only then asks for means."""
        share = batch / batches
        if self._start is None:
            # The first step is left out: it takes seconds, for it is compiled first.
            self._start, self._start_share = time.monotonic(), self._done + share
            return
        if time.monotonic() - self._start >= _ANNOUNCED_AFTER:
            self._announce(self._epoch + share)
        if share < 1 and self._line.is_due():
            self._line.show(
                f"epoch {self._epoch + 1}{self._of_epochs}  step {batch}/{batches}  "
                f"{_figures(means())}  {self._speed(self._epoch + share)}"
            )

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Prints the epoch's line."""
        self._epoch = epoch
        self._announce(epoch)
        self._line.clear()
        print(
            f"epoch {epoch}{self._of_epochs}  {_figures(logs)}  {self._speed(epoch)}",
            flush=True,
        )

    def _announce(self, epochs: float) -> None:
        """Prints once how long the rest takes, where that is minutes."""
        done, total, seconds = self._since_first_step(epochs)
        if self._is_announced or not (done and seconds):
            return
        self._is_announced = True
        minutes = _seconds_left(done, total, seconds, self._seconds_left()) / 60
        if minutes >= 1:
            self._line.clear()
            hours = f" ({minutes / 60:.1f} hours)" if minutes >= 100 else ""
            print(f"the training takes about {minutes:.0f} minutes{hours}", flush=True)

    def _speed(self, epochs: float) -> str:
        if self._start is None:  # all was done at once
            return ""
        return _rate_and_rest(*self._since_first_step(epochs), self._seconds_left())

    def _since_first_step(self, epochs: float) -> tuple[float, float, float]:
        """Images done since then, images to do since then, and seconds since then."""
        if self._start is None:
            return 0.0, math.inf, 0.0
        return (
            (epochs - self._start_share) * self._images,
            (self._epochs - self._start_share) * self._images,
            time.monotonic() - self._start,
        )


class _LiveLine:
    """One line that a terminal overwrites; a file gets it ever more rarely."""

    def __init__(self, first_after: float) -> None:  # seconds, of a file
        self._is_live = sys.stdout.isatty()
        self._pause = 0.1 if self._is_live else first_after
        self._next = time.monotonic() + self._pause

    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def show(self, text: str) -> None:
        if self._is_live:
            width = shutil.get_terminal_size().columns - 1  # more would wrap
            print(f"\r\x1b[K{text[:width]}", end="", flush=True)
        else:
            print(text, flush=True)
            self._pause *= 2
        self._next = time.monotonic() + self._pause

    def clear(self) -> None:
        if self._is_live:
            print("\r\x1b[K", end="", flush=True)


def _figures(logs: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in logs.items())


def _seconds_left(done: float, total: float, seconds: float, most: float) -> float:
    return min(seconds / done * (total - done), max(most, 0))


def _rate_and_rest(
    done: float, total: float, seconds: float, most: float = math.inf
) -> str:
    """Writes images a second and the time left: at that rate, but `most` seconds."""
    if not (done and seconds):
        return "images/s and ETA come with the next step"
    left = _seconds_left(done, total, seconds, most)
    minutes, seconds_left = divmod(round(left), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{done / seconds:.0f} images/s  ETA {hours}:{minutes:02d}:{seconds_left:02d}"
    )
