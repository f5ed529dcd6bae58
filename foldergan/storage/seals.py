"""A checksum behind the end of a file: what is loaded is what was saved.

HDF5 and zip files say themselves where they end, so that Keras and NumPy read over
what follows; the seal goes wherever the file is copied to.
"""

import hashlib
import os
from pathlib import Path
from typing import IO

from foldergan.errors import InputError, report_unreadable
from foldergan.progress import note

_LABEL = b"\nfoldergan: SHA-256 of all before this line: "
_LENGTH = len(_LABEL) + 2 * hashlib.sha256().digest_size
_CHUNK = 2**20  # bytes read at once


def seal(path: Path) -> None:
    """Appends the SHA-256 of a file to it."""
    with open(path, "rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0, os.SEEK_END)
        file.write(_LABEL + digest.encode())


def check(path: Path, way_out: str = "", options: tuple[str, ...] = ()) -> None:
    """Refuses a sealed file that is no longer as it was saved.

    Any bit that has flipped is found, also one of the seal: where either its label or
    its checksum is right, there was a seal, and both must be. A file without a seal,
    such as one of another program, is taken as it is, which is said.

    Args:
        path: of the file.
        way_out: what to do about one that has changed.
        options: as of `ForeseenError`.

    Raises:
        InputError: it has changed since, or cannot be read.
    """
    with report_unreadable(path, way_out=way_out, options=options):
        digest, end = _read(path)
    if end == _LABEL + digest:
        return
    if _LABEL in end or digest in end:
        advice = f"; {way_out}" if way_out else ""
        raise InputError(
            f"{path} is damaged: its SHA-256 is another than when it was saved{advice}",
            options,
        )
    note(f"note: {path} has no checksum; it is taken as it is")


def is_intact(path: Path) -> bool:
    """Tells whether a file is there, has a seal, and is as it was saved.

    Raises:
        InputError: it cannot be read.
    """
    if not path.is_file():
        return False
    with report_unreadable(path, way_out="remove it"):
        digest, end = _read(path)
    return end == _LABEL + digest


def _read(path: Path) -> tuple[bytes, bytes]:
    """Computes the SHA-256 of what stands before the seal, and reads the seal."""
    size = max(0, path.stat().st_size - _LENGTH)
    with open(path, "rb") as file:
        return _digest_of(file, size).encode(), file.read()


def _digest_of(file: IO[bytes], size: int) -> str:
    """Hashes the first bytes of a file, and leaves it at the next."""
    digest = hashlib.sha256()
    while size > 0 and (content := file.read(min(size, _CHUNK))):
        digest.update(content)
        size -= len(content)
    return digest.hexdigest()
