"""Functions in child processes: results, errors, crashes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from foldergan import child
from foldergan.errors import RunError


def double(number):
    return 2 * number


def fail(number):
    raise ValueError(f"no {number}")


def die(signal_number):
    os.kill(os.getpid(), signal_number)
    return os.getpid()


def refuse_to_start():
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_result_comes_from_another_process():
    assert child.call(double, 21) == 42
    assert child.call(os.getpid) != os.getpid()


def test_an_error_comes_as_it_was_raised():
    with pytest.raises(ValueError, match="no 3"):
        child.call(fail, 3)


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"])
def test_a_crash_is_an_error_that_names_the_signal(name):
    with pytest.raises(child.CrashError, match=f"crashes the library.*{name}"):
        child.call(die, getattr(signal, name))


def test_a_crash_while_others_wait_is_one_too():
    with pytest.raises(child.CrashError, match="SIGSEGV"), child.pool(2) as executor:
        executor.submit(time.sleep, 3600)
        crashing = executor.submit(die, signal.SIGSEGV)
        executor.submit(double, 1)  # has the executor look at both
        crashing.result()


def test_a_crash_at_the_start_is_an_error():
    with (
        pytest.raises(child.CrashError, match="SIGSEGV"),
        child.pool(1, refuse_to_start) as executor,
    ):
        executor.submit(double, 1).result()


def test_what_is_killed_from_outside_has_not_crashed():
    with pytest.raises(RunError, match=r"killed \(SIGKILL\).*memory"):
        child.call(die, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_all_of_a_terminal_leaves_it_to_the_parent(number):
    assert child.call(die, number) != os.getpid()


def is_running(process):
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        os.kill(process, 0)
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_end_with_the_block():
    with child.pool(1) as executor:
        process = executor.submit(os.getpid).result()
        assert is_running(process)
    assert not is_running(process)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_of_a_parent_that_is_killed_end_too():
    code = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from foldergan import child
with child.pool(1) as executor:
    print(executor.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        process = int(parent.stdout.readline())
        assert is_running(process)
        parent.kill()
    for _ in range(600):
        if not is_running(process):
            return
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    pytest.fail("it runs on")


def test_modules_of_the_folder_that_it_runs_in_are_not_imported(tmp_path):
    for name in ("numpy", "h5py", "multiprocessing", "pickle"):
        trap = "from pathlib import Path\nPath('run').touch()\nraise SystemExit\n"
        (tmp_path / f"{name}.py").write_text(trap)
    code = f"""
import sys
sys.path[:] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}, *filter(None, sys.path)]
from test_child import child, double
print(child.call(double, 3))
"""
    script = tmp_path.parent / f"{tmp_path.name}.py"
    script.write_text(code)
    command = [sys.executable, script]
    found = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout == "6\n"
    assert not (tmp_path / "run").exists()
