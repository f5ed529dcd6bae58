"""How long a preset trains on this machine, from some steps that are measured."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import keras
import numpy as np

from foldergan.backbones import sources
from foldergan.classifier import training, transfer
from foldergan.classifier.network import build_classifier
from foldergan.config.presets import Preset
from foldergan.gan import schedule
from foldergan.gan.photograph_trainer import build_trainer

_SECONDS = 3.0  # of steps that are measured, and at least one
_MOST_VALUES = 2**24  # of the images that they are measured on
_BATCHES = 40  # of a training from scratch, which takes many steps together
_Shape = tuple[int, int, int]
_OnStep = Callable[[int, int, dict[str, float]], None]


class _EnoughError(Exception):
    """Enough steps have been measured."""


class _Stopwatch:
    """Times steps from the end of the first call, which compiles them."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._before = self._steps = 0
        self.seconds_a_step = math.nan

    def on_step(self, batch: int, batches: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now
        else:
            self._steps += batch - self._before if batch > self._before else batch
            self.seconds_a_step = (now - self._start) / self._steps
            if now - self._start > _SECONDS:
                raise _EnoughError
        self._before = batch


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
        return sum(counts) * views * _seconds_an_image(trunk)
    classifier = build_classifier(settings, shape, len(counts))
    images, labels = _noise(shape, len(counts), settings.batch_size * _BATCHES)
    rows = {"training": np.arange(len(images)), "validation": np.arange(0)}
    seconds = _seconds_a_step(
        lambda on_step: training.train(
            classifier,
            images,
            labels,
            rows,
            replace(settings, epochs=1000),
            0,
            on_step=on_step,
        )
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
    images, labels = _noise(shape, max(num_classes, 1), 2 * settings.batch_size)
    seconds = _seconds_a_step(
        lambda on_step: trainer.train(
            images,
            1000,
            settings.batch_size,
            np.arange(len(images)),
            labels if num_classes else None,
            on_step=lambda batch, batches, means: on_step(batch, batches, means()),
        )
    )
    trained = max(1, round(sum(counts) * (1 - settings.held_out)))
    plan = schedule.plan(settings, trained)
    return (plan.epochs or 0) * math.ceil(trained / (plan.batch_size // 2)) * seconds


def _seconds_a_step(train: Callable[[_OnStep], Iterator[object]]) -> float:
    stopwatch = _Stopwatch()
    try:
        for _ in train(stopwatch.on_step):
            pass
    except _EnoughError:
        pass
    return stopwatch.seconds_a_step


def _seconds_an_image(network: keras.Model) -> float:
    images, _ = _noise(network.input_shape[1:], 1, 32)
    network.predict_on_batch(images)
    start, count = time.monotonic(), 0
    while count == 0 or time.monotonic() - start < _SECONDS:
        network.predict_on_batch(images)
        count += len(images)
    return (time.monotonic() - start) / count


def _noise(shape: _Shape, num_classes: int, count: int) -> tuple[np.ndarray, ...]:
    """Makes float32 images (n, *shape), 0-1, and labels (n, num_classes)."""
    count = max(8, num_classes, min(count, _MOST_VALUES // math.prod(shape)))
    images = np.random.default_rng(0).random((count, *shape), np.float32)
    return images, np.eye(num_classes, dtype=np.float32)[np.arange(count) % num_classes]
