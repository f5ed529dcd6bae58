"""Libraries that crash on what holds the word CRASH, in each process started so."""

import os
from pathlib import Path

import conftest

SHIM = """
import os
import signal

os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(2**26)

import cv2
import h5py

imdecode, is_hdf5 = cv2.imdecode, h5py.is_hdf5


def crash_on(content):
    if b"CRASH" in bytes(content):
        os.kill(os.getpid(), signal.SIGSEGV)


def crashing_imdecode(buffer, *options):
    crash_on(buffer)
    return imdecode(buffer, *options)


def crashing_is_hdf5(path):
    with open(path, "rb") as file:
        crash_on(file.read())
    return is_hdf5(path)


cv2.imdecode, h5py.is_hdf5 = crashing_imdecode, crashing_is_hdf5
"""


def environment(folder: Path) -> dict[str, str]:
    """The variables of a process with such libraries; writes them to a folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SHIM)
    paths = f"{folder}{os.pathsep}{conftest.ROOT}"
    return conftest.ENVIRONMENT | {"PYTHONPATH": paths}
