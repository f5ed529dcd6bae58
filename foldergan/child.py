"""Work in child processes, where a crash is an exception here.

Libraries in C that read files of any origin can end the process that calls them. What
goes to and fro is pickled, so only functions of this package may run there.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from foldergan.errors import RunError

_Result = TypeVar("_Result")

# Children are forked from a server that has loaded what they need, which is quick; not
# from this process, where threads of TensorFlow may hold locks. Windows cannot fork.
if sys.platform == "win32":
    _BASE = multiprocessing.get_context("spawn")
else:
    from multiprocessing import forkserver

    _BASE = multiprocessing.get_context("forkserver")
    _BASE.set_forkserver_preload(
        ["foldergan.storage.networks", "foldergan.data.decoding"]
    )
_ROOT = Path(__file__).parent.parent
_KILLED = (
    "SIGKILL"  # by the pool, or from outside, such as for the memory that it takes
)


class CrashError(Exception):
    """What ran in a child has crashed it; the message says by which signal."""


def start_server() -> None:
    """Lets what children are forked from load, while this process does other things."""
    if sys.platform != "win32":
        with _of_package_only():
            forkserver.ensure_running()


def call(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Runs a function of a module in a child process; what it takes is pickled.

    Raises:
        CrashError: the child has crashed.
        RunError: it was killed.
        Exception: whatever the function raises.
    """
    with pool(1) as executor:
        return executor.submit(function, *arguments).result()


@contextlib.contextmanager
def pool(workers: int, prepare: Callable[[], None] | None = None) -> Iterator[Executor]:
    """Yields an executor of child processes, which end with the block.

    Args:
        workers: processes at most; they start as they are needed.
        prepare: runs in each of them first; of a module.

    Raises:
        CrashError: one of them has crashed.
        RunError: one was killed.
    """
    context = _Context()
    with _of_package_only():  # its locks have a process of their own
        executor = ProcessPoolExecutor(workers, context, _begin, (prepare,))
    try:
        yield executor
    except BrokenProcessPool as broken:
        executor.shutdown()
        names = {_name_of(process.exitcode or 0) for process in context.started}
        if crashed := sorted(names - {_KILLED, _name_of(0)}):
            raise CrashError(
                f"crashes the library that reads it, {crashed[0]}"
            ) from broken
        raise RunError(
            f"a process that reads files was killed ({_KILLED}); there may not be "
            "the memory"
        ) from broken
    finally:
        executor.shutdown(cancel_futures=True)


class _Process(_BASE.Process):  # type: ignore[name-defined]
    """A worker that leaves Ctrl-C and SIGTERM to its parent."""

    def start(self) -> None:
        with _of_package_only():
            super().start()

    def terminate(self) -> None:  # what a broken pool does to the other workers
        self.kill()


class _Context(type(_BASE)):  # type: ignore[misc]
    """Starts processes of this package only, and remembers how they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> BaseProcess:  # noqa: N802
        process = _Process(*arguments, **named)
        self.started.append(process)
        return process


def _begin(prepare: Callable[[], None] | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):  # the parent ends it
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare:
        prepare()


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


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
