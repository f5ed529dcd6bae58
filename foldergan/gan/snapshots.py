"""What a GAN training writes as it goes by: the meaning of a preset's `saves`."""

from pathlib import Path

import keras

from foldergan.gan import networks
from foldergan.gan.sampling import generate
from foldergan.metrics import selection
from foldergan.storage import filenames, models, plots, tables

GRID_COLUMNS = 7  # pictures a row
_SINGLES = 32


def save_quality(model_dir: Path, generator: keras.Model, rows: list[dict]) -> None:
    """Writes the figures so far and, where the newest are the best, the generator.

    Args:
        model_dir: folder of the models.
        generator: the one that the last row is of.
        rows: epoch and figures, as of `judging.Judge.measure`.
    """
    if selection.best_row(rows) is rows[-1]:
        models.save_model(model_dir / filenames.BEST_GENERATOR, generator)
        tables.save_json(model_dir / filenames.BEST_FIGURES, rows[-1])
    tables.save_csv(model_dir / filenames.QUALITY, rows)
    plots.save_quality(model_dir / filenames.QUALITY_PLOT, rows)


def save_epoch(
    saves: tuple[str, ...],
    epoch: int,
    discriminator: keras.Model,
    generator: keras.Model,
    page,
    model_dir: Path,
) -> None:
    """Writes the networks and pictures of one epoch.

    Args:
        saves: names as in a preset, of which generator, networks, grid, jpg and singles
            are meant here.
        epoch: from 1; stands in the files' names.
        discriminator: pictures -1-1 in, one logit out.
        generator: as `networks.with_class_id` makes it.
        page: what it takes, as of `generation.sample_grid_inputs`, the same at each
            call, so that pages can be leafed through.
        model_dir: folder of the models.
    """
    pictures = generate(generator, page)
    if "generator" in saves:
        path = model_dir / filenames.GENERATOR.format(epoch=epoch)
        models.save_model(path, generator)
    if "networks" in saves:
        judge = networks.with_probability(discriminator)
        models.save_model(model_dir / "discriminator.h5", judge)
        models.save_model(model_dir / "generator.h5", generator)
        combined = networks.combine(generator, discriminator)
        models.save_model(model_dir / "gan.h5", combined)
    if "grid" in saves:
        path = model_dir / filenames.GENERATED_PLOT.format(epoch=epoch)
        plots.save_image_grid(path, pictures, GRID_COLUMNS)
    if "jpg" in saves:
        path = model_dir / filenames.GENERATED_JPG.format(epoch=epoch)
        plots.save_image_grid(path, pictures, GRID_COLUMNS)
    if "singles" in saves:
        for number, picture in enumerate(pictures[:_SINGLES]):
            name = filenames.GENERATED_SINGLE.format(epoch=epoch, number=number)
            plots.save_image(model_dir / name, picture)


def save_final(generator: keras.Model, page, folder: Path) -> None:
    """Writes the page of a training that has ended, as "final" asks."""
    pictures = generate(generator, page)
    plots.save_image_grid(folder / filenames.FINAL_PLOT, pictures, GRID_COLUMNS)
