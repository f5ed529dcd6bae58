"""Trains by a command until it has used so much CPU time. Linux only.

The command writes generators as generator_model_<number>.<ending>, ends at SIGTERM with
its state saved, and resumes from there with --resume.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import side_by_side  # noqa: F401 (finds foldergan)

from foldergan.storage import tables

_POLL = 0.5  # seconds
_RECORD = "budget.json"
_TICKS = os.sysconf("SC_CLK_TCK")  # of CPU time, a second


def children_minutes() -> float:
    """CPU minutes of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) / 60


def train(command: list, folder: Path, at: list[float], state: str, env: dict) -> dict:
    """Trains until the last mark, unless that is done, and keeps a generator for each.

    All CPU time of the process counts, its start included, on all cores together. A
    mark's generator is the last one that was saved by then, or the first of all.
    Interrupted, the same call resumes from the saved state.

    Args:
        command: that starts the training.
        folder: that it writes generators in.
        at: the marks, in minutes.
        state: name of the file, in the folder, that --resume needs.
        env: of the process.

    Returns:
        Mark -> {"minutes", "number", "file"}: when, as what number its generator
        was saved, and the name of the copy that is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record_path = folder / _RECORD
    record = {"minutes": 0.0, "newest": None, "marks": {}}
    if (folder / state).exists() and record_path.exists():
        record = json.loads(record_path.read_text())
        command = [*command, "--resume"]
    else:
        for left in folder.glob("generator_model_*"):
            left.unlink()
    due = [minutes for minutes in sorted(at) if f"{minutes:g}" not in record["marks"]]
    if not due:
        return record["marks"]
    if record["marks"] and due[0] < record["newest"]["minutes"]:
        sys.exit(f"{folder} is past {due[0]:g} minutes already; take another --work")
    before, ended_before = record["minutes"], children_minutes()
    with open(folder / "log.txt", "a") as log:
        # A session of its own: Ctrl-C comes to it as one SIGTERM, from below.
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=env, start_new_session=True
        )
    try:
        while due:
            time.sleep(_POLL)
            now = before + _cpu_minutes(process.pid)
            code = process.poll()
            if _notice_saves(folder, record, now):
                tables.save_json(record_path, record)
            while due and now >= due[0] and record["newest"]:
                _keep(folder, record, due.pop(0))
            if due and code is not None:
                sys.exit(f"training ended with {code}: see {folder / 'log.txt'}")
    finally:
        process.terminate()
        process.wait()
        record["minutes"] = before + children_minutes() - ended_before
        tables.save_json(record_path, record)
    return record["marks"]


def _cpu_minutes(pid: int) -> float:
    """CPU minutes of a process, all its threads, in user and in system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS / 60


def _notice_saves(folder: Path, record: dict, now: float) -> bool:
    """Notes a new generator, if there is one, and removes the others."""
    numbers = {
        int(match[1]): path
        for path in folder.glob("generator_model_*")
        if (match := re.fullmatch(r"generator_model_(\d+)", path.stem))
    }
    newest = max(numbers, default=None)
    if newest is None or (record["newest"] and record["newest"]["number"] == newest):
        return False
    record["minutes"] = now
    record["newest"] = {
        "minutes": now,
        "number": newest,
        "file": numbers.pop(newest).name,
    }
    for path in numbers.values():
        path.unlink()
    return True


def _keep(folder: Path, record: dict, mark: float) -> None:
    """Copies the newest generator as that of a mark."""
    newest = folder / record["newest"]["file"]
    kept = f"after-{mark:g}-minutes{newest.suffix}"
    shutil.copy(newest, folder / kept)
    record["marks"][f"{mark:g}"] = record["newest"] | {"file": kept}
