"""Networks as ONNX files, which other programs run without Keras.

Keras exports them with the package tf2onnx.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from foldergan import packages
from foldergan.errors import RunError
from foldergan.storage import atomic, models
from foldergan.storage.filenames import CLASSIFIER_ONNX

if TYPE_CHECKING:
    import keras


def require() -> None:
    """Raises InputError where the packages are missing that the export needs."""
    packages.require("ONNX files", ("onnx", "tf2onnx"), "export_onnx")


def export_classifier(model_dir: Path) -> Path:
    """Writes train.onnx from train.json and train.h5.

    Returns:
        Its path. Of the network: input images, float32 (n, height, width, channels),
        0-1; output probabilities, float32 (n, classes).
    """
    path = model_dir / CLASSIFIER_ONNX
    _export(models.load_classifier(model_dir).model, path, ["images"])
    return path


def export_generator(generator_path: Path, model_dir: Path) -> Path:
    """Writes a generator of an .h5 file to `model_dir`, with a name in .onnx.

    Returns:
        The path. Of the network: inputs latents, float32 (n, latent_dim), and, of one
        with classes, class_ids, int32 (n,); output images, float32 (n, height, width,
        channels), -1 to 1.
    """
    path = model_dir / f"{generator_path.stem}.onnx"
    generator = models.load_generator(generator_path)
    _export(generator, path, ["latents", "class_ids"][: len(generator.inputs)])
    return path


def _export(model: "keras.Model", path: Path, names: list[str]) -> None:
    """Lets Keras export a model, in float32; the batch may be of any size."""
    import keras
    import onnx

    specs = [
        keras.InputSpec(shape=(None, *value.shape[1:]), dtype=value.dtype, name=name)
        for value, name in zip(model.inputs, names, strict=True)
    ]
    signature = [specs] if len(specs) > 1 else specs
    with atomic.replacing(path) as temporary, warnings.catch_warnings():
        # Keras looks for what NumPy 1 had, to give tf2onnx the rest of it.
        warnings.simplefilter("ignore", FutureWarning)
        model.export(temporary, format="onnx", verbose=False, input_signature=signature)
        found = [value.name for value in onnx.load(temporary).graph.input]
        if found != names:
            raise RunError(
                f"{path} is not written: exported, the network takes "
                f"{', '.join(found)} instead of {', '.join(names)}; a layer of it is "
                "not known to the package tf2onnx"
            )
