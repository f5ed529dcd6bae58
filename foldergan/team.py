"""Several processes, on one machine or on several, that train one GAN together.

Keras' own environment variables say which; JAX's coordination service connects them.
"""

import atexit
import contextlib
import ipaddress
import json
import os
import re
import socket
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from foldergan import backend
from foldergan.errors import ForeseenError, InputError, Interrupted, RunError

_ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
_COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
_NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"


class Cluster(NamedTuple):
    """The processes that train together.

    Attributes:
        address: HOST:PORT that the first one listens on.
        processes: in all, from 2.
        number: of this process, from 0.
    """

    address: str
    processes: int
    number: int


def cluster() -> Cluster | None:
    """Reads which processes train together; None where this one is alone.

    Raises:
        InputError: the variables are incomplete or odd, the address is a public one,
            or the backend is another than JAX.
    """
    given = {n: os.environ.get(n, "") for n in (_ADDRESSES, _COUNT, _NUMBER)}
    if not any(given.values()) or given[_COUNT] == "1":
        return None
    if backend.name() != "jax":
        raise InputError(
            f"{_COUNT} is {given[_COUNT]}: several processes need KERAS_BACKEND=jax, "
            "for TensorFlow's MultiWorkerMirroredStrategy does not work with Keras "
            "3.15 (keras-team/keras#20585)"
        )
    for variable in (_COUNT, _NUMBER):
        if not re.fullmatch("[0-9]{1,6}", given[variable]):
            raise InputError(f"{variable} is {given[variable]!r}, not a whole number")
    count, number = int(given[_COUNT]), int(given[_NUMBER])
    if number >= count:
        raise InputError(
            f"{_NUMBER} is {number}; of {count} processes it is 0 to {count - 1}"
        )
    addresses = given[_ADDRESSES].split(",")
    if len(addresses) not in (1, count):
        raise InputError(
            f"{_ADDRESSES} names {len(addresses)} processes and {_COUNT} is {count}"
        )
    _refuse_public(addresses[0].strip())
    return Cluster(addresses[0].strip(), count, number)


def refuse_several(script: str) -> None:
    """Raises InputError where several processes are stated, for a script of one."""
    if cluster():
        raise InputError(
            f"{script} runs on one process, and {_COUNT} is {os.environ[_COUNT]}; "
            "unset it; GANModel.py alone trains on several"
        )


def _refuse_public(address: str) -> None:
    """Refuses an address of the internet: whoever reaches the ports is trusted."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise InputError(f"{_ADDRESSES} is {address!r}, not such as 10.0.0.1:1234")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(
            f"{_ADDRESSES}: the host {host} is not known: {error.strerror}"
        ) from error
    if any(ipaddress.ip_address(each[4][0]).is_global for each in found):
        raise InputError(
            f"{_ADDRESSES}: {host} is a public address; the processes trust whoever "
            "reaches their ports: use a loopback or a private one"
        )


class Team:
    """The processes that train together, as a context around all of their work.

    The first one leads: it alone writes, evaluates and prints, and decides when the
    training ends. Where there is one process only, it leads nobody.

    Attributes:
        is_first: whether this process leads.
    """

    def __init__(self) -> None:
        self._cluster = cluster()
        self.is_first = not (self._cluster and self._cluster.number)

    def __enter__(self) -> "Team":
        if self._cluster:
            if not self.is_first:
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            backend.load()
            with backend.output_silenced():
                self._mesh().join(*self._cluster)
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if not self._cluster:
            return
        if error is None:
            self._mesh().leave()
            return
        # JAX would wait at its end for the other processes.
        code = getattr(error, "exit_code", RunError.exit_code)
        atexit.register(_end_at_once, code)
        is_foreseen = isinstance(error, ForeseenError | Interrupted)
        if not is_foreseen and re.search("Gloo|NCCL|coordination", str(error)):
            reason = str(error).partition("\n")[0]
            raise RunError(
                f"another process of this training has ended ({reason}); what was "
                "saved before is kept",
                ("workers",),
            ) from error

    def from_first(self, value: Any) -> Any:
        """Returns rank 0's JSON value; those of other ranks do not count."""
        if not self._cluster:
            return value
        return json.loads(self._mesh().from_first(json.dumps(value).encode()))

    def bytes_from_first(self, make: Callable[[], bytes] = bytes) -> bytes:
        """Returns what rank 0 makes; makes nothing where it is alone."""
        if not self._cluster:
            return b""
        return self._mesh().from_first(make() if self.is_first else b"")

    def any_ends(self, ends: bool) -> bool:
        """Tells whether the training ends in any process; all come here together."""
        return self._mesh().largest(int(ends)) > 0 if self._cluster else ends

    def agreed(self, interrupt: Any) -> Callable[[], bool]:
        """Lets all processes stop after the same step when one of them has a signal.

        Args:
            interrupt: an `InterruptRequest`; is given the signal of another.
        """
        if not self._cluster:
            return interrupt

        def should_stop() -> bool:
            signal_number = self._mesh().largest(interrupt.signal_number or 0)
            if signal_number:  # one that came meanwhile is for the next step
                interrupt.signal_number = signal_number
            return signal_number > 0

        return should_stop

    @staticmethod
    def _mesh() -> Any:
        from foldergan.engine import mesh

        return mesh


def _end_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
