"""A generator that runs in a child process, where a crash is an exception here.

Libraries in C that read files of any origin can end the process that calls them. What
a child sends is pickled, so only code of this package may run there.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from foldergan.errors import RunError

# Children are forked from a server that has loaded what they need, which is quick; not
# from this process, where threads of TensorFlow may hold locks. Windows cannot fork.
if sys.platform == "win32":
    _CONTEXT = multiprocessing.get_context("spawn")
else:
    from multiprocessing import forkserver

    _CONTEXT = multiprocessing.get_context("forkserver")
    _CONTEXT.set_forkserver_preload(
        ["foldergan.storage.containers", "foldergan.data.decoding"]
    )
_ROOT = Path(__file__).parent.parent
# Signals that come from outside, such as for the memory that it takes.
_KILLED = ("SIGKILL", "SIGTERM")


class CrashError(Exception):
    """What ran in the child has crashed it; the message says by which signal."""


def start_server() -> None:
    """Lets what children are forked from load, while this process does other things."""
    if sys.platform != "win32":
        with _of_package_only():
            forkserver.ensure_running()


def iterate(function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
    """Runs a generator function in a child process, a little ahead.

    Args:
        function: of a module, so that a child can import it; yields no None.
        arguments: its own; pickled, as are its values.

    Yields:
        What it yields.

    Raises:
        CrashError: the child has crashed.
        RunError: it was killed.
        Exception: whatever the function raises.
    """
    reader, writer = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(
        target=_send_all, args=(writer, function, arguments), daemon=True
    )
    with reader:
        with writer, _of_package_only():
            child.start()
        try:
            while (message := _receive(reader, child)) is not None:
                yield message
            child.join()
        finally:  # whoever wants no more ends it
            child.kill()
            child.join()
            child.close()


def _receive(reader: Connection, child: BaseProcess) -> Any:
    """Waits for a value; None at the end."""
    try:
        value, error = reader.recv()
    except (EOFError, OSError) as end:  # the second in the middle of a value
        child.join()
        name = _name_of(child.exitcode or 0)
        if name in _KILLED:
            raise RunError(
                f"the process that reads files was killed ({name}); there may not be "
                "the memory"
            ) from end
        raise CrashError(f"crashes the library that reads it, {name}") from end
    if error is not None:
        raise error
    return value


def _send_all(
    writer: Connection, function: Callable[..., Iterator[Any]], arguments: Any
) -> None:
    """Sends pairs of a value and an error: one is None, both are at the end."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent ends it
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # nobody wants the rest
        try:
            for value in function(*arguments):
                writer.send((value, None))
            writer.send((None, None))
        except BrokenPipeError:
            raise
        except Exception as error:
            writer.send((None, error))


@contextlib.contextmanager
def _of_package_only() -> Iterator[None]:
    """Starts a child that imports neither the script nor what lies beside its input.

    It would run the script as a module, for which nothing here has a use. And it begins
    as `python -c`, which looks for modules in the folder that a script runs in first,
    and would find a numpy.py that came with somebody's images.
    """
    main, before = sys.modules["__main__"], dict(os.environ)
    paths = filter(None, (str(_ROOT), before.get("PYTHONPATH")))
    given = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(paths)}
    given["OPENBLAS_NUM_THREADS"] = "1"  # processes with threads are not to be forked
    sys.modules["__main__"] = types.ModuleType("__main__")
    os.environ |= given
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name in given:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _name_of(exit_code: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
