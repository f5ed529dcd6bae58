"""What can go wrong, and the exit code that it ends in.

0 done; 1 failed while running (disk, NaN); 2 bad input or usage; 130 and 143
interrupted by Ctrl-C or SIGTERM.
"""

import contextlib
from pathlib import Path

# What to do about a file of TrainModel.py that is missing or of no use.
RUN_TRAINING = "run: python TrainModel.py, with the same --preset"


class InputError(Exception):
    """Something the user gave is wrong: a flag, a file, a folder."""

    exit_code = 2


class RunError(Exception):
    """The input was right and the run failed all the same: disk, NaN."""

    exit_code = 1


class Interrupted(BaseException):
    """The run was asked to stop and has stopped; passes `except Exception` by.

    Args:
        signal_number: `signal.SIGINT` or `signal.SIGTERM`.
        message: what was kept, and how to go on.
    """

    def __init__(
        self, signal_number: int, message: str = "every file on disk is whole"
    ):
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


@contextlib.contextmanager
def report_unreadable(path: Path, state="damaged", way_out=RUN_TRAINING):
    """Names the file in whatever its reader raises, for it can raise anything.

    Args:
        path: the file that is read inside.
        state: what it is, when that fails.
        way_out: what to do about it.

    Raises:
        InputError: in place of any other.
    """
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is {state} ({reason}); {way_out}") from error
