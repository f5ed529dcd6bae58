"""When a script writes the page, and when it had better not."""

import json
import signal

import pytest

from foldergan.errors import InputError, Interrupted, RunError
from foldergan.report import page
from foldergan.report.run import RunReport
from foldergan.storage import filenames


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def written(monkeypatch):
    """Counts the pages, each of which takes two seconds of the clock."""
    clock, saved, update = Clock(), [], page.update

    def watched(model_dir, history):
        update(model_dir, history)
        saved.append(model_dir)
        clock.now += 2

    monkeypatch.setattr(page, "update", watched)
    return clock, saved


@pytest.fixture
def refuse(monkeypatch):
    """Lets a disk refuse the page from now on."""

    def full(*arguments):
        raise RunError("no space left")

    return lambda: monkeypatch.setattr(page, "update", full)


def times(folder) -> dict:
    return json.loads((folder / "report" / "times_GANModel.json").read_text())


def test_the_first_epoch_has_a_page_and_pages_cost_a_fiftieth_of_the_time(
    tmp_path, written
):
    clock, saved = written
    report = RunReport(tmp_path, "GANModel", clock)
    report.update()
    assert len(saved) == 1 and (tmp_path / filenames.REPORT).is_file()
    for _ in range(99):
        clock.now += 1
        report.update()
    assert len(saved) == 1
    clock.now += 1
    report.update()
    assert len(saved) == 2


def test_the_end_always_has_a_page_with_the_time_it_took(tmp_path, written):
    clock, saved = written
    with RunReport(tmp_path, "GANModel", clock) as report:
        report.update()
        clock.now += 30
    assert len(saved) == 2
    assert times(tmp_path)["state"] == "done" and times(tmp_path)["seconds"] == 32


def test_a_run_that_goes_on_adds_to_its_time(tmp_path, written):
    clock, _ = written
    with RunReport(tmp_path, "GANModel", clock):
        clock.now += 10
    first = times(tmp_path)
    with RunReport(tmp_path, "GANModel", clock) as report:
        report.go_on()
        clock.now += 5
    assert times(tmp_path)["seconds"] == 15
    assert times(tmp_path)["started"] == first["started"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (Interrupted(signal.SIGINT), "stopped"),
        (RunError("the loss is <NaN>"), "failed: the loss is <NaN>"),
    ],
)
def test_how_it_ended_is_on_the_page(tmp_path, error, state):
    with pytest.raises(type(error)), RunReport(tmp_path, "GANModel") as report:
        report.update()
        raise error
    assert times(tmp_path)["state"] == state
    escaped = state.replace("<", "&lt;").replace(">", "&gt;")
    assert escaped in (tmp_path / filenames.REPORT).read_text()


def test_a_run_that_never_began_writes_nothing(tmp_path):
    with pytest.raises(InputError), RunReport(tmp_path, "GANModel"):
        raise InputError("wrong")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_does_not_hide_why_the_run_ended(tmp_path, refuse):
    with pytest.raises(Interrupted), RunReport(tmp_path, "GANModel") as report:
        report.update()
        refuse()
        raise Interrupted(signal.SIGTERM)


def test_a_disk_that_refuses_the_page_costs_a_warning_and_not_the_training(
    tmp_path, monkeypatch, capsys, refuse
):
    with RunReport(tmp_path, "GANModel", Clock()) as report:
        refuse()
        report.update()
        report.update()
        assert capsys.readouterr().out.count("warning: no space left") == 1
        monkeypatch.undo()
    assert (tmp_path / filenames.REPORT).is_file()
    with pytest.raises(RunError), RunReport(tmp_path, "GANModel"):
        refuse()
