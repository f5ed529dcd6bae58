"""What a person sees while long work runs."""

import io
import math
import sys
import time

import pytest

from foldergan.progress import EpochProgress, ImageProgress, printable

LOGS = {"d_loss": 0.69314, "g_loss": 1.5}


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: clock.now."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def terminal(monkeypatch) -> io.StringIO:
    """A screen in the place of stdout; pytest would undo it after a fixture."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    return sys.stdout


def run_epoch(progress, clock, epoch, batches=10, seconds=1.0):
    """One epoch whose steps all take as long."""
    for batch in range(1, batches + 1):
        clock.now += seconds
        progress.on_step(batch, batches, lambda: LOGS)
    progress.on_epoch(epoch, LOGS)


def test_each_epoch_is_one_line_with_its_figures(clock, capsys):
    progress = EpochProgress(3, images=20)
    for epoch in (1, 2, 3):
        run_epoch(progress, clock, epoch, batches=2, seconds=0.01)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:3] for line in lines] == [
        [f"epoch {epoch}/3", "d_loss 0.693", "g_loss 1.500"] for epoch in (1, 2, 3)
    ]


def test_the_first_step_does_not_count_for_it_is_compiled_first(clock, capsys):
    progress = EpochProgress(2, images=1000)
    clock.now += 60
    progress.on_step(1, 10, lambda: LOGS)
    clock.now += 9
    progress.on_epoch(1, LOGS)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.endswith("100 images/s  ETA 0:00:10")


def test_an_epoch_of_one_step_has_no_speed_yet(clock, capsys):
    progress = EpochProgress(3, images=10)
    run_epoch(progress, clock, 1, batches=1)
    run_epoch(progress, clock, 2, batches=1)
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("come with the next step")
    assert second.endswith("10 images/s  ETA 0:00:01")


def test_a_resumed_run_measures_its_own_steps_only(clock, capsys):
    progress = EpochProgress(200, images=1000, done=98)
    for batch in range(6, 11):  # it was stopped in the middle of an epoch
        clock.now += 6
        progress.on_step(batch, 10, lambda: LOGS)
    progress.on_epoch(99, LOGS)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.endswith("17 images/s  ETA 1:41:00")


@pytest.mark.parametrize(
    ("epochs", "most", "rest"),
    [
        (5, 1000, "0:00:30"),  # the epochs end first
        (2, 1000, "0:00:00"),
        (5, 12, "0:00:12"),
        (None, 100, "0:01:40"),
        (None, -3, "0:00:00"),
    ],
)
def test_the_time_left_is_until_the_first_of_two_limits(
    clock, capsys, epochs, most, rest
):
    end = clock.now + 20 + most
    progress = EpochProgress(epochs, images=1000, seconds_left=lambda: end - clock.now)
    run_epoch(progress, clock, 1)
    run_epoch(progress, clock, 2)
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"epoch 2/{epochs}  " if epochs else "epoch 2  ")
    assert line.endswith(f"100 images/s  ETA {rest}")


def test_a_long_epoch_shows_the_speed_soon_and_then_ever_more_rarely(clock, capsys):
    progress = EpochProgress(10, images=1000)
    run_epoch(progress, clock, 1, batches=100)
    announced, *between, last = capsys.readouterr().out.splitlines()
    assert announced == "the training takes about 17 minutes"
    assert [line.split("  ")[1] for line in between] == [
        f"step {step}/100" for step in (5, 15, 35, 75)
    ]
    assert all("10 images/s  ETA 0:1" in line for line in between)
    assert last.startswith("epoch 1/10  d_loss")


@pytest.mark.parametrize(
    ("epochs", "limit", "said"),
    [
        (5, math.inf, []),
        (60, math.inf, ["the training takes about 10 minutes"]),
        (900, math.inf, ["the training takes about 150 minutes (2.5 hours)"]),
        (None, 605, ["the training takes about 10 minutes"]),
    ],
)
def test_what_takes_minutes_says_so_once_with_the_first_epoch(
    clock, capsys, epochs, limit, said
):
    end = clock.now + limit
    progress = EpochProgress(epochs, 20, seconds_left=lambda: end - clock.now)
    for epoch in (1, 2):
        run_epoch(progress, clock, epoch, batches=2, seconds=5.0)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "takes about" in line] == said
    assert lines[: len(said)] == said


def test_a_terminal_gets_one_line_that_moves(clock, monkeypatch):
    screen = terminal(monkeypatch)
    progress = EpochProgress(2, images=30)
    run_epoch(progress, clock, 1, batches=3)
    run_epoch(progress, clock, 2, batches=3)
    pieces = screen.getvalue().split("\r\x1b[K")
    assert [piece.split("  d_loss")[0] for piece in pieces] == [
        "",
        "epoch 1/2  step 2/3",
        "epoch 1/2",  # the line that stays
        "epoch 2/2  step 1/3",
        "epoch 2/2  step 2/3",
        "epoch 2/2",
    ]
    assert [number for number, piece in enumerate(pieces) if "\n" in piece] == [2, 5]


def test_the_moving_line_does_not_wrap(clock, monkeypatch):
    screen = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "30")
    progress = EpochProgress(2, images=30)
    for batch in (1, 2):
        clock.now += 1
        progress.on_step(batch, 3, lambda: LOGS)
    assert len(screen.getvalue().removeprefix("\r\x1b[K")) == 29


def test_reading_shows_how_far_it_is(clock, capsys):
    progress = ImageProgress(1000, "read")
    for _ in range(9):
        clock.now += 1
        progress.on_images(100)
    progress.done()
    assert capsys.readouterr().out.splitlines() == [
        "read 200 of 1000  100 images/s  ETA 0:00:08",
        "read 600 of 1000  100 images/s  ETA 0:00:04",
    ]


def test_reading_moves_one_line_on_a_terminal_and_clears_it(clock, monkeypatch):
    screen = terminal(monkeypatch)
    progress = ImageProgress(1000, "read")
    for _ in range(2):
        clock.now += 1
        progress.on_images(100)
    progress.done()
    _, first, second, cleared = screen.getvalue().split("\r\x1b[K")
    assert first.startswith("read 100 of 1000") and second.startswith("read 200")
    assert cleared == ""


def test_what_a_terminal_would_obey_is_escaped():
    assert printable("\x1b[31m\r\n\x9b ä 猫 \\x") == ("\\x1b[31m\\r\\n\\x9b ä 猫 \\x")
