"""A classifier by transfer: a frozen, pretrained backbone and a linear head.

The head is fitted to features that are computed once: a few hundred images of each
class take seconds.
"""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers
from scipy.special import softmax

from foldergan.backbones import features, loading
from foldergan.classifier import evaluation
from foldergan.classifier.linear_head import Features, LinearHead, fit
from foldergan.config.settings import Classifier
from foldergan.data.splits import LabelledImages, balanced_weights, class_counts

# Backbones were trained at it; smaller images are upsampled: +4 points of accuracy.
_LEAST_SIZE = 224
_TOGETHER = 256  # images whose logits are computed together
_POOLED_FROM = 8  # least stride that is pooled; finer maps hold edges only


def build_classifier(
    settings: Classifier, image_shape: tuple[int, int, int], num_classes: int
) -> keras.Model:
    """Builds a classifier, as `network` does, with a head whose weights are all 0.

    Raises:
        InputError: the backbone cannot be loaded, or takes no such images.
    """
    trunk = build_trunk(settings.backbone, image_shape)
    units = 1 if settings.output == "sigmoid" else num_classes
    head = layers.Dense(
        units,
        activation=settings.output,
        kernel_initializer="zeros",
        name="probabilities",
    )
    return keras.Model(trunk.inputs[0], head(trunk.outputs[0]), name="classifier")


def train(
    classifier: keras.Model,
    data: LabelledImages,
    settings: Classifier,
    seed: int,
    *,
    cache: Path | None = None,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Fits the head of a classifier, and yields once, as `training.train` does.

    The penalty is chosen by cross-validation on the training rows, whose folds `seed`
    draws; features are kept in the folder `cache`, if any.
    """
    labels, rows = data.labels, data.rows
    training = rows["training"]
    *_, dense = classifier.layers
    trunk = keras.Model(classifier.inputs[0], dense.input)
    is_mirrored = "mirror" in settings.augmentation
    pooled = features.cached_features(trunk, data.images, is_mirrored, cache)
    counts = class_counts(labels, training)
    weights = np.ones(len(counts), np.float32)
    if settings.class_weights != "none":
        weights = balanced_weights(counts)
    head = fit(pooled, labels, weights, seed, training)
    accuracy = f"cross-validation accuracy {head.accuracy:.1%}"
    if np.isnan(head.accuracy):
        accuracy = "too few images to choose it by cross-validation"
    print(f"linear head with L2 penalty {head.penalty:.2g}: {accuracy}")
    kernel, bias = head.kernel, head.bias
    if settings.output == "sigmoid":  # one unit, of the second class
        kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
    dense.set_weights([kernel, bias])
    logs: dict[str, float] = {}
    for prefix, part in (("", "training"), ("val_", "validation")):
        if len(rows[part]):
            logits = _mean_logits(head, pooled, rows[part])
            figures = evaluation.evaluate(labels[rows[part]], softmax(logits, axis=1))
            logs |= {f"{prefix}{name}": figures[name] for name in ("accuracy", "loss")}
    yield 1, logs


def build_trunk(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Builds the feature extractor: a backbone at its size, its maps pooled.

    Returns:
        Images 0-1 in, (n, d) features out.
    """
    height, width, channels = image_shape
    factor = max(1.0, _LEAST_SIZE / min(height, width))
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


def _mean_logits(head: LinearHead, pooled: Features, rows: np.ndarray) -> np.ndarray:
    """Returns the logits of some images (rows, classes), means over their views."""
    parts = np.array_split(rows, -(-len(rows) // _TOGETHER))
    return np.concatenate([head.logits(pooled[part]).mean(1) for part in parts])
