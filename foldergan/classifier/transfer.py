"""A classifier by transfer: a frozen, pretrained backbone and a linear head.

The head is fitted to features that are computed once, so a few hundred images of each
class take seconds, and their order does not matter.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
from keras import layers
from scipy.special import softmax

from foldergan.backbones import features, loading
from foldergan.classifier import evaluation
from foldergan.classifier.linear_head import Features, LinearHead, fit
from foldergan.config.settings import Classifier
from foldergan.data.splits import balanced_weights, class_counts
from foldergan.images import Images

# Backbones were trained at it; smaller images are enlarged: +4 points of accuracy.
LEAST_SIZE = 224
VIEWS = {False: ("image",), True: ("image", "mirror")}
_TOGETHER = 256  # images whose logits are computed together
_POOLED_FROM = 8  # least stride that is pooled; finer maps hold edges only


def build_classifier(
    settings: Classifier, image_shape: tuple[int, int, int], num_classes: int
) -> keras.Model:
    """Builds a classifier with an untrained head, whose weights are all 0.

    Args:
        settings: its backbone and output.
        image_shape: (height, width, channels); values 0-1 go in.
        num_classes: number of classes; a sigmoid has one output, the probability of
            the second of two.

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
    images: Images,
    labels: np.ndarray,
    rows: dict[str, np.ndarray],
    settings: Classifier,
    seed: int,
    *,
    cache: Path | None = None,
    on_step: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Fits the head of a classifier, and yields once, as `training.train` does.

    Args:
        classifier: as of `build_classifier`; its head is set.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        labels: float32 one-hot array (n, classes).
        rows: "training" and "validation" -> row numbers; the second may be empty. The
            penalty is chosen by cross-validation on the training rows.
        settings: its augmentation and class_weights.
        seed: of the folds of the cross-validation.
        cache: folder to keep the features in.
        on_step: never called; there are no steps.

    Yields:
        1, and loss and accuracy, both again with "val_" of the validation rows.
    """
    training = rows["training"]
    *_, dense = classifier.layers
    trunk = keras.Model(classifier.inputs[0], dense.input)
    views = VIEWS["mirror" in settings.augmentation]
    pooled = features.cached_features(trunk, images, views, cache)
    head = fit(
        pooled,
        labels,
        _class_weights(class_counts(labels, training), settings.class_weights),
        seed,
        training,
    )
    accuracy = f"cross-validation accuracy {head.accuracy:.1%}"
    if np.isnan(head.accuracy):
        accuracy = "too few images to choose it by cross-validation"
    print(f"linear head with L2 penalty {head.penalty:.2g}: {accuracy}")
    dense.set_weights(_weights_of(head, settings.output))
    logs: dict[str, float] = {}
    for prefix, part in (("", "training"), ("val_", "validation")):
        if len(rows[part]):
            logits = _mean_logits(head, pooled, rows[part])
            figures = evaluation.evaluate(labels[rows[part]], softmax(logits, axis=1))
            logs |= {f"{prefix}{name}": figures[name] for name in ("accuracy", "loss")}
    yield 1, logs


def build_trunk(spec: str, image_shape: tuple[int, int, int]) -> keras.Model:
    """Builds the feature extractor: a backbone at its size, its maps pooled.

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


def _weights_of(head: LinearHead, output: str) -> list[np.ndarray]:
    """Returns kernel and bias of the dense layer; of one unit for a sigmoid."""
    kernel, bias = head.kernel, head.bias
    if output == "sigmoid":
        return [kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]]
    return [kernel, bias]


def _mean_logits(head: LinearHead, pooled: Features, rows: np.ndarray) -> np.ndarray:
    """Returns the logits of some images (rows, classes), means over their views."""
    parts = np.array_split(rows, -(-len(rows) // _TOGETHER))
    return np.concatenate([head.logits(pooled[part]).mean(1) for part in parts])


def _class_weights(counts: np.ndarray, kind: str) -> np.ndarray:
    """Computes class weights of the loss; their mean over the images is 1."""
    if kind == "none":
        return np.ones(len(counts), np.float32)
    return balanced_weights(counts)
