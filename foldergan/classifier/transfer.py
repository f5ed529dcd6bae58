"""A classifier by transfer: a frozen, pretrained backbone and a linear head.

The head is fitted to features that are computed once, so a few hundred images a class
take seconds and their order does not matter.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from foldergan.backbones import features, loading
from foldergan.classifier import evaluation
from foldergan.classifier.linear_head import LinearHead, fit
from foldergan.config.settings import Classifier

# Backbones learned at it: smaller images are enlarged, which is worth four points.
LEAST_SIZE = 224
VIEWS = {False: ("image",), True: ("image", "mirror")}
_POOLED_FROM = 8  # strides from it on are pooled; finer ones see edges only


def train(
    images: np.ndarray,
    labels: np.ndarray,
    train_rows: np.ndarray,
    validation_rows: np.ndarray,
    settings: Classifier,
    seed: int,
    cache: Path | None = None,
) -> tuple[keras.Model, list[dict[str, float]]]:
    """Builds a classifier and fits its head.

    Args:
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        labels: float32 one-hot array (n, classes).
        train_rows: row numbers to fit to.
        validation_rows: row numbers to measure on; may be empty. The penalty is not
            chosen by these but by parts of the others.
        settings: its backbone, augmentation, class_weights and output.
        seed: of the parts that the penalty is chosen by.
        cache: folder to keep the features in.

    Returns:
        Images 0-1 in, probabilities out; and one row of figures, as of
        `training.train`.

    Raises:
        InputError: the backbone is not to be had, or takes no such images.
    """
    trunk = build_trunk(settings.backbone, images.shape[1:])
    views = VIEWS["mirror" in settings.augmentation]
    pooled = features.cached_features(trunk, images, views, cache)
    head = fit(
        pooled[train_rows],
        labels[train_rows],
        _class_weights(labels[train_rows], settings.class_weights),
        seed,
    )
    print(
        f"linear head of penalty {head.penalty:g}: {head.accuracy:.1%} right of "
        "training images that it was not fitted to"
    )
    classifier = join(trunk, head, settings.output)
    figures = {"epoch": 1}
    for prefix, rows in (("", train_rows), ("val_", validation_rows)):
        if len(rows):
            probabilities = _probabilities(head.logits(pooled[rows]).mean(1))
            measured = evaluation.evaluate(labels[rows], probabilities)
            figures |= {f"{prefix}{n}": measured[n] for n in ("accuracy", "loss")}
    return classifier, [figures]


def build_trunk(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Builds what makes features: a backbone at its size, its maps pooled.

    Args:
        spec: as of `loading.load_backbone`.
        image_shape: (height, width, channels) of the images.

    Returns:
        Images 0-1 in, (n, d) features out.
    """
    height, width, channels = image_shape
    factor = max(1.0, LEAST_SIZE / min(height, width))
    size = round(height * factor), round(width * factor)
    backbone = loading.load_backbone(spec, (*size, channels))
    values = images = keras.Input(image_shape, name="images")
    if size != (height, width):
        values = layers.Resizing(*size, name="to_size_of_backbone")(values)
    maps = backbone(values)
    pooled = [
        layers.GlobalAveragePooling2D(name=f"pooled_{values.shape[1]}")(values)
        for values in maps
        if size[0] / values.shape[1] > _POOLED_FROM / 2**0.5
    ]
    joined = layers.Concatenate(name="features")(pooled) if pooled[1:] else pooled[0]
    trunk = keras.Model(images, joined, name="trunk")
    trunk.trainable = False
    return trunk


def join(trunk: keras.Model, head: LinearHead, output: str) -> keras.Model:
    """Puts a head on a trunk, as one plain classifier.

    Args:
        trunk: as of `build_trunk`.
        head: fitted to its features.
        output: "softmax"; or "sigmoid", one unit that tells the second of two classes.
    """
    kernel, bias = head.kernel, head.bias
    if output == "sigmoid":
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    dense = layers.Dense(len(bias), activation=output, name="probabilities")
    classifier = keras.Model(
        trunk.inputs[0], dense(trunk.outputs[0]), name="classifier"
    )
    dense.set_weights([kernel, bias])
    return classifier


def _class_weights(labels: np.ndarray, kind: str) -> np.ndarray:
    """Weighs each class in the loss; 1 for an image on average."""
    counts = labels.sum(0)
    if kind == "none":
        return np.ones(len(counts), np.float32)
    present = np.count_nonzero(counts)
    return (len(labels) / present / counts.clip(1)).astype(np.float32)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)
