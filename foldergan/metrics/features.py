"""Images -> features: what a network sees in them, as rows of numbers."""

import hashlib
import math
from pathlib import Path

import keras
import numpy as np

from foldergan.backbones import loading, preprocessing
from foldergan.backbones.sources import INCEPTION, NAMES
from foldergan.errors import RUN_TRAINING, InputError
from foldergan.images import Resized, resize_all
from foldergan.nn.inference import images_at_once
from foldergan.progress import ImageProgress
from foldergan.storage import filenames, models, networks

_INCEPTION_SHAPE = (299, 299, 3)
_BACKBONE_SIZE = 224  # pixels, that most backbones were trained at
_LEAST_SIZE = 64
_ENLARGED = 3  # times at most: more costs time, and shows a network nothing new
_LEAST_WEIGHT = 256  # values; smaller weights can be equal by chance


class FeatureExtractor:
    """Turns images into the rows of numbers that `metrics` compares.

    Attributes:
        model: Keras model, images 0-1 of one size in, one array of any shape out.
        name: for people, with the number of features; belongs beside every figure, for
            figures from different extractors cannot be compared.

    Raises:
        InputError: the model maps something else.
    """

    def __init__(self, model: keras.Model, name: str) -> None:
        taken, given = (networks.shape_of(model, end) for end in ("input", "output"))
        known = isinstance(taken, tuple) and isinstance(given, tuple)
        if not known or len(taken) != 4 or None in (*taken[1:], *given[1:]):
            raise InputError(
                f"{name} gives no features: it maps {taken} to {given}, not images "
                "of one size to one array"
            )
        self.model = model
        self._shape = taken[1:]
        self._width = math.prod(given[1:])
        self.name = f"{name}, {self._width} features"

    def __call__(
        self,
        images: np.ndarray | Resized,
        rows: np.ndarray | None = None,
        is_mirrored: bool = False,
    ) -> np.ndarray:
        """Extracts features, a few images at a time.

        Args:
            images: float32 array (n, height, width, channels), 0-1, of any size; may
                lie on disk; grey ones are given to a model of RGB three times.
            rows: row numbers to take; all where left out.
            is_mirrored: extracts those of all mirror images too, behind the others.

        Returns:
            float32 array of shape (n, d), or (2n, d) with mirror images.

        Raises:
            InputError: the images have three channels, and the model takes one; or a
                feature is not a finite number.
        """
        *size, channels = self._shape
        if images.shape[3] not in (1, channels):
            raise InputError(
                f"{self.name}: takes images of {channels} channels, not of "
                f"{images.shape[3]}; choose features that fit the images"
            )
        # What comes in batches has a progress of its own.
        progress = None if rows is None else ImageProgress(len(rows), "features of")
        rows = np.arange(len(images)) if rows is None else rows
        shape = (*size, images.shape[3])
        repeats = channels // images.shape[3]
        at_once = images_at_once(self.model, images.shape[1:])
        features = np.empty((1 + is_mirrored, len(rows), self._width), np.float32)
        for start in range(0, len(rows), at_once):
            batch = images[rows[start : start + at_once]]
            for view, found in enumerate(features[:, start : start + at_once]):
                shown = resize_all(batch[:, :, ::-1] if view else batch, shape)
                outputs = self.model.predict_on_batch(shown.repeat(repeats, axis=3))
                found[:] = outputs.reshape(found.shape)
            if progress:
                progress.on_images(len(batch))
        if progress:
            progress.done()
        if not np.isfinite(features).all():
            raise InputError(
                f"{self.name}: the features of these images are NaN or infinite",
                ("features",),
            )
        return features.reshape(-1, self._width)


