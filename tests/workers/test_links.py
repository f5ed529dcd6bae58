"""Connections between processes: who is awaited, who is refused, who is gone."""

import contextlib
import socket
import struct
import threading

import pytest

from foldergan.errors import InputError, RunError
from foldergan.workers import links
from foldergan.workers.cluster import Cluster

STARTED = []


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(links, "_WAIT", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    yield number
    while STARTED:
        ended = STARTED.pop().links
        for each in (*ended.relayed, *ended.local) if ended else ():
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Process(threading.Thread):
    """One end of the links, and what came of it."""

    def __init__(self, port, count, number):
        super().__init__(daemon=True)
        self.cluster = Cluster("127.0.0.1", port, count, number)
        self.lost, self.links, self.error = threading.Event(), None, None
        STARTED.append(self)
        self.start()

    def run(self):
        try:
            self.links = links.Links(self.cluster, self.lost.set)
        except (InputError, RunError) as error:
            self.error = error

    def ended(self):
        self.join()
        return self


def connect(service):
    host, port = service.split(":")
    return socket.create_connection((host, int(port)))


def both(port):
    """Links two processes, and what the first listens with to what the other calls."""
    first, other = Process(port, 2, 0), Process(port, 2, 1)
    assert first.ended().links and other.ended().links
    host, service_port = first.links.bound_to.split(":")
    with socket.create_server((host, int(service_port))) as server:
        client = connect(other.links.service)
        return first, other, client, server.accept()[0]


def test_bytes_go_both_ways_and_each_side_notices_the_others_end(port):
    first, other, client, service = both(port)
    client.sendall(b"hello")
    assert service.recv(5) == b"hello"
    service.sendall(b"there")
    assert client.recv(5) == b"there"
    assert not first.lost.is_set() and not other.lost.is_set()
    for each in (first, other):
        for relayed in each.links.relayed:
            relayed.shutdown(socket.SHUT_RDWR)
    assert first.lost.wait(5) and other.lost.wait(5)
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):  # JAX's side does not notice
        client.recv(1)
    client.close()
    service.close()


def test_an_end_that_is_meant_is_no_loss(port):
    first, other, client, service = both(port)
    for each in (first, other):
        each.links.end()
    for each in (first, other):
        for relayed in each.links.relayed:
            relayed.shutdown(socket.SHUT_RDWR)
    assert not first.lost.wait(0.3) and not other.lost.is_set()
    client.close()
    service.close()


def test_strangers_and_a_number_that_is_taken_are_refused(port):
    first = Process(port, 3, 0)
    one = Process(port, 3, 1).ended()
    with links._attempt(lambda: connect(f"127.0.0.1:{port}")) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n".ljust(64))
        assert stranger.recv(1) == b"n"
    hangs_up = connect(f"127.0.0.1:{port}")  # as a scan of the ports does, by a reset
    hangs_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    hangs_up.close()
    again = Process(port, 3, 1).ended()
    assert "has one with KERAS_DISTRIBUTION_PROCESS_ID=1 already" in str(again.error)
    assert Process(port, 4, 2).ended().error.exit_code == 2
    assert Process(port, 3, 2).ended().links
    assert first.ended().links and one.links


def test_who_does_not_come_is_not_awaited_for_ever(port, monkeypatch):
    monkeypatch.setattr(links, "_WAIT", 0.3)
    other = Process(port, 2, 1).ended()
    assert other.error.exit_code == 1
    assert "the first process does not answer at 127.0.0.1" in str(other.error)
    first = Process(port, 2, 0).ended()
    assert first.error.exit_code == 1
    assert "1 of 2 processes came" in str(first.error)


def test_a_port_that_is_taken_is_named(port):
    with socket.create_server(("127.0.0.1", port)):
        first = Process(port, 2, 0).ended()
    assert first.error.exit_code == 2
    assert f"127.0.0.1:{port} cannot be listened on" in str(first.error)
