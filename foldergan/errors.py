"""What can go wrong, and the exit code that it ends in.

0 done; 1 failed while running (disk, NaN); 2 bad input or usage; 130 and 143
interrupted by Ctrl-C or SIGTERM.
"""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LONGEST = 300  # letters of another library's reason
# What to do about a file of TrainModel.py that is missing or of no use.
RUN_TRAINING = "run: python TrainModel.py"


class ForeseenError(Exception):
    """One sentence of facts for the user.

    Args:
        message: what is wrong, of which file.
        options: names of the settings or options to change, for the command line to
            add as flags.
    """

    exit_code: int

    def __init__(self, message: str = "", options: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.options = options


class InputError(ForeseenError):
    """Something the user gave is wrong: a flag, a file, a folder."""

    exit_code = 2


class RunError(ForeseenError):
    """The input was right and the run failed all the same: disk, NaN."""

    exit_code = 1


class ImageError(Exception):
    """A file gives no image; the message says why, to stand after its path."""


class Interrupted(BaseException):
    """The run was asked to stop and has stopped; passes `except Exception` by.

    Args:
        signal_number: `signal.SIGINT` or `signal.SIGTERM`.
        message: what was kept, and how to resume.
    """

    def __init__(
        self, signal_number: int, message: str = "every file on disk is whole"
    ) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


@contextlib.contextmanager
def report_unreadable(
    path: Path | str,
    state: str = "damaged",
    way_out: str = RUN_TRAINING,
    options: tuple[str, ...] = (),
) -> Iterator[None]:
    """Names the file in whatever its reader raises, for it can raise anything.

    Args:
        path: the file that is read inside.
        state: what it is, when that fails.
        way_out: what to do about it; may be empty where `options` say it.
        options: as in `ForeseenError`.

    Raises:
        InputError: in place of any other.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
            raise InputError(f"{path} may not be read; allow it") from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if len(reason) > _LONGEST:  # Keras adds whole networks
            reason = f"{reason[:_LONGEST]}..."
        advice = f"; {way_out}" if way_out else ""
        raise InputError(f"{path} is {state} ({reason}){advice}", options) from error


def differences(saved: dict[str, Any], own: dict[str, Any]) -> list[str]:
    """Writes which values are others now, in the order of their names."""
    return [
        f"{name} was {saved.get(name)}, is {own.get(name)}"
        for name in sorted(saved | own)
        if saved.get(name) != own.get(name)
    ]
