"""HDF5 and zip files of any origin, looked through before anything in them is read.

Keras refuses much of this too; here it is refused whatever the version of Keras, and
for the whole file rather than part by part. All that libhdf5 will be asked to read is
read once in a child process, which it may crash.
"""

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import h5py

from foldergan import child

_ALLOWED = 2**28  # bytes that any file may unpack to
_EXPANSION = 100  # times its size; weights hardly shrink when they are packed


def check(path: Path) -> None:
    """Refuses a file that leads to others, or unpacks to far too much.

    Args:
        path: of any file; what is neither HDF5 nor zip is left to its reader.

    Raises:
        ValueError: the message says what is wrong.
        CrashError: libhdf5 cannot read it.
    """
    child.call(_check, path)


def _check(path: Path) -> None:
    most = max(_ALLOWED, _EXPANSION * path.stat().st_size)
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            _check_hdf5(file, most)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as zipped:
            _check_zip(zipped, most)


def _check_zip(zipped: zipfile.ZipFile, most: int) -> None:
    """Refuses names that would leave the folder they are unpacked in."""
    for name in zipped.namelist():
        if ".." in name.split("/") or name.startswith("/") or "\\" in name:
            raise ValueError(f"its {name!r} would lie outside")
    _refuse_too_large(sum(member.file_size for member in zipped.infolist()), most)
    for name in zipped.namelist():
        if name.endswith(".h5"):
            with h5py.File(io.BytesIO(zipped.read(name))) as file:
                _check_hdf5(file, most)


def _check_hdf5(file: h5py.File, most: int) -> None:
    """Refuses whatever is not in the file itself; then reads all data."""
    found: list[h5py.Dataset] = []

    def problem_of(name: str, link: Any) -> str | None:
        if not isinstance(link, h5py.HardLink):
            return f"its {name} leads to {link.path}"
        try:
            item = file[name]
        except Exception as error:
            return f"its {name} cannot be read: {error}"
        if isinstance(item, h5py.Dataset):
            if item.external or item.is_virtual:
                return f"its {name} lies in another file"
            found.append(item)
        return None

    problem = file.visititems_links(problem_of)  # the first; it bears no errors
    if problem:
        raise ValueError(problem)
    sizes = (math.prod(x.shape or ()) * x.dtype.itemsize for x in found)
    _refuse_too_large(sum(sizes), most)
    for item in found:
        item[()]


def _refuse_too_large(unpacked: int, most: int) -> None:
    if unpacked > most:
        raise ValueError(f"it unpacks to {unpacked / 1e9:,.1f} GB")
