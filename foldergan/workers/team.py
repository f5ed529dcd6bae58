"""A training of several processes: who leads, what they agree on, and its end.

The first process leads: it alone evaluates, saves and prints, and decides when the
training ends. The others take the same steps. Where there is one process only, it leads
nobody.
"""

import atexit
import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from foldergan import backend
from foldergan.config import command_line
from foldergan.errors import (
    ForeseenError,
    InputError,
    Interrupted,
    RunError,
    differences,
)
from foldergan.workers.cluster import stated
from foldergan.workers.links import Links

_GRACE = 2.0  # seconds for the step under way to fail by itself
_PATIENCE = 20.0  # seconds that the links may take to notice who has made it fail


class _Interrupt(Protocol):
    signal_number: int | None

    def __call__(self) -> bool: ...


def _lost() -> RunError:
    return RunError(
        "another process of this training has ended or cannot be reached; what was "
        "saved before is kept",
        ("workers",),
    )


class Team:
    """The processes that train together, as a context around all of their work.

    Attributes:
        is_first: whether this process leads.
    """

    def __init__(self) -> None:
        self._cluster = stated()
        self.is_first = not (self._cluster and self._cluster.number)
        self._links: Links | None = None
        self._is_lost = threading.Event()
        self._is_leaving = False  # says itself why it ends
        self._turn = 0  # epochs since all began

    def __enter__(self) -> "Team":
        if self._cluster:
            if not self.is_first:  # the first one speaks for all
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            self._links = Links(self._cluster, self._on_lost)
            backend.load()
            from foldergan.engine import mesh

            count, number = self._cluster.count, self._cluster.number
            with backend.output_silenced():
                mesh.join(self._links.service, count, number, self._links.bound_to)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._links or error is None:
            return
        error = self._explained(error)
        self._is_leaving = True
        # JAX would wait at its end for the other processes, and then abort.
        atexit.register(_end_at_once, getattr(error, "exit_code", RunError.exit_code))
        raise error

    def _explained(self, error: BaseException) -> BaseException:
        """Replaces what a step raises whose other processes are gone."""
        is_foreseen = isinstance(error, ForeseenError | Interrupted)
        if is_foreseen or not self._is_lost.wait(_PATIENCE):
            return error
        self._is_leaving = True
        lost = _lost()
        lost.__cause__ = error
        return lost

    @contextlib.contextmanager
    def lead(
        self,
        trainer: Any,
        key: dict[str, Any],
        precision: str,
        epochs: int | None,
        batch_size: int,
    ) -> Iterator[None]:
        """Has the other processes train from this state on, and lets them go after it.

        Args:
            trainer: with a `state`.
            key: what must be the same in all processes, JSON values.
            precision: to compute in.
            epochs: to reach; None: only the first process ends it.
            batch_size: of the global batch, as of `AdversarialTrainer.train`.
        """
        if not self._links:
            yield
            return
        plan = {"precision": precision, "epochs": epochs, "batch_size": batch_size}
        from foldergan.engine import mesh

        mesh.tell("plan", json.dumps({"key": key} | plan))
        mesh.from_first(trainer.state())
        try:
            yield
        except Exception as error:
            raise self._explained(error) from error.__cause__
        self._tell("ends")
        self._leave()

    def plan(self) -> dict[str, Any]:
        """Waits for what the first process was given to `lead` by."""
        from foldergan.engine import mesh

        return json.loads(mesh.hear("plan"))

    def follow(self, trainer: Any, key: dict[str, Any], led_by: dict[str, Any]) -> None:
        """Takes over the state of the first process.

        Args:
            trainer: of the same networks as that one's.
            key: as of `lead`, of this process.
            led_by: the same of the first process.

        Raises:
            InputError: they are not the same.
        """
        from foldergan.engine import mesh

        if others := differences(led_by, json.loads(json.dumps(key))):
            raise InputError(
                "the processes were not given the same: of the first and of this one "
                f"{'; '.join(others)}"
            )
        trainer.restore(mesh.from_first(trainer.state()))

    def epochs(self, epochs: Iterable[Any]) -> Iterator[Any]:
        """Yields what a training yields, and tells the others where it goes on."""
        for each in epochs:
            yield each
            if self._links:
                self._tell("goes on")

    def goes_on(self) -> bool:
        """Waits for whether the first process goes on, and leaves it where it ends."""
        from foldergan.engine import mesh

        self._turn += 1
        if mesh.hear(f"after {self._turn}") == "goes on":
            return True
        self._leave()
        return False

    def agreed(self, interrupt: _Interrupt) -> Callable[[], bool]:
        """Lets all processes stop after the same step when one of them has a signal.

        Args:
            interrupt: of this process; is given the signal of another.
        """
        if not self._links:
            return interrupt
        from foldergan.engine import mesh

        def should_stop() -> bool:
            agreed = mesh.largest(interrupt.signal_number or 0)
            if agreed:  # a signal that came meanwhile is for the next step
                interrupt.signal_number = agreed
            return agreed > 0

        return should_stop

    def _tell(self, word: str) -> None:
        from foldergan.engine import mesh

        self._turn += 1
        mesh.tell(f"after {self._turn}", word)

    def _leave(self) -> None:
        from foldergan.engine import mesh

        assert self._links
        self._links.end()
        mesh.leave()

    def _on_lost(self) -> None:
        """Ends this process, by the failing step where there is one."""
        self._is_lost.set()
        time.sleep(_GRACE)
        if self._is_leaving:
            time.sleep(_PATIENCE)
        else:
            error = _lost()
            advice = command_line.advice(error.options)
            with contextlib.suppress(OSError):
                print(
                    f"{Path(sys.argv[0]).name}: error: {error}{advice}", file=sys.stderr
                )
        _end_at_once(RunError.exit_code)


def _end_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
