"""Signals become a request that a loop reads, and every end an exit code."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import errors, process, processor
from foldergan.process import InterruptRequest

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def handlers():
    """Notes what falls through to the handlers that stood before the test's own."""
    fallen = []
    kept = {
        number: signal.signal(number, lambda number, frame: fallen.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield fallen
    for number, handler in kept.items():
        signal.signal(number, handler)


@BOTH
def test_a_signal_is_noted_and_nothing_breaks_off(number, handlers):
    with InterruptRequest() as interrupt:
        assert not interrupt()
        assert interrupt.signal_number is None
        signal.raise_signal(number)
        assert interrupt()
        assert interrupt.signal_number == number
    assert handlers == []
    assert interrupt()  # still to be read after the loop


@BOTH
def test_a_second_signal_falls_through(number, handlers):
    with InterruptRequest() as interrupt:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(number)
        assert interrupt.signal_number == signal.SIGINT
    assert handlers == [number]


@BOTH
def test_the_handlers_from_before_are_back_afterwards(number, handlers):
    with pytest.raises(ZeroDivisionError), InterruptRequest():
        raise ZeroDivisionError
    signal.raise_signal(number)
    assert handlers == [number]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_a_script_with_its_exit_code(number, code, capsys):
    def main():
        try:
            signal.raise_signal(number)
        except Exception:  # what a library might do
            pytest.fail("an interruption was taken for an error")

    assert process.exit_code_of(main) == code
    assert signal.Signals(number).name in capsys.readouterr().err


@pytest.mark.parametrize(("error", "code"), [("RunError", 1), ("InputError", 2)])
def test_a_foreseen_error_is_one_sentence_on_stderr(error, code, capsys):
    def main():
        raise getattr(errors, error)("the file x is damaged")

    assert process.exit_code_of(main) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.endswith(": error: the file x is damaged\n")


def test_an_unforeseen_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        process.exit_code_of(lambda: 1 / 0)


def test_an_end_without_error_is_0():
    assert process.exit_code_of(lambda: None) == 0


def test_output_that_nobody_reads_ends_in_a_sentence():
    code = (
        "import sys\n"
        "from foldergan import process\n"
        "main = lambda: print('x' * 10**6)\n"
        "sys.exit(process.exit_code_of(main))\n"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert "nobody reads its output" in said and "Traceback" not in said


@pytest.mark.parametrize(("usable", "threads"), [(2, "2"), (8, None)])
def test_numpy_starts_no_more_threads_than_the_quota_lets_run(
    monkeypatch, usable, threads
):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setattr(processor, "allowed_cores", lambda: 8)
    monkeypatch.setattr(processor, "usable_cores", lambda: usable)
    seen = []
    name = "OPENBLAS_NUM_THREADS"
    process.exit_code_of(lambda: seen.append(os.environ.pop(name, None)))
    assert seen == [threads]
