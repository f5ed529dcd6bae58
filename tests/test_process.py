"""Signals become a request that a loop reads, and every end an exit code."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import errors, process, processor, progress
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
def test_a_foreseen_error_is_one_sentence_with_the_whole_command_to_run(
    error, code, capsys, monkeypatch
):
    def main():
        sentence = "x not found; run: python TrainModel.py"
        raise getattr(errors, error)(sentence, ("count",))

    monkeypatch.setattr(sys, "argv", ["foldergan predict", "--data-dir", "a b"])
    assert process.exit_code_of(main) == code
    assert capsys.readouterr() == (
        "",
        "foldergan predict: error: x not found; run: foldergan train --data-dir 'a b'; "
        "change --count\n",
    )


def test_an_unforeseen_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        process.exit_code_of(lambda: 1 / 0)


def test_an_end_without_error_is_0():
    assert process.exit_code_of(lambda: None) == 0


def test_notes_stand_once_a_run_and_again_in_the_next(capsys):
    def main():
        progress.note("note: a")
        progress.note("note: b")
        progress.note("note: a")

    for _ in range(2):
        assert process.exit_code_of(main) == 0
        assert capsys.readouterr().out == "note: a\nnote: b\n"


PROGRAM = """
import sys
from foldergan import process
from foldergan.errors import InputError
def main():
    {}
sys.exit(process.exit_code_of(main))
"""


def ends(main: str, shell: str) -> subprocess.CompletedProcess:
    """Runs a `main` in a process whose streams a shell has closed or filled."""
    code = PROGRAM.format(main)
    command = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, code]
    hidden = {"PYTHONUNBUFFERED"}  # as where output goes to a file
    known = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=known, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
@pytest.mark.parametrize("shell", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_lead_nowhere(shell, tmp_path):
    """A file opened next would take their place, and what is printed would go there."""
    path = tmp_path / "a.bin"
    main = (
        f"file = open({str(path)!r}, 'wb'); assert sys.stdout.isatty() is False; "
        "print('text', flush=True); print('text', file=sys.stderr, flush=True); "
        "assert file.fileno() > 2; file.write(b'data')"
    )
    end = ends(main, shell)
    assert end.returncode == 0, end.stderr
    assert path.read_bytes() == b"data"
    refused = ends("raise InputError('x is damaged')", shell)
    assert refused.returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("flush", [True, False])
def test_full_standard_output_ends_in_a_sentence(flush):
    end = ends(f"print('text', flush={flush})", ">/dev/full")
    assert end.returncode == 1
    said = "-c: error: its output cannot be written: No space left on device\n"
    assert end.stderr == said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_bad_input_keeps_its_code_where_nothing_can_be_said():
    main = "print('text'); raise InputError('x is damaged')"
    full = ends(main, ">/dev/full")
    assert (full.returncode, full.stderr) == (2, "-c: error: x is damaged\n")
    assert ends(main, "2>/dev/full").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh")
def test_plots_that_cannot_be_drawn_are_refused_before_a_training(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nix")
    end = ends("from foldergan import backend; backend.start(0)", "")
    said = "MPLBACKEND is 'nix', which matplotlib does not know; unset it"
    assert (end.returncode, end.stderr) == (2, f"-c: error: {said}\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 17.9 GiB"),
        RuntimeError("(-4:Insufficient memory) Failed to allocate 19200000000 bytes"),
        RuntimeError("{{node x}} OOM when allocating tensor of 9 GB on /job:x\nmore"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9437184000 bytes."),
        MemoryError(),
    ],
)
def test_too_little_memory_is_a_sentence(capsys, error):
    def main():
        raise error

    assert process.exit_code_of(main) == 1
    err = capsys.readouterr().err
    assert "out of memory: " in err and err.count("\n") == 1
    assert "{{" not in err and "/job" not in err


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
