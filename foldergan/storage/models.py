"""The networks on disk, each with what belongs to it inside its file."""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from foldergan.errors import RUN_TRAINING, InputError, report_unreadable
from foldergan.storage import atomic, generators, hdf5
from foldergan.storage.filenames import (
    CLASS_NAMES,
    CLASSIFIER_H5,
    CLASSIFIER_JSON,
    GENERATOR_CLASSES,
)
from foldergan.storage.tables import save_json, save_text

if TYPE_CHECKING:
    import keras


class LoadedClassifier(NamedTuple):
    """A classifier, and what its training left with it.

    Attributes:
        model: Keras model, images 0-1 in, probabilities out.
        class_names: in the order of the outputs.
        augmentation: of its training; None where the file does not tell.
    """

    model: "keras.Model"
    class_names: list[str]
    augmentation: tuple[str, ...] | None


def save_model(
    path: Path, model: "keras.Model", about: dict[str, Any] | None = None
) -> None:
    """Saves a whole Keras model as .h5, without its optimizer.

    With the optimizer, Keras changes the live model's recorded optimizer and
    still loses its state on load: training goes on from `RESUME` only.

    Args:
        path: final name of the .h5 file.
        model: any.
        about: JSON values that belong to it and travel inside the file.
    """
    content = hdf5.encode(model, about)
    with atomic.replacing(path) as temporary:
        temporary.write_bytes(content)


def save_classifier(
    model_dir: Path,
    classifier: "keras.Model",
    class_names: list[str],
    augmentation: tuple[str, ...],
    backbone: str = "none",
) -> None:
    """Saves train.json, train.h5 and classes.json.

    Args:
        model_dir: folder of the models.
        classifier: Keras model, images 0-1 in, probabilities out.
        class_names: in the order of the outputs.
        augmentation: of its training, which its predictions are averaged over too.
        backbone: fingerprint of the pretrained network in it.
    """
    architecture = json.loads(classifier.to_json())
    # How it was trained; plain Keras could not load our own loss.
    architecture.pop("compile_config", None)
    about = {
        "class_names": class_names,
        "augmentation": augmentation,
        "backbone": backbone,
    }
    save_text(model_dir / CLASSIFIER_JSON, json.dumps(architecture))
    save_model(model_dir / CLASSIFIER_H5, classifier, about)
    save_json(model_dir / CLASS_NAMES, class_names)


def require_classifier(model_dir: Path) -> None:
    """Raises InputError unless all files of a classifier are there."""
    for name in (CLASSIFIER_JSON, CLASSIFIER_H5, CLASS_NAMES):
        if not (model_dir / name).is_file():
            raise InputError(f"{model_dir / name} not found; {RUN_TRAINING}")


def refuse_other_backbone(model_dir: Path, backbone: str) -> None:
    """Refuses a classifier that was trained through another backbone.

    Args:
        model_dir: folder of the models; there need be no classifier.
        backbone: fingerprint of the one to look through now.

    Raises:
        InputError: the classifier's is another, or has changed since.
    """
    path = model_dir / CLASSIFIER_H5
    if not path.is_file():
        return
    with report_unreadable(path):
        known = hdf5.read_about(path).get("backbone", "none")
    if known not in ("none", backbone):
        raise InputError(
            f"the classifier {path} was trained through the backbone {known}, not "
            f"through {backbone}; name the same for both",
            ("backbone", "model_dir"),
        )


def fingerprint_classifier(model_dir: Path) -> str:
    """Names a classifier by a checksum of train.json and train.h5."""
    checksum = 0
    for name in (CLASSIFIER_JSON, CLASSIFIER_H5):
        checksum = zlib.crc32((model_dir / name).read_bytes(), checksum)
    return f"{checksum:08x}"


