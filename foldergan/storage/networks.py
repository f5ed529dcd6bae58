"""Networks of any origin, loaded with suspicion."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foldergan.errors import InputError, report_unreadable
from foldergan.storage import containers, seals

if TYPE_CHECKING:
    import keras


def load_network(
    path: Path,
    state: str = "damaged",
    way_out: str = "",
    options: tuple[str, ...] = (),
) -> "keras.Model":
    """Loads a whole Keras model from a file.

    Args:
        path: of an .h5 or .keras file.
        state: as of `report_unreadable`.
        way_out: what to do about one that will not do.
        options: as of `ForeseenError`.

    Raises:
        InputError: it is damaged, has changed since it was saved, is no network, or
            has weights that are NaN or infinite.
    """
    import keras

    seals.check(path, way_out, options)
    with report_unreadable(path, state, way_out, options):
        containers.check(path)
        network = _loaded(path)
        if not isinstance(network, keras.Model):
            raise ValueError("it describes no network")
        finalize(network)
    refuse_not_finite(path, network, way_out, options)
    return network


def _loaded(path: Path) -> Any:
    """Loads what a file holds; says more plainly than Keras why that cannot be."""
    import keras

    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise ValueError("it is no zip archive, as such a file is")
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        if "Lambda" in str(error):
            raise ValueError("it has a Lambda layer, code that is not run") from error
        raise


def finalize(model: "keras.Model") -> None:
    """Lets Normalization layers compute with the mean and variance that were loaded.

    From an .h5 file Keras does so for the outermost layers alone, and those inside a
    backbone, such as EfficientNetB0, go on with 0 and 1.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            finalize(layer)
        elif isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def refuse_not_finite(
    path: Path | str, model: "keras.Model", way_out: str, options: tuple[str, ...] = ()
) -> None:
    """Refuses a network that could only answer NaN.

    Args:
        path: of its weights.
        model: with them loaded.
        way_out: what to do about it.
        options: as of `ForeseenError`.

    Raises:
        InputError: a weight is NaN or infinite.
    """
    import keras

    for weight in model.weights:
        if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
            raise InputError(
                f"{path} holds weights that are NaN or infinite, in {weight.path}; "
                f"{way_out}",
                options,
            )


def maps(model: "keras.Model", input_ndim: int, output_ndim: int) -> bool:
    """Tells whether a model maps one array to one, of known sizes but the first.

    Args:
        model: any.
        input_ndim: axes of the array that goes in.
        output_ndim: axes of the one that comes out.
    """
    shapes = (shape_of(model, "input"), shape_of(model, "output"))
    return all(
        isinstance(shape, tuple) and len(shape) == ndim and None not in shape[1:]
        for shape, ndim in zip(shapes, (input_ndim, output_ndim), strict=True)
    )


def shape_of(model: "keras.Model", end: str) -> Any:
    """Finds what goes into a model or comes out; None of one that was never built."""
    return getattr(model, f"{end}_shape", None)
