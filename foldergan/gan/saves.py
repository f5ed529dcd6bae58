"""What a GAN training writes as it goes by, when, and when it ends."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from foldergan.config import command_line, commands
from foldergan.config.settings import GAN
from foldergan.data.batches import epochs_of
from foldergan.gan import networks, sampling
from foldergan.metrics import selection
from foldergan.nn.convolutions import copy_of
from foldergan.storage import atomic, filenames, generators, models, plots, tables

_SINGLES = 32


class Schedule(NamedTuple):
    """The lengths of a training on so many images.

    Attributes:
        epochs: of the whole training; None: only time ends it.
        save_every: epochs until the first save.
        batch_size: images a discriminator step, half real, half fake.
        save_growth: factor from each distance between saves to the next.
    """

    epochs: int | None
    save_every: int
    batch_size: int
    save_growth: float = 1.0

    def has_save(self, epoch: int) -> bool:
        """Tells whether an epoch, from 1, ends with a save; the last always does.

        The distances between saves are save_every times 1, save_growth, save_growth
        squared and so on, each rounded. Nothing else counts, so that a resumed run
        saves at the epochs of an unbroken one.
        """
        saved, saves = 0, 0
        while saved < epoch:
            saved += round(self.save_every * self.save_growth**saves)
            saves += 1
        return epoch in (saved, self.epochs)


class TimeLimit:
    """Ends a training at the end of an epoch, the one that is nearest to a time.

    The next epoch is expected to take as long as the last one. The first always runs
    to its end. Time counts from when this is made.

    Args:
        hours: that the training may take; 0: no limit.
        clock: tells the time in seconds.
    """

    def __init__(
        self, hours: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._last = clock()  # when the last epoch ended
        self._end = self._last + (hours * 3600 or math.inf)

    def seconds_left(self) -> float:
        """Tells how long it is until then; less than nothing after it."""
        return self._end - self._clock()

    def is_reached(self) -> bool:
        """Tells at the end of each epoch whether the training ends there."""
        now = self._clock()
        half_epoch = (now - self._last) / 2
        self._last = now
        return now + half_epoch >= self._end


def plan(settings: GAN, num_images: int) -> Schedule:
    """Fits a schedule to the number of images, and says where a batch shrinks.

    Args:
        settings: its epochs, save_every, least_steps, save_steps, save_growth and
            batch_size.
        num_images: to train on.
    """
    batch_size = min(settings.batch_size, 2 * num_images)
    if batch_size < settings.batch_size:
        print(
            f"{num_images} images are fewer than half a batch of "
            f"{settings.batch_size}: the batch shrinks to {batch_size}"
        )
    of_images = (num_images, batch_size // 2)
    epochs = settings.epochs
    if epochs is not None:
        epochs = epochs_of(epochs, settings.least_steps, *of_images)
    save_every = epochs_of(settings.save_every, settings.save_steps, *of_images)
    return Schedule(epochs, save_every, batch_size, settings.save_growth)


def why_it_ends(
    time_is_up: bool, quality: list[dict[str, Any]], patience: int
) -> str | None:
    """Tells why a training ends before its last epoch; None where it goes on.

    Args:
        time_is_up: as of `TimeLimit`.
        quality: as of `selection.has_stalled`.
        patience: the same.
    """
    if time_is_up:
        return "the time is up"
    if selection.has_stalled(quality, patience):
        return f"no better save in {patience}"
    return None


class Snapshots:
    """Saves networks, of Keras' own layers in float32, and images of one training.

    Args:
        saves: names as in a preset.
        discriminator: images -1-1 in, one logit out.
        generator: as of `networks.inference_generator`.
        class_names: in the order of its class numbers; None where it takes none.
        model_dir: folder to write in.
        seed: of the grid's latent vectors, the same at each save, so that grids are
            comparable across epochs.
        training_id: as of `Checkpoint.training_id`; goes into each generator and grid.
    """

    def __init__(
        self,
        saves: tuple[str, ...],
        discriminator: keras.Model,
        generator: keras.Model,
        class_names: list[str] | None,
        model_dir: Path,
        seed: int,
        training_id: str,
    ) -> None:
        self._saves = saves
        self._discriminator = discriminator
        self._generator = generator
        self._about: dict[str, Any] = {"training": training_id}
        if class_names:
            self._about["class_names"] = class_names
        self._model_dir = model_dir
        self._grid_inputs = sampling.sample_grid_inputs(
            generator, plots.GRID_COLUMNS, seed
        )

    def save(self, epoch: int) -> None:
        """Writes the networks and images of an epoch, from 1."""
        images = sampling.generate(self._generator, self._grid_inputs)
        if "generator" in self._saves:
            self._save_generator(filenames.GENERATOR.format(epoch=epoch))
        if "networks" in self._saves:
            self._save_networks()
        for name, filename in (
            ("grid", filenames.GENERATED_PLOT),
            ("jpg", filenames.GENERATED_JPG),
        ):
            if name in self._saves:
                path = self._model_dir / filename.format(epoch=epoch)
                training = self._about["training"]
                plots.save_image_grid(path, images, plots.GRID_COLUMNS, training)
        if "singles" in self._saves:
            for number, image in enumerate(images[:_SINGLES]):
                name = filenames.GENERATED_SINGLE.format(epoch=epoch, number=number)
                plots.save_image(self._model_dir / name, image)

    def save_quality(
        self,
        rows: list[dict[str, Any]],
        draw_with_nearest: Callable[[], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        """Writes the figures so far and, where the newest are the best, the generator.

        Args:
            rows: epoch and figures, as of `scores.evaluate`; the last is of now.
            draw_with_nearest: as of `evaluation.GeneratorEvaluator`; asked for what the
                best generator draws, to be saved beside what it was trained on.
        """
        if selection.best_row(rows) is rows[-1]:
            self._save_generator(filenames.BEST_GENERATOR, filenames.OF_BEST_GENERATOR)
            page = self._model_dir / filenames.NEAREST
            plots.save_with_nearest(page, *draw_with_nearest(), plots.GRID_COLUMNS)
            tables.save_json(self._model_dir / filenames.BEST_FIGURES, rows[-1])
        tables.save_csv(self._model_dir / filenames.QUALITY, rows)
        plots.save_quality(self._model_dir / filenames.QUALITY_PLOT, rows)

    def save_final(self, folder: Path) -> None:
        """Writes the grid of a training that has ended, where "final" asks for it."""
        if "final" in self._saves:
            images = sampling.generate(self._generator, self._grid_inputs)
            plots.save_image_grid(
                folder / filenames.FINAL_PLOT, images, plots.GRID_COLUMNS
            )

    def _save_generator(self, name: str, outdated: tuple[str, ...] = ()) -> None:
        path = self._model_dir / name
        models.save_model(
            path,
            copy_of(self._generator),
            self._about,
            [path.with_suffix(".onnx"), *(self._model_dir / x for x in outdated)],
        )

    def _save_networks(self) -> None:
        with_probability = networks.with_probability(self._discriminator)
        models.save_model(
            self._model_dir / "discriminator.h5", copy_of(with_probability)
        )
        self._save_generator("generator.h5")
        combined = networks.combine(self._generator, self._discriminator)
        models.save_model(self._model_dir / "gan.h5", copy_of(combined))


def back_up_earlier(model_dir: Path) -> None:
    """Keeps what an earlier run left under other names, and says so."""
    names = (filenames.RESUME, *filenames.OF_EVALUATION, filenames.GENERATOR_CLASSES)
    moved = {name: atomic.back_up(model_dir / name) for name in names}
    lines = [f"  {name} -> {kept.name}" for name, kept in moved.items() if kept]
    if lines:
        print(
            f"the earlier training in {model_dir} makes way, and keeps under other "
            "names what cannot stand beside a new one:",
            *lines,
            "to have it back, give these files their old names"
            f"{command_line.advice(('model_dir',))} to keep both",
            sep="\n",
        )
    if best := moved[filenames.BEST_GENERATOR]:
        command = commands.of("GeneratePredict", generator=best.name)
        print(f"its best generator still generates: {command}")
    generators.warn_of_earlier_generators(model_dir)
