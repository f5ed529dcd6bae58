"""A script as a process: exit codes, Ctrl-C and SIGTERM.

0 done; 1 failed while running (disk, NaN); 2 bad input or usage; 130 and 143
interrupted by Ctrl-C or SIGTERM.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from foldergan import processor
from foldergan.config import command_line
from foldergan.errors import ForeseenError, InputError, Interrupted, RunError


def exit_code_of(main: Callable[[], None]) -> int:
    """Runs a script's `main` and turns every foreseen end into an exit code.

    Args:
        main: the script's work.

    Returns:
        0 when `main` returned, else the code of the error, whose one sentence
        has been written to stderr.
    """

    def raise_interrupted(signal_number: int, frame: FrameType | None) -> NoReturn:
        raise Interrupted(signal_number)

    if hasattr(sys.stdout, "reconfigure"):  # file names may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, raise_interrupted)
    signal.signal(signal.SIGTERM, raise_interrupted)
    if processor.usable_cores() < processor.allowed_cores():
        # NumPy's matrix products, which read it when NumPy is imported.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(processor.usable_cores()))
    script = Path(sys.argv[0]).name
    try:
        _refuse_environment()
        main()
    except ForeseenError as error:
        what_to_do = command_line.advice(error.options)
        print(f"{script}: error: {error}{what_to_do}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Python would stumble over it again when it empties its buffers at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"{script}: error: nobody reads its output any more", file=sys.stderr)
        return RunError.exit_code
    except OSError as error:
        if not error.filename:
            raise
        print(f"{script}: error: {error.filename}: {error.strerror}", file=sys.stderr)
        return InputError.exit_code
    except Interrupted as error:
        name = signal.Signals(error.signal_number).name
        print(f"\n{script}: stopped by {name}; {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _refuse_environment() -> None:
    """Refuses what OpenCV would end the process over as soon as it is imported."""
    name = "OPENCV_IO_MAX_IMAGE_PIXELS"
    limit = os.environ.get(name, "1")
    if not re.fullmatch("[1-9][0-9]{0,17}", limit):
        raise InputError(f"{name} is {limit!r}, not a number of pixels; unset it")


class InterruptRequest:
    """Notes the first Ctrl-C or SIGTERM instead of dying in the middle of a step.

    A second signal falls through to the handler that stood before, for whoever
    cannot wait for the step to end.

        with InterruptRequest() as interrupt:
            for ... in trainer.train(..., should_stop=interrupt):
                ...
        if interrupt.signal_number: ...

    Attributes:
        signal_number: None until a signal came, then its number.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __call__(self) -> bool:
        """Tells whether a signal has come."""
        return self.signal_number is not None

    def end(self, done: str, way_on: str = " with --resume") -> NoReturn:
        """Ends the run as the signal asked for, once its state is saved.

        Args:
            done: what is complete, for the message.
            way_on: what to add to the same command.

        Raises:
            Interrupted: always.
        """
        assert self.signal_number is not None
        raise Interrupted(
            self.signal_number,
            f"{done} and the state is saved; to go on, give the same command{way_on}",
        )

    def __enter__(self) -> "InterruptRequest":
        self._previous = {
            number: signal.signal(number, self._note)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _note(self, signal_number: int, frame: FrameType | None) -> None:
        self.signal_number = signal_number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
