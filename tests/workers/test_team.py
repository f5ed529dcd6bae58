"""What several processes agree on, step by step."""

import signal
from types import SimpleNamespace

import pytest

from foldergan import engine
from foldergan.process import InterruptRequest
from foldergan.workers.team import Team


@pytest.fixture
def asking(monkeypatch):
    """Makes what a process asks that has others, which are made up."""

    def ask(interrupt, largest):
        mesh = SimpleNamespace(largest=largest)
        monkeypatch.setattr(engine, "mesh", mesh, raising=False)
        team = Team()
        team._links = object()
        return team.agreed(interrupt)

    return ask


def test_a_signal_while_the_processes_agree_is_for_the_next_step(asking):
    interrupt = InterruptRequest()

    def largest(number):
        interrupt.signal_number = signal.SIGTERM
        return number

    should_stop = asking(interrupt, largest)
    assert not should_stop()  # the others heard of none
    assert interrupt.signal_number == signal.SIGTERM
    assert should_stop()


def test_all_stop_by_the_signal_of_one(asking):
    interrupt = InterruptRequest()
    assert asking(interrupt, lambda number: max(number, signal.SIGINT))()
    assert interrupt() and interrupt.signal_number == signal.SIGINT
