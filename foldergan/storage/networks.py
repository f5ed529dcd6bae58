"""Networks as .h5 and .keras files: encoded in memory, loaded with suspicion.

HDF5 writes in memory only: on a full disk its library crashes the process.
"""

import contextlib
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from foldergan import child
from foldergan.errors import InputError, report_unreadable
from foldergan.storage import seals

if TYPE_CHECKING:
    import keras

_ABOUT = "foldergan"  # name of the text in an .h5 file; Keras reads over it
_EXPANSION = 10  # times the size of a file; weights are not packed


class _FileInMemory(h5py.File):
    """An empty HDF5 file that never touches the disk."""

    def __init__(self) -> None:
        super().__init__(str(self), "w", driver="core", backing_store=False)

    def __str__(self) -> str:  # by which Keras chooses the format
        return "in_memory.h5"


def encode(model: "keras.Model", about: dict[str, Any] | None = None) -> bytes:
    """Makes the bytes that Keras would write to an .h5 file, without optimizer.

    JSON values about the model travel inside the file; `read_about` reads them.
    """
    with _FileInMemory() as file:
        model.save(file, include_optimizer=False)
        if about:
            file[_ABOUT] = json.dumps(about)
        file.flush()
        return file.id.get_file_image()


def read_about(path: Path) -> dict[str, Any]:
    """Reads what `encode` was given; nothing from files of others.

    Raises:
        Exception: whatever h5py raises of a damaged file; `report_unreadable` helps.
    """
    child.call(read_through, path)
    with h5py.File(path) as file:
        if _ABOUT not in file:
            return {}
        text = file[_ABOUT]
        is_own = isinstance(file.get(_ABOUT, getlink=True), h5py.HardLink)
        if not is_own or text.shape or text.external or text.is_virtual:
            raise ValueError(f"its {_ABOUT} is no text of its own")
        about = json.loads(text[()])
    if not isinstance(about, dict):
        raise ValueError(f"its {_ABOUT} is no JSON object")
    return about


def read_through(path: Path) -> None:
    """Reads all data of an .h5 file, in a child process, which that may crash."""
    most = _EXPANSION * path.stat().st_size

    def read(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not (item.external or item.is_virtual):
            with contextlib.suppress(Exception):  # Keras says what is wrong
                if item.nbytes <= most:
                    item[()]

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            file.visititems(read)


def load_network(
    path: Path,
    state: str = "damaged",
    way_out: str = "",
    options: tuple[str, ...] = (),
) -> "keras.Model":
    """Loads a whole Keras model from an .h5 or .keras file.

    Keras itself refuses code, links to other files, and far more than the file holds.

    Args:
        path: of the file.
        state: as in `report_unreadable`.
        way_out: what to do about one that will not do.
        options: as in `ForeseenError`.

    Raises:
        InputError: it is damaged, has changed since it was saved, is no network, or
            has weights that are NaN or infinite.
    """
    import keras

    seals.check(path, way_out, options)
    with report_unreadable(path, state, way_out, options):
        if path.suffix == ".keras" and not zipfile.is_zipfile(path):
            raise ValueError("it is no zip archive, as such a file is")
        child.call(read_through, path)
        network = keras.models.load_model(path, compile=False)
        if not isinstance(network, keras.Model):
            raise ValueError("it describes no network")
        _finalize(network)
    refuse_not_finite(path, network, way_out, options)
    return network


def _finalize(model: "keras.Model") -> None:
    """Lets Normalization layers compute with the mean and variance that were loaded."""
    import keras

    # From an .h5 file Keras does so for the outermost layers alone, and those inside a
    # backbone, such as EfficientNetB0, keep 0 and 1.
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _finalize(layer)
        elif isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def refuse_not_finite(
    path: Path | str, model: "keras.Model", way_out: str, options: tuple[str, ...] = ()
) -> None:
    """Raises InputError where a weight is NaN or infinite: the answer would be NaN."""
    import keras

    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise InputError(
                f"{path} holds weights that are NaN or infinite, in {weight.path}; "
                f"{way_out}",
                options,
            )


def maps(model: "keras.Model", input_ndim: int, output_ndim: int) -> bool:
    """Tells whether a model maps one array to one, of known sizes but the first."""
    shapes = (shape_of(model, "input"), shape_of(model, "output"))
    return all(
        isinstance(shape, tuple) and len(shape) == ndim and None not in shape[1:]
        for shape, ndim in zip(shapes, (input_ndim, output_ndim), strict=True)
    )


def shape_of(model: "keras.Model", end: str) -> Any:
    """Shape of a model's "input" or "output"; None of one that was never built."""
    return getattr(model, f"{end}_shape", None)
