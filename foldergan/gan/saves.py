"""What a GAN training writes as it goes by."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.config import command_line, commands
from foldergan.gan import networks, sampling
from foldergan.gan.trainer import Trainer
from foldergan.metrics import selection
from foldergan.nn.convolutions import copy_of
from foldergan.storage import atomic, filenames, models, plots, tables
from foldergan.storage.run_directory import RunDirectory

_SINGLES = 32


class Snapshots:
    """Saves networks, of Keras' own layers in float32, and images of one training.

    Args:
        saves: names of what a checkpoint writes, as in a preset.
        trainer: whose networks are saved; grids are drawn from latent vectors of its
            seed, the same each time, so that they are comparable across epochs.
        class_names: in the order of its class numbers; None where it takes none.
        model_dir: folder to write in.
        training_id: goes into each generator and grid, see `Checkpoint.training_id`.
    """

    def __init__(
        self,
        saves: tuple[str, ...],
        trainer: Trainer,
        class_names: list[str] | None,
        model_dir: Path,
        training_id: str,
    ) -> None:
        self._saves = saves
        self._discriminator = trainer.discriminator
        self._generator = trainer.inference_generator
        self._about: dict[str, Any] = {"training": training_id}
        if class_names:
            self._about["class_names"] = class_names
        self._model_dir = model_dir
        self._grid_inputs = sampling.sample_grid_inputs(
            self._generator, plots.GRID_COLUMNS, trainer.seed
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
            rows: epoch and figures of each checkpoint; the last is of now.
            draw_with_nearest: draws what is saved beside the nearest training images.
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
    names = (filenames.RESUME, *filenames.OF_EVALUATION)
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
    RunDirectory(model_dir).warn_of_earlier_generators()