def load_extractor(
    source: str, model_dir: Path, image_size: int = _BACKBONE_SIZE
) -> FeatureExtractor:
    """Loads what makes features of images.

    Args:
        source: "classifier" for what goes into the last dense layer of the classifier
            in `model_dir`; "inception" for InceptionV3 of ImageNet; the name of a
            backbone; or the path of a Keras model, images 0-1 in.
        model_dir: folder of the models.
        image_size: the larger side of the images. A backbone gets small ones three
            times as large, and not as large as it was trained at.

    Raises:
        InputError: it is not there, damaged, or gives no features.
    """
    if source == "classifier":
        return _load_classifier(model_dir)
    if source not in (*NAMES, "inception"):
        return _load_model(Path(source), image_size)
    try:
        if source == "inception":
            return _load_inception()
        return _load_backbone(source, image_size)
    except InputError as error:  # that of features may be another, or none
        raise InputError(f"features: {error}", ("features", "held_out")) from error


def refuse_network_of(
    extractor: FeatureExtractor, feature_network: keras.Model
) -> None:
    """Refuses to evaluate by a network whose features a discriminator uses.

    Comparing weights finds that network under any name, in a file and below a
    classifier.

    Raises:
        InputError: a weight of one is in the other, bit for bit.
    """
    if _weights_of(extractor.model) & _weights_of(feature_network):
        raise InputError(
            f"{extractor.name}: the discriminator uses the same network, and figures "
            "in its own features flatter it; name another network's features, or the "
            "same on purpose",
            ("features",),
        )


def _weights_of(network: keras.Model) -> set[bytes]:
    return {
        hashlib.sha256(np.ascontiguousarray(weight).data).digest()
        for weight in network.get_weights()
        if weight.size >= _LEAST_WEIGHT and weight.std() > 0
    }


def _load_classifier(model_dir: Path) -> FeatureExtractor:
    """Cuts the classifier off before its last dense layer."""
    classifier = models.load_classifier(model_dir).model
    dense = [x for x in classifier.layers if isinstance(x, keras.layers.Dense)]
    if not dense:
        raise InputError(
            f"{model_dir / filenames.CLASSIFIER_JSON} has no dense layer, so there are "
            f"no features before it; {RUN_TRAINING}"
        )
    model = keras.Model(classifier.inputs, dense[-1].input)
    return FeatureExtractor(model, f"classifier {filenames.CLASSIFIER_H5}")


def _load_inception() -> FeatureExtractor:
    network = loading.load_known(INCEPTION, _INCEPTION_SHAPE)
    preparing, _ = preprocessing.find(network)
    images = keras.Input(_INCEPTION_SHAPE)
    maps = network(preparing(images) if preparing else images)
    model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(maps))
    return FeatureExtractor(model, "InceptionV3 of keras.applications")


def _load_backbone(source: str, image_size: int, channels: int = 3) -> FeatureExtractor:
    """Loads a network of images of any size at one that fits, and pools its maps."""
    size = int(np.clip(_ENLARGED * image_size, _LEAST_SIZE, _BACKBONE_SIZE))
    backbone = loading.load_backbone(source, (size, size, channels))
    pool = keras.layers.GlobalAveragePooling2D(name="pooled_features")
    pooled = pool(backbone.outputs[-1])
    model = keras.Model(backbone.inputs[0], pooled)
    at_size = f" at {size} pixels" if size != _BACKBONE_SIZE else ""
    return FeatureExtractor(model, f"backbone {Path(source).name}{at_size}")


def _load_model(path: Path, image_size: int) -> FeatureExtractor:
    way_out = (
        f"give classifier, inception, {', '.join(NAMES)}, or the path of a .keras or "
        ".h5 model"
    )
    if not path.is_file():
        raise InputError(f"the model {path} for features is not there; {way_out}")
    model = networks.load_network(path, "damaged, or not a Keras model", way_out)
    taken = networks.shape_of(model, "input")
    if isinstance(taken, tuple) and len(taken) == 4 and taken[1:3] == (None, None):
        return _load_backbone(str(path), image_size, taken[3])
    extractor = FeatureExtractor(model, f"model {path.name}")  # refuses others
    preparing, said = preprocessing.find(model)
    if said:
        loading.say_once(f"features {path.name}: {said}")
    if preparing is None:
        return extractor
    images = keras.Input(model.input_shape[1:])
    prepared = keras.Model(images, model(preparing(images), training=False))
    return FeatureExtractor(prepared, f"model {path.name}")
