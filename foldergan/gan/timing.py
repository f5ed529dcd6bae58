"""How long a preset trains on this machine, from some steps that are measured."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from foldergan.backbones import sources
from foldergan.classifier import training, transfer
from foldergan.classifier.network import build_classifier
from foldergan.config.presets import Preset
from foldergan.data.splits import LabelledImages
from foldergan.data.training_set import TrainingSet
from foldergan.gan import schedule
from foldergan.gan.photograph_trainer import build_trainer

_SECONDS = 3.0  # of steps that are measured, and at least one
_MOST_VALUES = 2**24  # of the images that they are measured on
_BATCHES = 40  # of a training from scratch, which takes many steps together
_Shape = tuple[int, int, int]
_OnStep = Callable[[int, int, object], None]


class _EnoughError(Exception):
    """Enough steps have been measured."""


def measure(
    preset: Preset, image_shape: _Shape, counts: list[int]
) -> dict[str, float] | None:
    """Times some steps of both trainings of a preset, on noise.

    Args:
        preset: whose networks are built.
        image_shape: (height, width, channels) of the arrays.
        counts: images of each class.

    Returns:
        Script -> seconds, without reading images and loading libraries; None where
        weights of a pretrained backbone would have to be downloaded.
    """
    for backbone in (preset.classifier.backbone, preset.gan.backbone):
        source = sources.SOURCES.get(backbone)
        if source and not source.path.is_file():
            return None
    return {
        "TrainModel": _of_classifier(preset, image_shape, counts),
        "GANModel": _of_gan(preset, image_shape, counts),
    }


def _of_classifier(preset: Preset, shape: _Shape, counts: list[int]) -> float:
    settings = preset.classifier
    if len(counts) < 2:
        return 0.0
    if settings.backbone != "none":
        views = 1 + ("mirror" in settings.augmentation)
        trunk = transfer.build_trunk(settings.backbone, shape)
        data = _noise(shape, 1, 32)

        def predict(on_step: _OnStep) -> Iterator[None]:
            while True:
                trunk.predict_on_batch(data.images)
                on_step(1, 1, None)
                yield

        images = sum(counts) * views
        return images * _seconds_a_step(predict) / len(data.images)
    classifier = build_classifier(settings, shape, len(counts))
    data = _noise(shape, len(counts), settings.batch_size * _BATCHES)
    rows = {"training": data.rows, "validation": data.held_out}
    assert data.labels is not None and isinstance(data.images, np.ndarray)
    labelled = LabelledImages(data.images, data.labels, rows)
    long = replace(settings, epochs=1000)
    seconds = _seconds_a_step(
        lambda on_step: training.train(classifier, labelled, long, 0, on_step=on_step)
    )
    held_out = preset.data.validation_split + preset.data.test_split
    trained = max(1, round(sum(counts) * (1 - held_out)))
    steps = math.ceil(trained / settings.batch_size)
    return training.num_epochs(settings, trained) * steps * seconds


def _of_gan(preset: Preset, array_shape: _Shape, counts: list[int]) -> float:
    settings = preset.gan
    if settings.hours:
        return settings.hours * 3600
    drawn = settings.image_shape or array_shape
    shape = (*drawn[:2], array_shape[2])
    num_classes = len(counts) if settings.conditioning == "class" else 0
    classifier = None
    if settings.discriminator_features == "classifier":
        classifier = build_classifier(preset.classifier, array_shape, len(counts))
    # What comes before the adversarial steps takes other steps, and few.
    measured = replace(settings, warm_up_steps=0)
    trainer = build_trainer(measured, shape, num_classes, 0, classifier)
    data = _noise(shape, num_classes, 2 * settings.batch_size)
    seconds = _seconds_a_step(
        lambda on_step: trainer.train(
            data,
            None,
            settings.batch_size,
            # A device is waited for by its means.
            on_step=lambda batch, batches, means: on_step(batch, batches, means()),
        )
    )
    trained = max(1, round(sum(counts) * (1 - settings.held_out)))
    plan = schedule.plan(settings, trained)
    return (plan.epochs or 0) * math.ceil(trained / (plan.batch_size // 2)) * seconds


def _seconds_a_step(train: Callable[[_OnStep], Iterator[object]]) -> float:
    """Times steps from the end of the first call, which compiles them."""
    start, end, steps, before = 0.0, 0.0, 0, 0

    def on_step(batch: int, batches: int, logs: object) -> None:
        nonlocal start, end, steps, before
        end = time.monotonic()
        if start:
            steps += batch - before if batch > before else batch
            if end - start > _SECONDS:
                raise _EnoughError
        else:
            start = end
        before = batch

    try:
        for _ in train(on_step):
            pass
    except _EnoughError:
        pass
    return (end - start) / steps


def _noise(shape: _Shape, num_classes: int, count: int) -> TrainingSet:
    """Makes images of noise, and labels where there are classes."""
    count = max(8, num_classes, min(count, _MOST_VALUES // math.prod(shape)))
    images = np.random.default_rng(0).random((count, *shape), np.float32)
    rows, labels = np.arange(count), None
    if num_classes:
        labels = np.eye(num_classes, dtype=np.float32)[rows % num_classes]
    return TrainingSet(images, rows, labels=labels)
