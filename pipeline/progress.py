"""What a person sees while training runs: a bar on a screen, lines in a file."""

import sys
import time


class EpochProgress:
    """Shows the epoch under way and how long the whole will take.

    On a terminal each epoch has a live bar; elsewhere (a log file, a pipe) each
    epoch is one line.

    Args:
        epochs: to reach in all.
        done: epochs that were complete before this run.
    """

    def __init__(self, epochs: int, done: int = 0):
        self._epochs = epochs
        self._done = done
        self._start = time.monotonic()
        self._bar = None

    def on_step(self, batch: int, batches: int, logs: dict[str, float]) -> None:
        """Moves the live bar, where there is one."""
        if not sys.stdout.isatty():
            return
        import keras

        if self._bar is None:
            # The means are ours already, so the bar must not average them again.
            self._bar = keras.utils.Progbar(batches, stateful_metrics=list(logs))
        self._bar.update(batch, logs.items(), finalize=batch == batches)

    def on_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Prints the epoch's line with the time left."""
        self._bar = None
        seconds = (time.monotonic() - self._start) / (epoch - self._done)
        figures = "  ".join(f"{name} {value:.3f}" for name, value in logs.items())
        left = _readable(seconds * (self._epochs - epoch))
        print(
            f"epoch {epoch}/{self._epochs}  {figures}  {seconds:.1f} s/epoch  "
            f"ETA {left}",
            flush=True,
        )


def _readable(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
