"""A checksum behind the end of a file: what is loaded is what was saved.

HDF5 and zip files say themselves where they end, so that Keras and NumPy read over
what follows; the seal goes wherever the file is copied to.
"""

import hashlib
import os
from pathlib import Path

from foldergan.errors import InputError, report_unreadable
from foldergan.progress import note

_LABEL = b"\nfoldergan: SHA-256 of all before this line: "
_LENGTH = len(_LABEL) + 2 * hashlib.sha256().digest_size
_CHUNK = 2**20  # bytes read at once


def checksum_of(*paths: Path) -> str:
    """SHA-256 of whole files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def seal(path: Path) -> None:
    """Appends the SHA-256 of a file to it."""
    checksum = checksum_of(path)
    with open(path, "ab") as file:
        file.write(_LABEL + checksum.encode())


def check(
    path: Path, way_out: str = "", options: tuple[str, ...] = (), is_ours: bool = False
) -> None:
    """Refuses a sealed file that is no longer as it was saved.

    Any bit that has flipped is found, also one of the seal: where either its label or
    its checksum is right, there was a seal, and both must be. A file without a seal,
    such as one of another program, is taken as it is, with a note, unless it can
    only be one of ours.

    Raises:
        InputError: it has changed since, or cannot be read.
    """
    with report_unreadable(path, way_out=way_out, options=options):
        checksum, end = _read(path)
    if end == _LABEL + checksum:
        return
    was_sealed = _LABEL in end or checksum in end
    if is_ours or was_sealed:
        why = "its SHA-256 is another than when it was saved"
        why = why if was_sealed else "it ends without its checksum"
        advice = f"; {way_out}" if way_out else ""
        raise InputError(f"{path} is damaged: {why}{advice}", options)
    note(f"note: {path} has no checksum; it is taken as it is")


def is_intact(path: Path) -> bool:
    """Tells whether a file is there, has a seal, and is as it was saved.

    Raises:
        InputError: it cannot be read.
    """
    if not path.is_file():
        return False
    with report_unreadable(path, way_out="remove it"):
        checksum, end = _read(path)
    return end == _LABEL + checksum


def _read(path: Path) -> tuple[bytes, bytes]:
    """Computes the SHA-256 of what stands before the seal, and reads the seal."""
    left = max(0, os.path.getsize(path) - _LENGTH)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while content := file.read(min(left, _CHUNK)):
            digest.update(content)
            left -= len(content)
        return digest.hexdigest().encode(), file.read()
