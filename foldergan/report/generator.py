"""How a GAN's training goes: losses, distances, the best checkpoint, sample grids."""

import math
import re
from pathlib import Path
from typing import Any

from foldergan.metrics import selection
from foldergan.report import runs, thumbnails
from foldergan.storage import filenames, plots, tables

_FRAMES = 48  # grids of the slider
_FRAME_WIDTH, _NEAREST_WIDTH = 720, 1100  # pixels
_FRAME_BYTES = 3_200_000
_GRIDS = re.compile(
    r"(?:generated_plot_e(\d+)\.png|gan_generated_image_epoch_(\d+)\.jpg)"
)

# Column, title, value for real images, and meaning; the first three are always shown.
METRICS = (
    (
        *("kernel_distance", "KID", "0"),
        "Distance between generated and held-out images in these features. Differences "
        "below the noise floor mean nothing.",
    ),
    (
        *("coverage", "Coverage", "about 1"),
        "Fraction of held-out images with a generated image nearby: variety.",
    ),
    (
        *("closer_to_training_share", "Copying", "0.5"),
        "Fraction of pairs in which the generated image is nearer to the training set "
        "than the held-out one. More suggests copying.",
    ),
    (
        *("near_copy_share", "Near copies", "0.05"),
        "Fraction of generated images nearer to a training image than 95 % of the "
        "held-out images are.",
    ),
    (
        *("repeat_share", "Repeats", ""),
        "Fraction of generated images nearer to a training image than half of its "
        "distance to any other.",
    ),
    (
        *("precision", "Precision", ""),
        "Fraction of generated images that lie among the real ones: quality.",
    ),
    (
        *("density", "Density", "1"),
        "Like precision, weighted by how many real images are near.",
    ),
    (
        *("recall", "Recall", ""),
        "Fraction of held-out images that lie among the generated ones: variety.",
    ),
    (
        *("variety", "Variety within a class", "1"),
        "Mean distance of two generated images of a class, divided by that of two "
        "held-out images: 0 where a class is one image again and again.",
    ),
    (
        *("frechet_distance", "Fréchet distance", "0"),
        "Distance between Gaussians fitted to held-out and generated features. It "
        "falls with more images.",
    ),
)


def section(model_dir: Path) -> dict[str, Any] | None:
    """Collects what the page shows of the GAN; None where none was trained."""
    history = tables.load_rows(model_dir / "gan_history.csv")
    if not history:
        return None
    quality = tables.load_rows(model_dir / filenames.QUALITY)
    best = _best(quality) if quality else None
    last = int(history[-1]["epoch"])
    charts = plots.curves(history)
    if best:
        charts = plots.quality(quality, best["epoch"]) + charts
    frames, left_out = _frames(model_dir, last, best["epoch"] if best else last)
    return {
        "epochs": last,
        "charts": [chart for chart in charts if chart.is_curve],
        "quality_rows": thumbnails.thin(quality, 50),
        "num_evaluated": len(quality),
        "best": best,
        "metrics": [each for each in METRICS if best and each[0] in best],
        "frames": frames,
        "frames_left_out": left_out,
        "nearest": _nearest(model_dir, best["epoch"]) if best else None,
        "rows_of_grid": _rows_of_grid(model_dir),
    }


def _best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Says which checkpoint is the best, and gives the figures that make it so."""
    best = selection.best_row(rows)
    comparable = selection.comparable(rows)
    least = min(comparable, key=lambda row: row["kernel_distance"])
    return best | {
        "epoch": int(best["epoch"]),
        "is_least": best is least,
        "least": least["kernel_distance"],
        "least_epoch": int(least["epoch"]),
        "looks_real": best["kernel_distance"]
        < best.get("kernel_distance_floor", -math.inf),
    }


def _frames(
    model_dir: Path, last: int, best: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Makes the grids of a slider up to epoch `last`: later ones are of another run."""
    found = list_grids(model_dir)
    epochs = sorted(epoch for epoch in found if epoch <= last)
    shown = {*thumbnails.thin(epochs, _FRAMES), *({best} & set(epochs))}
    grids = {n: thumbnails.of_grid(found[n], _FRAME_WIDTH) for n in sorted(shown)}
    frames = [
        {"epoch": n, "is_best": n == best} | grid for n, grid in grids.items() if grid
    ]
    # The best stays, however few the others are.
    kept = thumbnails.fit([f for f in frames if not f["is_best"]], _FRAME_BYTES)
    kept += [frame for frame in frames if frame["is_best"]]
    kept.sort(key=lambda frame: frame["epoch"])
    too_large = len(grids) - len(frames)
    thinned = len(epochs) - len(kept) - too_large
    return kept, {"thinned": thinned, "too_large": too_large}


def list_grids(model_dir: Path) -> dict[int, Path]:
    """Finds the grids of the training that run_GANModel.json records: epoch -> file.

    A grid that names no training, as earlier versions wrote them, counts as its own.
    """
    own = runs.record_of(model_dir, "GANModel").get("training")
    return {
        int(match[1] or match[2]): path
        for path in model_dir.iterdir()
        if (match := _GRIDS.fullmatch(path.name))
        and (own is None or plots.training_of(path) in (own, None))
    }


def _rows_of_grid(model_dir: Path) -> list[str]:
    """Names the class of each row of a grid; none where the generator takes none."""
    record = runs.record_of(model_dir, "GANModel")
    if not record or record["preset"]["gan"]["conditioning"] != "class":
        return []
    return tables.load_json(model_dir / filenames.CLASS_NAMES) or []


def _nearest(model_dir: Path, epoch: int) -> dict[str, Any] | None:
    """Shows what the generator of an epoch draws, unless the grid is of another's."""
    figures = tables.load_json(model_dir / filenames.BEST_FIGURES)
    path = model_dir / filenames.NEAREST
    if not (figures and figures["epoch"] == epoch and path.is_file()):
        return None
    return thumbnails.of_grid(path, _NEAREST_WIDTH)
