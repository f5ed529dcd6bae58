"""One training a folder."""

import errno
import os
import re
import subprocess
import sys
import time

import pytest

from foldergan.errors import InputError, RunError
from foldergan.storage import locking

HOLD_THE_LOCK = """
import sys, time
from pathlib import Path
from foldergan.storage import locking
with locking.training_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder tmp_path / "model"."""
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path / "model")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_is_made_with_its_parents_and_left_empty(tmp_path):
    folder = tmp_path / "a" / "b"
    locking.make_writable_folder(folder)
    locking.make_writable_folder(folder)
    assert list(folder.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_bad_input(tmp_path):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "model"))):
        locking.make_writable_folder(tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission_is_a_run_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunError, match=re.escape(str(tmp_path))):
            locking.make_writable_folder(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_second_training_in_the_folder_is_refused_with_the_pid(tmp_path, holder):
    with (
        pytest.raises(InputError, match=rf"process {holder.pid}\)"),
        locking.training_folder(tmp_path / "model"),
    ):
        pytest.fail("two trainings in one folder")


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    with locking.training_folder(tmp_path / "model"):
        assert (tmp_path / "model" / ".lock").read_text() == str(os.getpid())


def test_the_folder_is_free_after_a_training_however_it_ended(tmp_path):
    for _ in range(2):
        with pytest.raises(RunError), locking.training_folder(tmp_path):
            raise RunError("diverged")


def test_other_folders_and_arrays_in_the_same_are_free(tmp_path, holder):
    with locking.training_folder(tmp_path / "other"):
        pass
    with (
        locking.arrays_folder(tmp_path / "model"),
        pytest.raises(InputError, match=rf"process {os.getpid()}\)"),
        locking.arrays_folder(tmp_path / "model"),
    ):
        pytest.fail("two at once")


@pytest.mark.parametrize(
    ("hold", "goes"),
    [
        (locking.training_folder, {"weights.h5", "resume.npz"}),
        (locking.arrays_folder, {"img_data.txt.npy"}),
    ],
)
def test_what_a_killed_run_left_half_written_goes(tmp_path, hold, goes):
    names = {"weights.h5", "resume.npz", "img_data.txt.npy"}
    names.add("features-0.npy")  # which a training in another folder may be writing
    for name in names:
        (tmp_path / f".tmp-1-{name}").touch()
        (tmp_path / name).touch()
    with hold(tmp_path):
        left = {path.name for path in tmp_path.iterdir() if "lock" not in path.name}
    assert left == names | {f".tmp-1-{name}" for name in names - goes}


def test_what_nobody_has_touched_for_a_day_goes(tmp_path):
    for name, hours in (("old", 25), ("new", 23)):
        path = tmp_path / f".tmp-1-{name}.csv"
        path.touch()
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    with locking.training_folder(tmp_path):
        assert [path.name for path in tmp_path.glob(".tmp-*")] == [".tmp-1-new.csv"]


def test_a_disk_without_locks_is_said(tmp_path, monkeypatch):
    def refuse(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking, "_lock", refuse)
    with (
        pytest.raises(RunError, match="cannot be locked: No locks"),
        locking.training_folder(tmp_path),
    ):
        pytest.fail("held without a lock")


def test_only_hidden_files_leave_a_folder_empty(tmp_path):
    folder = tmp_path / "new" / "images"
    locking.make_empty_folder(folder, "save_images")
    (folder / ".DS_Store").touch()
    locking.make_empty_folder(folder, "save_images")
    (folder / "1.png").touch()
    with pytest.raises(InputError, match="images is not empty") as refusal:
        locking.make_empty_folder(folder, "save_images")
    assert refusal.value.options == ("save_images",)
