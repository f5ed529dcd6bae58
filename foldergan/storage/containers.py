"""HDF5 and zip files of any origin, looked through before anything in them is read.

Keras refuses much of this too; here it is refused whatever the version of Keras, and
for the whole file rather than part by part.
"""

import math
import zipfile
from pathlib import Path
from typing import Any

import h5py

_ALLOWED = 2**28  # bytes that any file may unpack to
_EXPANSION = 100  # times its size; weights hardly shrink when they are packed


def check(path: Path) -> None:
    """Raises ValueError where a file leads to others, or unpacks to far too much.

    Args:
        path: of any file; what is neither HDF5 nor zip is left to its reader.
    """
    if h5py.is_hdf5(path):
        unpacked = _check_hdf5(path)
    elif zipfile.is_zipfile(path):
        unpacked = _check_zip(path)
    else:
        return
    if unpacked > max(_ALLOWED, _EXPANSION * path.stat().st_size):
        raise ValueError(f"it unpacks to {unpacked / 1e9:,.1f} GB")


def _check_zip(path: Path) -> int:
    """Refuses names that would leave the folder they are unpacked in; counts bytes."""
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            if ".." in name.split("/") or name.startswith("/") or "\\" in name:
                raise ValueError(f"its {name!r} would lie outside")
        return sum(member.file_size for member in file.infolist())


def _check_hdf5(path: Path) -> int:
    """Refuses whatever is not in the file itself, and counts the bytes of all data."""
    unpacked = 0

    def problem_of(name: str, link: Any) -> str | None:
        nonlocal unpacked
        if not isinstance(link, h5py.HardLink):
            return f"its {name} leads to {link.path}"
        try:
            item = file[name]
        except Exception as error:
            return f"its {name} cannot be read: {error}"
        if not isinstance(item, h5py.Dataset):
            return None
        if item.external or item.is_virtual:
            return f"its {name} lies in another file"
        if item.shape is not None:
            unpacked += math.prod(item.shape) * item.dtype.itemsize
        return None

    with h5py.File(path) as file:
        problem = file.visititems_links(problem_of)  # the first; it bears no errors
    if problem:
        raise ValueError(problem)
    return unpacked
