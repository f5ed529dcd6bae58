"""What a script would leave that is killed (SIGKILL) before any change of a file.

A killed process changes nothing more: what is on disk at that moment is what it leaves.
So one run that copies its folder before each change shows what all of them would.
"""

import contextlib
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")  # of audit
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_watchers = []  # audit hooks stay for good; without a watcher this one does nothing


def _audit(event: str, arguments: tuple) -> None:
    if not _watchers:
        return
    is_written = event == "open" and arguments[2] & _WRITES
    if is_written or event in _CHANGES:
        _watchers[-1](arguments[0], is_written)


sys.addaudithook(_audit)


@contextlib.contextmanager
def left_behind(folder: Path, into: Path, monkeypatch) -> Iterator[list[Path]]:
    """Yields a list that gets copies of a folder, of every state that it goes through.

    The first is as the folder was found. Two copies are never the same: each file, also
    one of a temporary name, that is new or other makes another. Locks do not count.

    Args:
        folder: that a script is run in meanwhile, in this process.
        into: a new folder for the copies.
        monkeypatch: of pytest; `os.fsync` is a change too, and audited by nobody.
    """
    into.mkdir()
    copies: list[Path] = []
    seen = set()

    def look(path, is_written=False) -> None:
        if isinstance(path, int) or not folder.is_dir():
            return
        path = Path(os.path.abspath(path))
        if not path.is_relative_to(folder):
            return
        # What is written in place is not whole between two copies.
        assert not is_written or path.name.startswith("."), f"{path} is not replaced"
        with _unwatched():
            state = _contents(folder)
            if state not in seen:
                seen.add(state)
                copies.append(into / str(len(copies)))
                shutil.copytree(folder, copies[-1])

    def fsync(file, synchronise=os.fsync) -> None:
        look(folder)
        synchronise(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        _watchers.append(look)
        try:
            yield copies
        finally:
            _watchers.remove(look)


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    held = _watchers.copy()
    _watchers.clear()
    try:
        yield
    finally:
        _watchers.extend(held)


def _contents(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith(".lock"):
            digest.update(f"{path}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
