"""A script as a process: the exit codes of `errors`, Ctrl-C and SIGTERM."""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

from foldergan import processor, team
from foldergan.config import command_line, commands
from foldergan.errors import ForeseenError, InputError, Interrupted, RunError
from foldergan.progress import note, printable

# What the systems say of a disk, or any other place, that takes nothing more.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def exit_code_of(main: Callable[[], None], takes_several: bool = False) -> int:
    """Runs a script's `main` and turns every foreseen end into an exit code.

    Several processes may do it together where it `takes_several`.

    Returns:
        0 when `main` returned, else the code of the error, whose one sentence
        has been written to stderr.
    """

    def raise_interrupted(signal_number: int, frame: FrameType | None) -> NoReturn:
        raise Interrupted(signal_number)

    note.cache_clear()  # of a run before in this process
    _open_closed_streams()
    if hasattr(sys.stdout, "reconfigure"):  # file names may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, raise_interrupted)
    signal.signal(signal.SIGTERM, raise_interrupted)
    if processor.usable_cores() < processor.allowed_cores():
        # NumPy's matrix products, which read it when NumPy is imported.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", str(processor.usable_cores()))
    try:
        if not takes_several:
            team.refuse_several(Path(sys.argv[0]).name)
        main()
        sys.stdout.flush()  # here, where it may still fail
    except ForeseenError as error:
        facts = commands.completed(str(error))
        _say(f"error: {facts}{command_line.advice(error.options)}")
        try:
            sys.stdout.flush()
        except OSError:
            _give_up(sys.stdout)
        return error.exit_code
    except BrokenPipeError:
        _give_up(sys.stdout)
        _say("error: nobody reads its output any more")
        return RunError.exit_code
    except OSError as error:
        if error.filename:
            _say(f"error: {error.filename}: {error.strerror}")
            return InputError.exit_code
        if error.errno not in _FULL:  # files say which they are
            raise
        _give_up(sys.stdout)
        _say(f"error: its output cannot be written: {error.strerror}")
        return RunError.exit_code
    except Interrupted as error:
        name = signal.Signals(error.signal_number).name
        _say(f"stopped by {name}; {error}", before="\n")
        return error.exit_code
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        reason = re.sub(r"{{.*}} | on /job.*", "", str(error).partition("\n")[0])
        _say(
            f"error: out of memory: {reason or 'no further array'}; smaller "
            "images, batches or networks take less"
        )
        return RunError.exit_code
    return 0


def _say(sentence: str, before: str = "") -> None:
    """Writes to standard error, which may be full: the exit code tells as well."""
    lines = "\n".join(map(printable, sentence.split("\n")))
    try:
        print(f"{before}{Path(sys.argv[0]).name}: {lines}", file=sys.stderr)
    except OSError:
        _give_up(sys.stderr)


def _open_closed_streams() -> None:
    """Lets what is closed lead nowhere: the next file opened would take its place."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))


def _give_up(stream: TextIO) -> None:
    """Leads what Python still holds back, and writes at its end, nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_out_of_memory(error: Exception) -> bool:
    """Knows NumPy's, OpenCV's, TensorFlow's and JAX's errors without importing them."""
    words = ("Insufficient memory", "OOM when allocating", "RESOURCE_EXHAUSTED")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)


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

    def end(self, done: str, *way_on: str) -> NoReturn:
        """Ends the run as the signal asked for, once its state is saved.

        Args:
            done: what is complete, for the message.
            way_on: names of the flags that the command to resume has too.

        Raises:
            Interrupted: always.
        """
        assert self.signal_number is not None
        raise Interrupted(
            self.signal_number,
            f"{done} and the state is saved; to resume: {commands.again(*way_on)}",
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
