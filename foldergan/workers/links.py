"""The connections from the first process to each other, which tell who is gone.

JAX's coordination service ends a process by abort() as soon as it cannot reach the
first one, before anything else could be said. So its connections run through a relay
on each side, which notices an end at once and leaves JAX's own side open.
"""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from foldergan.errors import InputError, RunError
from foldergan.workers.cluster import ADDRESSES, NUMBER, Cluster

_WAIT = 300.0  # seconds for all processes to be started
_HELLO = 64  # bytes
_TAKEN, _REFUSED = b"y", b"n"
# A machine that vanished is noticed after about 15 seconds, by a probe after silence
# (seconds) or by what it does not acknowledge (milliseconds).
_KEEPALIVE = {"TCP_KEEPIDLE": 6, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 3}
_KEEPALIVE |= {"TCP_USER_TIMEOUT": 15_000}


class Links:
    """Connects this process with the first one, or the first one with all others.

    Args:
        cluster: the processes.
        on_lost: called once, in a thread of its own, when another process has ended or
            cannot be reached.

    Attributes:
        service: HOST:PORT where JAX is to look for its coordination service.
        bound_to: HOST:PORT where that is to listen; None in others than the first.
        relayed: the connections with other processes.
        local: those with JAX in this process, which stay open to the end.

    Raises:
        InputError: the address cannot be listened on, or the number is another's.
        RunError: not all processes came in time.
    """

    def __init__(self, cluster: Cluster, on_lost: Callable[[], None]) -> None:
        self._on_lost, self._is_done = on_lost, threading.Lock()
        self.local: list[socket.socket] = []
        if cluster.number:
            self.relayed = [first := _call(cluster)]
            server = socket.create_server(("127.0.0.1", 0))
            self.service, self.bound_to = _name_of(server), None
            self._start(lambda: self._relay(first, _accepted(server)))
            return
        self.relayed = _await_others(cluster)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.service = self.bound_to = _name_of(free)
        for other in self.relayed:
            self._start(partial(self._relay_to_service, other))

    def end(self) -> None:
        """Takes every end that follows as meant."""
        self._is_done.acquire(blocking=False)

    def _start(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _relay_to_service(self, other: socket.socket) -> None:
        with contextlib.suppress(OSError):  # without a service JAX says why
            self._relay(other, _local(self.service))

    def _relay(self, other: socket.socket, local: socket.socket) -> None:
        """Carries bytes both ways until the other process has ended."""
        self.local.append(local)
        self._start(lambda: _carry(local, other))
        _carry(other, local)
        if self._is_done.acquire(blocking=False):  # of several that end, the first
            self._on_lost()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)


def _accepted(server: socket.socket) -> socket.socket:
    with server:
        return server.accept()[0]


def _name_of(server: socket.socket) -> str:
    return "{}:{}".format(*server.getsockname())


def _local(service: str) -> socket.socket:
    """Connects with JAX's service, which is about to start in this process."""
    host, port = service.split(":")
    return _attempt(lambda: socket.create_connection((host, int(port))))


def _attempt(connect: Callable[[], socket.socket]) -> socket.socket:
    end = time.monotonic() + _WAIT
    while True:
        try:
            return connect()
        except OSError:
            if time.monotonic() >= end:
                raise
        time.sleep(0.2)


def _hello(cluster: Cluster) -> bytes:
    return f"foldergan {cluster.count} {cluster.number}".ljust(_HELLO).encode()


def _call(cluster: Cluster) -> socket.socket:
    """Connects with the first process, once that is there."""
    address = f"{cluster.host}:{cluster.port}"
    try:
        first = _attempt(
            lambda: socket.create_connection((cluster.host, cluster.port), 5)
        )
        first.settimeout(_WAIT)
        first.sendall(_hello(cluster))
        answer = first.recv(1)
    except OSError as error:
        raise RunError(
            f"the first process does not answer at {address} ({error}); start it, with "
            f"{NUMBER}=0, and look whether {ADDRESSES} names it"
        ) from error
    if answer != _TAKEN:
        first.close()
        raise InputError(
            f"the first process, at {address}, has been started for another number of "
            f"processes, or has one with {NUMBER}={cluster.number} already"
        )
    return _kept_alive(first)


def _await_others(cluster: Cluster) -> list[socket.socket]:
    """Listens until each of the other processes has said who it is."""
    others: dict[bytes, socket.socket] = {}
    awaited = {_hello(replace(cluster, number=n)) for n in range(1, cluster.count)}
    end = time.monotonic() + _WAIT
    family = socket.AF_INET6 if ":" in cluster.host else socket.AF_INET
    try:
        server = socket.create_server((cluster.host, cluster.port), family=family)
    except OSError as error:
        raise InputError(
            f"{ADDRESSES}: {cluster.host}:{cluster.port} cannot be listened on "
            f"({error.strerror}); name an address of the machine of process 0 and a "
            "port that is free"
        ) from error
    with server:
        while len(others) < len(awaited):
            server.settimeout(max(end - time.monotonic(), 0.001))
            with contextlib.suppress(TimeoutError):
                other = server.accept()[0]
                hello = _received(other)
                if _is_answered(other, hello in awaited and hello not in others):
                    others[hello] = _kept_alive(other)
                else:
                    other.close()
            if time.monotonic() >= end:
                raise RunError(
                    f"{len(others) + 1} of {cluster.count} processes came within "
                    f"{_WAIT:.0f} seconds; start all with the same {ADDRESSES}"
                )
    return list(others.values())


def _is_answered(other: socket.socket, is_taken: bool) -> bool:
    """Answers whoever has called; returns whether it is taken and heard so."""
    try:
        other.sendall(_TAKEN if is_taken else _REFUSED)  # a stranger hears no more
    except OSError:  # it has hung up, as a scan of the ports does
        return False
    return is_taken


def _received(other: socket.socket) -> bytes:
    hello = b""
    other.settimeout(5)
    with contextlib.suppress(OSError):
        while len(hello) < _HELLO and (more := other.recv(_HELLO - len(hello))):
            hello += more
    return hello


def _kept_alive(other: socket.socket) -> socket.socket:
    other.settimeout(None)
    other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        for name, value in _KEEPALIVE.items():
            other.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return other
