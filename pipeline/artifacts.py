"""The contract on disk: every file's name, dtype, shape and range.

Other people's scripts read these files with nothing of ours installed, so the
names stay as they are. Everything that is loaded is checked, and a failed check
names the file and the way out; everything that is saved is saved whole.
"""

import contextlib
import csv
import dataclasses
import json
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import files
from pipeline.errors import InputError

IMAGES = "img_data.txt.npy"  # float32 (n, height, width, channels), RGB, 0-1
LABELS = "img_label.txt.npy"  # float32 (n, classes), one-hot
CLASSIFIER_JSON = "train.json"  # keras.models.model_from_json
CLASSIFIER_H5 = "train.h5"  # .load_weights
CLASS_NAMES = "classes.json"  # list of str, in the order of the labels' columns
GENERATOR = "generator_model_{epoch:03d}.h5"  # keras.models.load_model; -1-1 out
GENERATED_PLOT = "generated_plot_e{epoch:03d}.png"
GENERATED_SINGLE = "generated_image_epoch_{epoch:03d}_{number}.png"
GENERATED_JPG = "gan_generated_image_epoch_{epoch}.jpg"
FINAL_PLOT = "final_generated_images.png"
RESUME = "resume.npz"

_CHUNK_BYTES = 1 << 26
_MAKE_ARRAYS = "run: python TrainModel.py"


# Arrays of pictures and labels.


@contextlib.contextmanager
def writing_images(
    path: Path, image_shape: tuple[int, int, int]
) -> Iterator[Callable[[np.ndarray], None]]:
    """Yields a function that appends one picture to an array on disk.

    The pictures go straight to the file, so that memory does not grow with
    their number, and the number need not be known before.

    Args:
        path: final name of the .npy file.
        image_shape: (height, width, channels) of every picture.
    """
    header = {"descr": "<f4", "fortran_order": False}
    count = 0
    with files.replacing(path) as temporary, open(temporary, "wb") as file:

        def append(image: np.ndarray) -> None:
            nonlocal count
            file.write(np.ascontiguousarray(image, "<f4").data)
            count += 1

        def write_header() -> None:
            # NumPy pads the header so that the first axis can grow in place.
            shape = {"shape": (count, *image_shape)}
            np.lib.format.write_array_header_1_0(file, header | shape)

        write_header()
        yield append
        file.seek(0)
        write_header()


def save_array(path: Path, array: np.ndarray) -> None:
    """Saves a .npy file."""
    with files.replacing(path) as temporary, open(temporary, "wb") as file:
        np.save(file, array, allow_pickle=False)


def load_images(data_dir: Path) -> np.ndarray:
    """Opens img_data.txt.npy as a memory map and checks every value.

    Returns:
        Read-only float32 array of shape (n, height, width, channels), 0-1.

    Raises:
        InputError: missing, damaged, or not what the contract says.
    """
    path = data_dir / IMAGES
    images = _open_array(path)
    found = f"found {images.dtype} of shape {images.shape}"
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise InputError(
            f"{path} must hold pictures of shape (n, height, width, 3 or 1); "
            f"{found}; {_MAKE_ARRAYS}"
        )
    if images.dtype != np.float32:
        raise InputError(
            f"{path} must hold float32 values from 0 to 1; {found}; {_MAKE_ARRAYS}"
        )
    rows = max(1, _CHUNK_BYTES // images[0].nbytes)
    # Read beside the map: pages that it touches would count as this process's memory.
    with open(path, "rb") as file:
        file.seek(images.offset)
        for start in range(0, len(images), rows):
            chunk = np.fromfile(file, np.float32, rows * images[0].size)
            low, high = chunk.min(), chunk.max()
            if not (low >= 0 and high <= 1):  # NaN fails both
                raise InputError(
                    f"{path} must hold values from 0 to 1; found {low:g} to {high:g} "
                    f"from picture {start} on; {_MAKE_ARRAYS}"
                )
    return images


def fingerprint(images: np.ndarray) -> str:
    """Names a set of pictures by its shape and a checksum of 64 of them.

    Args:
        images: array of shape (n, height, width, channels).
    """
    rows = np.linspace(0, len(images) - 1, 64).astype(int)
    checksum = zlib.crc32(np.ascontiguousarray(images[rows]))
    return f"{'x'.join(map(str, images.shape))} {checksum:08x}"


def load_labels(data_dir: Path, num_images: int) -> np.ndarray:
    """Loads img_label.txt.npy and checks that it belongs to the pictures.

    Args:
        data_dir: folder of the arrays.
        num_images: rows of img_data.txt.npy.

    Returns:
        float32 array of shape (num_images, classes), one-hot.

    Raises:
        InputError: missing, damaged, not one-hot, or of another length.
    """
    path = data_dir / LABELS
    labels = _open_array(path)
    if labels.ndim != 2 or len(labels) != num_images:
        raise InputError(
            f"{path} has shape {labels.shape} but {data_dir / IMAGES} has "
            f"{num_images} pictures; {_MAKE_ARRAYS}"
        )
    if not (
        labels.dtype == np.float32
        and np.isin(labels, (0, 1)).all()
        and (labels.sum(1) == 1).all()
    ):
        raise InputError(
            f"{path} must be float32 and one-hot, a single 1 in each row; "
            f"found {labels.dtype}; {_MAKE_ARRAYS}"
        )
    return labels


def _open_array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path} not found; {_MAKE_ARRAYS}")
    with _damage_named(path, "damaged, or not a .npy array"):
        return np.lib.format.open_memmap(path, mode="r")


