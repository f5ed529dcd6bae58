"""What a person sees while training runs."""

import io
import itertools
import re
import sys
import time

import pytest

from pipeline.progress import EpochProgress

LOGS = {"d_loss": 0.69314, "g_loss": 1.5}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: clock.now."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_each_epoch_is_one_line_with_its_figures(capsys):
    progress = EpochProgress(3)
    for epoch in (1, 2, 3):
        progress.on_step(1, 2, LOGS)
        progress.on_step(2, 2, LOGS)
        progress.on_epoch(epoch, LOGS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    assert all("d_loss 0.693  g_loss 1.500" in line for line in lines)


def test_the_time_left_is_that_of_the_epochs_left(clock, capsys):
    progress = EpochProgress(5)
    clock.now += 100
    progress.on_epoch(2, LOGS)  # 50 s an epoch, three to go
    line = capsys.readouterr().out
    assert "50.0 s/epoch" in line
    assert "ETA 0:02:30" in line


def test_a_resumed_run_measures_its_own_epochs_only(clock, capsys):
    progress = EpochProgress(200, done=98)
    clock.now += 120
    progress.on_epoch(100, LOGS)  # two of its own, 60 s each, a hundred to go
    line = capsys.readouterr().out
    assert "60.0 s/epoch" in line
    assert "ETA 1:40:00" in line


def test_the_last_epoch_leaves_no_time(clock, capsys):
    progress = EpochProgress(1)
    clock.now += 9
    progress.on_epoch(1, LOGS)
    assert "ETA 0:00:00" in capsys.readouterr().out


def test_a_terminal_gets_a_bar_with_the_means_as_they_are(monkeypatch):
    screen, seconds = Terminal(), itertools.count()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(time, "time", lambda: next(seconds))  # each step is drawn
    progress = EpochProgress(2)
    for epoch in (1, 2):
        for batch, mean in ((1, 1.0), (2, 0.5), (3, 0.25)):
            progress.on_step(batch, 3, {"d_loss": mean})
        progress.on_epoch(epoch, {"d_loss": 0.25})
    text = screen.getvalue()
    shown = re.findall(r"d_loss: ([\d.]+)", text)
    assert list(map(float, shown)) == [1, 0.5, 0.25] * 2  # not averaged again
    assert text.count("3/3") >= 2  # a bar each epoch, filled
    assert "epoch 2/2" in text