def load_classifier(model_dir: Path) -> LoadedClassifier:
    """Rebuilds the classifier from train.json and train.h5.

    Raises:
        InputError: a file is missing, damaged, holds weights that are NaN or infinite,
            or they do not fit together.
    """
    import keras

    require_classifier(model_dir)
    json_path, h5_path = model_dir / CLASSIFIER_JSON, model_dir / CLASSIFIER_H5
    with report_unreadable(json_path):
        classifier = keras.models.model_from_json(json_path.read_text("utf-8"))
        if not isinstance(classifier, keras.Model):
            raise ValueError("it describes no network")
    with report_unreadable(h5_path, f"damaged, or not the weights of {json_path}"):
        classifier.load_weights(h5_path)
        about = hdf5.read_about(h5_path)
    if not _maps(classifier, 4, 2):
        raise InputError(
            f"{json_path} is not a classifier: it maps {classifier.input_shape} to "
            f"{classifier.output_shape}, not images to probabilities; {RUN_TRAINING}"
        )
    _refuse_not_finite(h5_path, classifier, RUN_TRAINING)
    names_path = model_dir / CLASS_NAMES
    class_names = _load_class_names(names_path, classifier.output_shape[-1])
    if about.get("class_names", class_names) != class_names:
        raise InputError(
            f"{names_path} and {h5_path} name other classes: they are of two "
            f"trainings; {RUN_TRAINING}"
        )
    augmentation = about.get("augmentation")
    return LoadedClassifier(
        classifier, class_names, None if augmentation is None else tuple(augmentation)
    )


def _load_class_names(path: Path, outputs: int) -> list[str]:
    with report_unreadable(path):
        names = json.loads(path.read_text(encoding="utf-8"))
    outputs = max(outputs, 2)  # a single unit tells two classes apart
    if not _is_names(names) or len(names) != outputs:
        raise InputError(
            f"{path} must be a list of {outputs} class names, as many as "
            f"{path.with_name(CLASSIFIER_JSON)} tells apart; {RUN_TRAINING}"
        )
    return names


def load_generator(path: Path) -> "keras.Model":
    """Loads a generator.

    Returns:
        Keras model, latent vectors, and class numbers where it was trained with
        classes, in; images -1-1 out.

    Raises:
        InputError: damaged, not a generator, or of weights that are NaN or infinite;
            the message names another.
    """
    import keras

    others = [
        other for other in generators.list_generators(path.parent) if other != path
    ]
    way_out = f"{others[-1]} is another" if others else "run: python GANModel.py"
    with report_unreadable(path, way_out=way_out, options=("generator",)):
        generator = keras.models.load_model(path, compile=False)
    if not (_maps(generator, 2, 4) or num_classes_of(generator)):
        raise InputError(
            f"{path} is not a generator: it maps {generator.input_shape} to "
            f"{generator.output_shape}, not latent vectors to images; {way_out}",
            ("generator",),
        )
    _refuse_not_finite(path, generator, way_out, ("generator",))
    return generator


def num_classes_of(generator: "keras.Model") -> int:
    """Counts the classes that a generator takes the numbers of; 0 for none.

    It is recognised by its inputs, as `networks.inference_generator` names them.
    """
    if [value.name for value in generator.inputs] != ["latents", "class_ids"]:
        return 0
    return generator.get_layer("classes").num_tokens


def load_generator_classes(path: Path) -> list[str] | None:
    """Names the classes that a generator draws, in the order of their numbers.

    Args:
        path: of the generator. Versions before 0.2 left the names beside it.

    Returns:
        None where nothing is known of them.
    """
    with report_unreadable(path, way_out="run: python GANModel.py"):
        names = hdf5.read_about(path).get("class_names")
    if names is None and path.with_name(GENERATOR_CLASSES).is_file():
        path = path.with_name(GENERATOR_CLASSES)
        with report_unreadable(path, way_out="run: python GANModel.py, or remove it"):
            names = json.loads(path.read_text(encoding="utf-8"))
    if names is not None and not _is_names(names):
        raise InputError(f"{path} holds no list of class names; remove it")
    return names


def _refuse_not_finite(
    path: Path, model: "keras.Model", way_out: str, options: tuple[str, ...] = ()
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


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _maps(model: "keras.Model", input_ndim: int, output_ndim: int) -> bool:
    """Tells whether a model maps one array to one, of known sizes but the first."""
    shapes = (model.input_shape, model.output_shape)
    return all(
        isinstance(shape, tuple) and len(shape) == ndim and None not in shape[1:]
        for shape, ndim in zip(shapes, (input_ndim, output_ndim), strict=True)
    )
