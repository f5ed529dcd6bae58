"""Folders that one run alone writes in."""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from foldergan.errors import InputError, RunError
from foldergan.storage.filenames import IMAGES, LABELS

if sys.platform == "win32":  # not os.name: type checkers know this one
    import msvcrt
else:
    import fcntl

# The disk's own refusals; any other failure to make a folder is a wrong path.
_DISK_ERRORS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
_DAY = 86_400  # seconds
# What the systems say of a lock that another holds.
_TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


def make_writable_folder(folder: Path) -> None:
    """Makes `folder` if need be and proves, by writing, that files can be made.

    Raises:
        InputError: the path cannot be a folder.
        RunError: the disk refuses to write there.
    """
    probe = folder / f".tmp-{os.getpid()}-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        if error.errno in _DISK_ERRORS:
            raise RunError(
                f"cannot write in the folder {folder}: {error.strerror}; "
                "free or unlock it, or name another"
            ) from error
        raise InputError(
            f"{folder} cannot be used as a folder: {error.strerror}; name another"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def make_empty_folder(folder: Path, option: str) -> None:
    """Does as `make_writable_folder`, and refuses one that holds files.

    Hidden files do not count. The error names `option`.
    """
    make_writable_folder(folder)
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"the folder {folder} is not empty", (option,))


def training_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Holds a folder of models alone, so that two trainings never mix their files.

    Raises:
        InputError: another run holds it, or the path cannot be a folder.
        RunError: the disk refuses to write there, or knows no locks.
    """
    return _held_alone(folder, ".lock", "model_dir", (".h5", ".npz"))


def arrays_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Holds a folder of arrays alone, with the errors of `training_folder`."""
    return _held_alone(folder, ".lock-arrays", "data_dir", (IMAGES, LABELS))


def export_folder(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Holds a folder of generated images and its class folders alone, likewise."""
    return _held_alone(folder, ".lock", "export", (".png", ".json"), "**/.tmp-*")


@contextlib.contextmanager
def _held_alone(
    folder: Path,
    lock: str,
    option: str,
    written: tuple[str, ...],
    half_written: str = ".tmp-*",
) -> Iterator[None]:
    """Holds a writable folder and removes what a killed run left half written there."""
    make_writable_folder(folder)
    # The operating system drops the lock when its process ends, however it ends.
    with open(folder / lock, "a+") as file:
        try:
            _lock(file)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise RunError(
                    f"{folder} cannot be locked: {error.strerror}; the disk must "
                    "know locks",
                    (option,),
                ) from error
            file.seek(0)
            raise InputError(
                f"another run (process {file.read().strip()}) is writing in {folder}; "
                "wait for it",
                (option,),
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        for path in folder.glob(half_written):
            with contextlib.suppress(OSError):
                # Names with other ends are written without this lock too.
                is_old = time.time() - path.stat().st_mtime > _DAY
                if path.name.endswith(written) or is_old:
                    path.unlink()
        yield


def _lock(file: IO[str]) -> None:
    """Takes the lock or raises OSError at once."""
    if sys.platform == "win32":
        # Far behind the text, because Windows also keeps others from reading it.
        file.seek(1 << 20)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
