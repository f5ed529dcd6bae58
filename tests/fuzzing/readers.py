"""Every reader of the package, with a good file for it to be changed."""

import contextlib
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import mutations
import numpy as np
from report_folder import fill

from foldergan.config import presets
from foldergan.data import decoding, splits, training_set
from foldergan.errors import ForeseenError, ImageError
from foldergan.images import to_uint8
from foldergan.storage import arrays, filenames, run_directory
from foldergan.storage.run_directory import RunDirectory

SHAPE = (8, 8, 3)
CLASSES = ["boat", "house"]
# What Python tells programmers only.
_NOT_SHOWN = (DeprecationWarning, PendingDeprecationWarning, ResourceWarning)


@dataclass(frozen=True)
class Reader:
    """A reader, and what it reads.

    Attributes:
        prepare: fills a folder with good files, and names those to be changed.
        read: reads them; may raise nothing but `refusals`.
        mutate: makes a bad file of a good one.
        refusals: what it says no with.
    """

    prepare: Callable[[Path], list[Path]]
    read: Callable[[Path, Path], Any]
    mutate: mutations.Mutator = mutations.mutate_bytes
    refusals: tuple[type[Exception], ...] = (ForeseenError,)

    def check(self, folder: Path, files: dict[Path, bytes]) -> None:
        """Reads the good files, for of bad ones a test could tell nothing."""
        for path in files:
            self.read(folder, path)

    def attempt(self, folder: Path, seed: int, files: dict[Path, bytes]) -> str:
        """Changes one of the files, reads it, and puts it back.

        Returns:
            "taken" or "refused"; "warned: ..." where Python would have printed one.

        Raises:
            Exception: the reader let it out.
        """
        rng = random.Random(seed)
        path = rng.choice(sorted(files))
        path.write_bytes(self.mutate(rng, files[path]))
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                for quiet in _NOT_SHOWN:
                    warnings.simplefilter("ignore", quiet)
                self.read(folder, path)
        except self.refusals:
            return "refused"
        finally:
            path.write_bytes(files[path])
        return f"warned: {said[0].message}" if said else "taken"


def _images(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).random((count, *SHAPE), np.float32)


def _arrays(folder: Path) -> list[Path]:
    """Arrays of one's own, which have no checksum."""
    np.save(folder / filenames.IMAGES, _images())
    np.save(folder / filenames.LABELS, np.eye(2, dtype=np.float32)[[0, 1] * 3])
    return [folder / filenames.IMAGES, folder / filenames.LABELS]


def _read_arrays(folder: Path, _: Path) -> None:
    images = arrays.load_images(folder)
    arrays.load_labels(folder, len(images))
    arrays.identify(folder)


def _classifier(name: str) -> Reader:
    """A reader of one of its files."""

    def prepare(folder: Path) -> list[Path]:
        from conftest import classifier_of

        from foldergan.storage import models, networks

        classifier = classifier_of(SHAPE, 2, (4,))
        models.save_classifier(folder, classifier, CLASSES, ("mirror",))
        about = {"class_names": CLASSES, "augmentation": ["mirror"]}
        (folder / "train.h5").write_bytes(networks.encode(classifier, about))
        return [folder / name]

    is_json = name.endswith("json")
    mutate = mutations.mutate_json if is_json else mutations.mutate_hdf5
    return Reader(prepare, _read_classifier, mutate)


def _read_classifier(folder: Path, _: Path) -> None:
    from foldergan.storage import models

    models.refuse_other_backbone(folder, "none")
    loaded = models.load_classifier(folder)
    loaded.model(_images(2))


def _generators(folder: Path) -> list[Path]:
    from conftest import generator_of

    from foldergan.storage import networks

    paths = []
    for epoch, num_classes in ((1, 0), (2, 2)):
        path = folder / filenames.GENERATOR.format(epoch=epoch)
        generator = generator_of(SHAPE, 5, (4, 4), num_classes=num_classes)
        about = {"class_names": CLASSES} if num_classes else None
        path.write_bytes(networks.encode(generator, about))  # without a checksum
        paths.append(path)
    return paths


def _read_generator(_: Path, path: Path) -> None:
    from foldergan.gan import sampling
    from foldergan.storage import models

    generator = models.load_generator(path)
    models.load_generator_classes(path)
    for inputs in sampling.input_batches(generator, 2, 0, None):
        generator(inputs)


