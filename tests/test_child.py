"""A generator in a child process: its values, its errors, its crashes."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import child
from foldergan.errors import RunError


def count(numbers):
    yield from range(numbers)


def fail_after(value):
    yield value
    raise ValueError("no more")


def die_after(value, signal_number):
    yield value
    os.kill(os.getpid(), signal_number)
    yield value


def number_of_process():
    while True:
        yield os.getpid()


def seen(values):
    """What comes of a generator until it fails, and the failure."""
    found = []
    try:
        found.extend(values)
    except Exception as error:
        return found, error
    return found, None


def test_values_come_in_order_from_another_process():
    assert list(child.iterate(count, 300)) == list(range(300))
    assert next(child.iterate(number_of_process)) != os.getpid()


def test_an_error_comes_after_the_values_before_it():
    found, error = [], None
    try:
        for value in child.iterate(fail_after, b"x" * 2**20):
            found.append(value)
    except ValueError as raised:
        error = raised
    assert found == [b"x" * 2**20]
    assert str(error) == "no more"


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_is_an_error_that_names_the_signal(name):
    values = child.iterate(die_after, 1, getattr(signal, name))
    assert next(values) == 1
    with pytest.raises(child.CrashError, match=f"crashes the library.*{name}"):
        next(values)


def test_what_is_killed_from_outside_has_not_crashed():
    values = child.iterate(die_after, 1, signal.SIGKILL)
    assert next(values) == 1
    with pytest.raises(RunError, match=r"killed \(SIGKILL\).*memory"):
        next(values)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_a_terminal_leaves_it_to_the_parent(number):
    assert list(child.iterate(die_after, 1, number)) == [1, 1]


def test_whoever_stops_listening_ends_the_child():
    values = child.iterate(number_of_process)
    process = next(values)
    os.kill(process, 0)
    values.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_modules_of_the_folder_that_it_runs_in_are_not_imported(tmp_path):
    for name in ("numpy", "h5py", "multiprocessing", "pickle"):
        trap = "from pathlib import Path\nPath('run').touch()\nraise SystemExit\n"
        (tmp_path / f"{name}.py").write_text(trap)
    code = f"""
import sys
sys.path[:] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}, *filter(None, sys.path)]
from test_child import child, count
print(list(child.iterate(count, 3)))
"""
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(code)
    command = [sys.executable, script]
    found = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[0, 1, 2]\n"
    assert not (tmp_path / "run").exists()
