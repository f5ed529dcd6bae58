"""Networks as the bytes of an .h5 file, which Keras reads without us.

HDF5 writes in memory only: on a full disk its library crashes the process.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from foldergan.storage import containers

if TYPE_CHECKING:
    import keras

_ABOUT = "foldergan"  # name of the text in an .h5 file; Keras reads over it
_WRITABLE = 1  # H5LT_FILE_IMAGE_OPEN_RW, for which h5py has no name


class _FileInMemory(h5py.File):
    """An empty HDF5 file that never touches the disk.

    Keras saves into an open file, but chooses the format by what it is called.
    """

    def __init__(self) -> None:
        super().__init__(str(self), "w", driver="core", backing_store=False)

    def __str__(self) -> str:
        return "in_memory.h5"


def encode(model: "keras.Model", about: dict[str, Any] | None = None) -> bytes:
    """Makes the very bytes that Keras would write to an .h5 file.

    Args:
        model: any; its optimizer is left out.
        about: JSON values that belong to it and travel inside the file.
    """
    with _FileInMemory() as file:
        model.save(file, include_optimizer=False)
        content = _content_of(file)
    if about:  # opened anew, so that the bytes before stay where Keras has put them
        with h5py.File(h5py.h5f.open_file_image(content, _WRITABLE)) as file:
            del content  # HDF5 has its own copy, and networks may be large
            file[_ABOUT] = json.dumps(about)
            content = _content_of(file)
    return content


def read_about(path: Path) -> dict[str, Any]:
    """Reads what `encode` was given; nothing from files of others.

    Raises:
        ValueError: as of `containers.check`, or it is odd.
    """
    containers.check(path)
    with h5py.File(path) as file:
        if _ABOUT not in file:
            return {}
        about = json.loads(file[_ABOUT][()])
    if not isinstance(about, dict):
        raise ValueError(f"its {_ABOUT} is no JSON object")
    return about


def _content_of(file: h5py.File) -> bytes:
    file.flush()
    return file.id.get_file_image()