def _backbone(ending: str) -> Callable[[Path], list[Path]]:
    def prepare(folder: Path) -> list[Path]:
        import keras
        from keras import layers

        network = keras.Sequential(
            [
                keras.Input((32, 32, 3)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(4, 3, strides=2, padding="same"),
                layers.BatchNormalization(),
                layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
                layers.DepthwiseConv2D(3, strides=2, padding="same"),
            ]
        )
        path = folder / f"network{ending}"
        network.save(path)
        return [path]

    return prepare


def _read_backbone(folder: Path, path: Path) -> None:
    from foldergan.backbones import loading
    from foldergan.metrics import features

    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    loading.load_backbone(str(path), (32, 32, 3))(images)
    features.load_extractor(str(path), folder)


def _runs(folder: Path) -> list[Path]:
    _arrays(folder)
    for script in ("TrainModel", "GANModel"):
        RunDirectory(folder).save_run(
            script,
            presets.find_preset("smoke"),
            {"keras": "3", "numpy": "2"},
            "auto",
            data=arrays.identify(folder),
        )
    return [folder / f"run_{script}.json" for script in ("TrainModel", "GANModel")]


def _read_runs(folder: Path, _: Path) -> None:
    preset = presets.find_preset("smoke")
    for script in ("TrainModel", "GANModel"):
        with contextlib.suppress(ForeseenError):  # the others read it all the same
            presets.recall(folder, script)
        RunDirectory(folder).precision(script)
        RunDirectory(folder).chosen_before(script, preset)
        RunDirectory(folder).warn_of_other_versions(script, {"keras": "4"})
    run_directory.describe_training(folder / "g.h5")
    splits.training_counts(folder, folder)
    training_set.of_generator(folder / "generator_best.h5", folder)


def _report(folder: Path) -> list[Path]:
    model_dir = fill(folder).parent
    return [*model_dir.glob("*.csv"), *(model_dir / "report").glob("*.json")]


def _read_report(folder: Path, _: Path) -> None:
    from foldergan.report import page, run

    page.render(folder / "model")
    for script in ("TrainModel", "GANModel", "GeneratePredict"):
        run.RunReport(folder / "model", script).go_on()


_TOML = """base = "smoke"
description = "any"
seed = 3
[data]
image_shape = [32, 32, 3]
validation_split = 0.25
[classifier]
epochs = 2
filters = [4, 8]
learning_rate = 0.001
network = "plain"
augmentation = ["mirror"]
[gan]
latent_dim = 8
loss = "hinge"
held_out = 0.1
patience = 3
saves = ["generator"]
ema = 100
[generate]
count = 4
"""


def _toml(folder: Path) -> list[Path]:
    path = folder / "my.toml"
    path.write_text(_TOML)
    return [path]


def _read_toml(_: Path, path: Path) -> None:
    preset = presets.find_preset(str(path))
    preset.check(("data", "classifier", "gan", "generate"))


def _pictures(ending: str, *kinds: str) -> Callable[[Path], list[Path]]:
    def prepare(folder: Path) -> list[Path]:
        paths = []
        for kind in kinds:
            channels = {"grey": 1, "alpha": 4}.get(kind, 3)
            pixels = np.random.default_rng(0).random((40, 48, channels), np.float32)
            pixels = to_uint8(cv2.GaussianBlur(pixels, (0, 0), 3))
            if kind == "deep":
                pixels = pixels.astype(np.uint16) * 257
            options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(kind == "progressive")]
            path = folder / f"{kind}.{ending}"
            assert cv2.imwrite(str(path), pixels, options if ending == "jpg" else [])
            paths.append(path)
        return paths

    return prepare


def _read_picture(folder: Path, path: Path) -> None:
    decoding.read_image(path, SHAPE)


def _picture(
    ending: str, *kinds: str, mutate: mutations.Mutator = mutations.mutate_bytes
) -> Reader:
    refusals = (ImageError,)
    return Reader(_pictures(ending, *kinds), _read_picture, mutate, refusals)


PICTURES = {
    "png": _picture(
        "png", "colour", "grey", "alpha", "deep", mutate=mutations.mutate_png
    ),
    "jpg": _picture("jpg", "colour", "grey", "progressive"),
    "gif": _picture("gif", "colour"),
    "bmp": _picture("bmp", "colour", "grey", "alpha"),
    "webp": _picture("webp", "colour", "alpha"),
    "tiff": _picture("tiff", "colour", "grey", "alpha", "deep"),
    "ppm": _picture("ppm", "colour", "deep"),
    "jp2": _picture("jp2", "colour", "grey"),
    "avif": _picture("avif", "colour", "alpha"),
}
WITHOUT_KERAS = PICTURES | {
    "arrays": Reader(_arrays, _read_arrays),
    "run_*.json": Reader(_runs, _read_runs, mutations.mutate_json),
    "report": Reader(_report, _read_report, mutations.mutate_bytes),
    "toml": Reader(_toml, _read_toml, mutations.mutate_toml, (ValueError,)),
}
WITH_KERAS = {
    **{name: _classifier(name) for name in ("train.json", "classes.json", "train.h5")},
    "generator.h5": Reader(_generators, _read_generator, mutations.mutate_hdf5),
    "backbone.h5": Reader(_backbone(".h5"), _read_backbone, mutations.mutate_hdf5),
    "backbone.keras": Reader(_backbone(".keras"), _read_backbone, mutations.mutate_zip),
}
READERS = WITHOUT_KERAS | WITH_KERAS
