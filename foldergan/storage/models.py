"""The networks on disk, each with what belongs to it inside its file."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from foldergan.errors import RUN_TRAINING, InputError, report_unreadable
from foldergan.storage import atomic, networks, seals
from foldergan.storage.filenames import (
    CLASS_NAMES,
    CLASSIFIER_H5,
    CLASSIFIER_JSON,
    OF_CLASSIFIER,
)
from foldergan.storage.run_directory import RunDirectory
from foldergan.storage.tables import as_json, encode

if TYPE_CHECKING:
    import keras

# Halves of letters, which JSON can hold, and what commands a terminal.
_NOT_SHOWN = "[\ud800-\udfff\0-\x1f\x7f-\x9f]"
_CHECKSUM = "sha256 of train.json"  # in train.h5


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
    path: Path,
    model: "keras.Model",
    about: dict[str, Any] | None = None,
    outdated: Iterable[Path] = (),
) -> None:
    """Saves a whole Keras model as .h5, without its optimizer.

    With the optimizer, Keras changes the live model's recorded optimizer and
    still loses its state on load: training resumes from `RESUME` only. JSON values
    about it travel inside the file; outdated companions go when the new file comes.
    """
    with atomic.replacing(path, outdated) as temporary:
        _write(temporary, model, about)


def save_classifier(
    model_dir: Path,
    classifier: "keras.Model",
    class_names: list[str],
    augmentation: tuple[str, ...],
    backbone: str = "none",
) -> None:
    """Saves train.json, train.h5 and classes.json; removes what describes others.

    train.h5 says what the two others must be, and is published as such.

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
    text = encode(json.dumps(architecture))
    about = {
        "class_names": class_names,
        "augmentation": augmentation,
        "backbone": backbone,
        _CHECKSUM: hashlib.sha256(text).hexdigest(),
    }
    with atomic.publishing(model_dir / name for name in OF_CLASSIFIER) as temporary_of:
        temporary_of(model_dir / CLASSIFIER_JSON).write_bytes(text)
        names = encode(as_json(class_names))
        temporary_of(model_dir / CLASS_NAMES).write_bytes(names)
        _write(temporary_of(model_dir / CLASSIFIER_H5), classifier, about)


def require_classifier(model_dir: Path) -> None:
    """Raises InputError unless all files of a classifier are there."""
    for name in (CLASSIFIER_JSON, CLASSIFIER_H5, CLASS_NAMES):
        if not (model_dir / name).is_file():
            raise InputError(f"{model_dir / name} not found; {RUN_TRAINING}")


def refuse_other_backbone(model_dir: Path, backbone: str) -> None:
    """Raises InputError where a classifier is there, of a backbone of another name."""
    path = model_dir / CLASSIFIER_H5
    if not path.is_file():
        return
    with report_unreadable(path):
        known = networks.read_about(path).get("backbone", "none")
    if known not in ("none", backbone):
        raise InputError(
            f"the classifier {path} was trained through the backbone {known}, not "
            f"through {backbone}; name the same for both, or train it again",
            ("backbone", "model_dir"),
        )


def fingerprint_classifier(model_dir: Path) -> str:
    """Names a classifier by the SHA-256 of train.json and train.h5."""
    return seals.checksum_of(model_dir / CLASSIFIER_JSON, model_dir / CLASSIFIER_H5)


def load_classifier(model_dir: Path) -> LoadedClassifier:
    """Rebuilds the classifier from train.json and train.h5.

    Raises:
        InputError: a file is missing, damaged, holds weights that are NaN or infinite,
            or they do not fit together.
    """
    require_classifier(model_dir)
    json_path, h5_path = model_dir / CLASSIFIER_JSON, model_dir / CLASSIFIER_H5
    seals.check(h5_path, RUN_TRAINING)
    with report_unreadable(h5_path):
        about = networks.read_about(h5_path)
    classifier = _load_architecture(json_path, about.get(_CHECKSUM))
    with report_unreadable(h5_path, f"damaged, or not the weights of {json_path}"):
        classifier.load_weights(h5_path)
    if not networks.maps(classifier, 4, 2):
        raise InputError(
            f"{json_path} is not a classifier: it maps {classifier.input_shape} to "
            f"{classifier.output_shape}, not images to probabilities; {RUN_TRAINING}"
        )
    networks.refuse_not_finite(h5_path, classifier, RUN_TRAINING)
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


def _load_architecture(path: Path, checksum: str | None) -> "keras.Model":
    """Builds the network of train.json; `checksum` is its SHA-256, if known."""
    import keras

    with report_unreadable(path):
        text = path.read_bytes()
    if checksum not in (None, hashlib.sha256(text).hexdigest()):
        raise InputError(
            f"{path} is not the one that {path.with_name(CLASSIFIER_H5)} was saved "
            "with: it is damaged, or changed since, or a run was killed while it "
            f"saved; {RUN_TRAINING}"
        )
    with report_unreadable(path):
        version = str(json.loads(text).get("keras_version", ""))
        if version.startswith(("1.", "2.")):  # Keras' reason would name a class
            raise ValueError(f"Keras {version} wrote it, and Keras 3 cannot read it")
        network = keras.models.model_from_json(text.decode())
        if not isinstance(network, keras.Model):
            raise ValueError("it describes no network")
    return network


def _load_class_names(path: Path, outputs: int) -> list[str]:
    with report_unreadable(path):
        names = json.loads(path.read_text(encoding="utf-8"))
    outputs = max(outputs, 2)  # a single unit tells two classes apart
    if not _is_names(names) or len(names) != outputs:
        raise InputError(
            f"{path} must be a list of {outputs} different class names, as many as "
            f"{path.with_name(CLASSIFIER_JSON)} distinguishes; {RUN_TRAINING}"
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
    others = [
        other for other in RunDirectory(path.parent).generators() if other != path
    ]
    way_out = f"{others[-1]} is another" if others else "run: python GANModel.py"
    generator = networks.load_network(path, way_out=way_out, options=("generator",))
    if not (networks.maps(generator, 2, 4) or num_classes_of(generator)):
        taken, given = (networks.shape_of(generator, x) for x in ("input", "output"))
        raise InputError(
            f"{path} is not a generator: it maps {taken} to {given}, not latent "
            f"vectors to images; {way_out}",
            ("generator",),
        )
    return generator


def num_classes_of(generator: "keras.Model") -> int:
    """Counts the classes that a generator takes the numbers of; 0 for none.

    It is recognised by its inputs, as `networks.inference_generator` names them.
    """
    inputs = getattr(generator, "inputs", None) or ()  # none of one never built
    if [value.name for value in inputs] != ["latents", "class_ids"]:
        return 0
    return next((x.num_tokens for x in generator.layers if x.name == "classes"), 0)


def load_generator_classes(path: Path) -> list[str] | None:
    """Names the classes that a generator draws, in the order of their numbers.

    Returns:
        None where nothing is known of them (version 0.1).
    """
    with report_unreadable(path, way_out="run: python GANModel.py"):
        names = networks.read_about(path).get("class_names")
        if not (names is None or _is_names(names)):
            raise ValueError("it holds no list of class names")
    return names


def _write(path: Path, model: "keras.Model", about: dict[str, Any] | None) -> None:
    path.write_bytes(networks.encode(model, about))
    seals.seal(path)


def _is_names(value: Any) -> bool:
    """Tells whether a value is a list of different texts to show."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return False
    return len(set(value)) == len(value) and not re.search(_NOT_SHOWN, "".join(value))