# Networks.


def save_model(path: Path, model) -> None:
    """Saves a whole Keras model as .h5, without its optimizer.

    With the optimizer, Keras changes the live model's recorded optimizer and
    still loses its state on load: training goes on from `RESUME` only.
    """
    with files.replacing(path) as temporary:
        model.save(temporary, include_optimizer=False)


def save_classifier(model_dir: Path, classifier, class_names: list[str]) -> None:
    """Saves train.json, train.h5 and classes.json.

    Args:
        model_dir: folder of the models.
        classifier: Keras model, pictures 0-1 in, probabilities out.
        class_names: in the order of the outputs.
    """
    save_text(model_dir / CLASSIFIER_JSON, classifier.to_json())
    save_model(model_dir / CLASSIFIER_H5, classifier)
    save_json(model_dir / CLASS_NAMES, class_names)


def load_classifier(model_dir: Path):
    """Rebuilds the classifier from train.json and train.h5.

    Returns:
        Keras model, pictures 0-1 in, probabilities out, and its class names.

    Raises:
        InputError: a file is missing, damaged, or they do not fit together.
    """
    import keras

    json_path, h5_path = model_dir / CLASSIFIER_JSON, model_dir / CLASSIFIER_H5
    for path in (json_path, h5_path):
        _require(path)
    with _damage_named(json_path):
        classifier = keras.models.model_from_json(json_path.read_text())
        if not isinstance(classifier, keras.Model):
            raise ValueError("it describes no network")
    with _damage_named(h5_path, f"damaged, or not the weights of {json_path}"):
        classifier.load_weights(h5_path)
    outputs = classifier.output_shape[-1]
    return classifier, _load_class_names(model_dir / CLASS_NAMES, outputs)


def _load_class_names(path: Path, outputs: int) -> list[str]:
    _require(path)
    with _damage_named(path):
        names = json.loads(path.read_text(encoding="utf-8"))
    outputs = max(outputs, 2)  # a single unit tells two classes apart
    if (
        not isinstance(names, list)
        or len(names) != outputs
        or not all(isinstance(name, str) for name in names)
    ):
        raise InputError(
            f"{path} must be a list of {outputs} class names, as many as "
            f"{path.with_name(CLASSIFIER_JSON)} tells apart; run: python TrainModel.py"
        )
    return names


def list_generators(model_dir: Path) -> list[Path]:
    """Lists the saved generators of a folder, the oldest epoch first."""
    pattern = re.compile(r"generator_model_(\d+)\.h5")
    found = {
        int(match[1]): path
        for path in model_dir.glob("generator_model_*.h5")
        if (match := pattern.fullmatch(path.name))
    }
    return [found[epoch] for epoch in sorted(found)]


def warn_of_earlier_generators(model_dir: Path) -> None:
    """Says so when a folder holds generators of which a new run may leave some."""
    earlier = list_generators(model_dir)
    if earlier:
        print(
            f"warning: {model_dir} holds {_shortened(earlier)} of an earlier run; this "
            "one replaces those of the same epochs and leaves the others"
        )


