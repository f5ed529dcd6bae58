"""What can go wrong, and the exit code that it ends in.

0 done; 1 failed while running (disk, NaN); 2 bad input or usage; 130 and 143
interrupted by Ctrl-C or SIGTERM.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
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


def exit_code_of(main: Callable[[], None]) -> int:
    """Runs a script's `main` and turns every foreseen end into an exit code.

    Args:
        main: the script's work.

    Returns:
        0 when `main` returned, else the code of the error, whose one sentence
        has been written to stderr.
    """

    def raise_interrupted(signal_number, frame):
        raise Interrupted(signal_number)

    if hasattr(sys.stdout, "reconfigure"):  # file names may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, raise_interrupted)
    signal.signal(signal.SIGTERM, raise_interrupted)
    script = Path(sys.argv[0]).name
    try:
        main()
    except (InputError, RunError) as error:
        print(f"{script}: error: {error}", file=sys.stderr)
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


@contextlib.contextmanager
def damage_named(path: Path, state="damaged", way_out=RUN_TRAINING):
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