def find_generator(model_dir: Path, wanted: str | None, default: str) -> Path:
    """Decides which generator to load, and says so where it had to choose.

    Args:
        model_dir: folder of the models.
        wanted: path, or name in the folder, that the user gave; None for any.
        default: name to take when none was given; else the newest is taken.

    Raises:
        InputError: the wanted one, or any, is not there.
    """
    saved = list_generators(model_dir)
    found = f"found {_shortened(saved)}" if saved else "run: python GANModel.py"
    if wanted:
        for path in (Path(wanted), model_dir / wanted):
            if path.is_file():
                return path
        raise InputError(f"the generator {wanted} is not there; {found}")
    if (model_dir / default).is_file():
        return model_dir / default
    if not saved:
        raise InputError(f"no generator in {model_dir}; {found}")
    print(f"{model_dir / default} is not there; taking the newest, {saved[-1].name}")
    return saved[-1]


def load_generator(path: Path):
    """Loads a generator.

    Returns:
        Keras model, latent vectors in, pictures -1-1 out.

    Raises:
        InputError: damaged or not a generator; the message names another.
    """
    import keras

    others = [other for other in list_generators(path.parent) if other != path]
    way_out = f"try --generator {others[-1]}" if others else "run: python GANModel.py"
    with _damage_named(path, way_out=way_out):
        generator = keras.models.load_model(path, compile=False)
    if len(generator.input_shape) != 2 or len(generator.output_shape) != 4:
        raise InputError(
            f"{path} is not a generator: it maps {generator.input_shape} to "
            f"{generator.output_shape}, not latent vectors to pictures; {way_out}"
        )
    return generator


def _shortened(paths: list[Path]) -> str:
    """Names all of a few, the first and last of many."""
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} ... {names[-1]}"


def _require(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} not found; run: python TrainModel.py")


@contextlib.contextmanager
def _damage_named(path: Path, state="damaged", way_out="run: python TrainModel.py"):
    """Names the file in whatever its reader raises, for it can raise anything."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path} is {state} ({reason}); {way_out}") from error


# The state that a training goes on from.


def save_resume(
    model_dir: Path, state: dict[str, np.ndarray], settings: dict, history: list[dict]
) -> None:
    """Saves all that a training needs to go on, in one file: whole or not at all.

    Args:
        model_dir: folder of the models.
        state: arrays by name.
        settings: JSON values that must be the same when it goes on.
        history: one row an epoch that is complete.
    """
    about = json.dumps({"settings": settings, "history": history})
    with files.replacing(model_dir / RESUME) as temporary:
        np.savez(temporary, about=about, **state)


def load_resume(
    model_dir: Path, settings: dict
) -> tuple[dict[str, np.ndarray], list[dict]]:
    """Loads what `save_resume` saved.

    Args:
        model_dir: folder of the models.
        settings: those of the run that wants to go on.

    Returns:
        The state and the history.

    Raises:
        InputError: missing, damaged (each array has a checksum), or of a run with
            other settings, which the message lists.
    """
    path = model_dir / RESUME
    if not path.is_file():
        raise InputError(f"nothing to resume: {path} not found; run without --resume")
    with (
        _damage_named(path, way_out="run without --resume"),
        open(path, "rb") as opened,  # NumPy itself leaves a damaged file open
        np.load(opened, allow_pickle=False) as file,
    ):
        state = {name: file[name] for name in file.files}
        about = json.loads(str(state.pop("about")))
    saved, wanted = about["settings"], json.loads(json.dumps(settings))
    changed = [
        f"{name} was {saved.get(name)}, is {wanted.get(name)}"
        for name in sorted(saved | wanted)
        if saved.get(name) != wanted.get(name)
    ]
    if changed:
        raise InputError(
            f"{path} is of a run with other settings: {'; '.join(changed)}; give the "
            "old ones again, or run without --resume"
        )
    return state, about["history"]


def set_aside(path: Path) -> None:
    """Renames what an earlier run left and this one would contradict, and says so."""
    if path.is_file():
        kept = path.with_name(f"{path.stem}.previous{path.suffix}")
        path.replace(kept)
        print(f"{path} is of an earlier run; it is kept as {kept.name}")


# Text.


def save_text(path: Path, text: str) -> None:
    """Saves UTF-8 text with the same line ends on every system."""
    with files.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def save_json(path: Path, value: Any) -> None:
    """Saves readable JSON."""
    save_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def save_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves rows that share their keys under a header line."""
    with (
        files.replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def record_run(model_dir: Path, script: str, preset, versions: dict) -> None:
    """Saves run_<script>.json: the settings in force and what they ran on."""
    record = {"preset": dataclasses.asdict(preset), "versions": versions}
    save_json(model_dir / f"run_{script}.json", record)
