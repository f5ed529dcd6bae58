"""How a GAN's training goes: losses, distances, the best save, what it draws."""

import math
import re
from pathlib import Path
from typing import Any

from foldergan.metrics import selection
from foldergan.report import charts, runs, thumbnails
from foldergan.storage import filenames, tables

_FRAMES = 48  # pages of the slider
_FRAME_WIDTH, _NEAREST_WIDTH = 560, 1100  # pixels
_FRAME_BYTES = 3_200_000
_NAMES = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "real_accuracy": "real taken for real",
    "fake_accuracy": "fake taken for fake",
}
_PAGES = re.compile(
    r"(?:generated_plot_e(\d+)\.png|gan_generated_image_epoch_(\d+)\.jpg)"
)


def section(model_dir: Path) -> dict[str, Any] | None:
    """Collects what the page shows of the GAN; None where none was trained."""
    history = load_rows(model_dir / "gan_history.csv")
    if not history:
        return None
    quality = load_rows(model_dir / filenames.QUALITY)
    best = _best(quality) if quality else None
    last = int(history[-1]["epoch"])
    frames, without = _frames(model_dir, last, best["epoch"] if best else last)
    return {
        "epochs": last,
        "curves": _curves(history),
        "quality": _quality_charts(quality, best) if best else [],
        "quality_rows": thumbnails.thin(quality, 50),
        "num_evaluated": len(quality),
        "best": best,
        "frames": frames,
        "frames_left_out": without,
        "nearest": _nearest(model_dir, best["epoch"]) if best else None,
    }


def load_rows(path: Path) -> list[dict[str, Any]]:
    """Loads a table of numbers; what is no number stays text."""
    return [
        {name: _number(value) for name, value in row.items()}
        for row in tables.load_csv(path)
    ]


def _number(text: str) -> float | str:
    if text == "":  # a column that came later
        return math.nan
    try:
        return float(text)
    except ValueError:
        return text


def _curves(history: list[dict[str, Any]]) -> list[charts.Chart]:
    epochs = [row["epoch"] for row in history]
    # What the last epoch does not have, NaN, is of the warm-up, which is over.
    last = history[-1]
    names = [name for name in last if name != "epoch" and last[name] == last[name]]
    kinds = {
        "Loss of each network": [name for name in names if name.endswith("loss")],
        "Discriminator's accuracy": [n for n in names if n.endswith("accuracy")],
    }
    drawn = [
        charts.draw(
            title,
            epochs,
            {
                _NAMES.get(n, n.replace("_", " ")): [
                    r.get(n, math.nan) for r in history
                ]
                for n in of_kind
            },
        )
        for title, of_kind in kinds.items()
        if of_kind
    ]
    return [chart for chart in drawn if chart]


def _quality_charts(
    rows: list[dict[str, Any]], best: dict[str, Any]
) -> list[charts.Chart]:
    def column(name: str) -> list[float]:
        return [row.get(name, math.nan) for row in rows]

    epochs, mark = column("epoch"), (best["epoch"], f"best: epoch {best['epoch']}")
    floor = "below: cannot be told from real"
    low, high = column("kernel_distance_low"), column("kernel_distance_high")
    kernel = charts.draw(
        "Kernel distance to held-out pictures",
        epochs,
        {
            "kernel distance": column("kernel_distance"),
            floor: column("kernel_distance_floor"),
        },
        band=(low, high),
        dashed=floor,
        mark=mark,
    )
    frechet = charts.draw(
        "Frechet distance",
        epochs,
        {"Frechet distance": column("frechet_distance")},
        mark=mark,
    )
    return [chart for chart in (kernel, frechet) if chart]


def _best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Says which save is the best, and gives the figures that make it so."""
    best = selection.best_row(rows)
    least = min(rows, key=lambda row: row["kernel_distance"])
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
    """Makes the pages of a slider.

    Args:
        model_dir: folder of the models.
        last: epoch of this training; pages of later ones are of another.
        best: epoch whose page must be there.

    Returns:
        Epoch, size and picture of each, and how many were left out: "thinned" and
        "too_large".
    """
    found = list_pages(model_dir)
    epochs = sorted(epoch for epoch in found if epoch <= last)
    shown = thumbnails.thin(epochs, _FRAMES)
    if best in epochs and best not in shown:
        shown = sorted([*shown, best])
    pages = [(epoch, thumbnails.of_page(found[epoch], _FRAME_WIDTH)) for epoch in shown]
    frames = [
        {"epoch": epoch, "is_best": epoch == best, **page._asdict()}
        for epoch, page in pages
        if page
    ]
    # The best stays, however few the others are.
    kept = thumbnails.fit([f for f in frames if not f["is_best"]], _FRAME_BYTES)
    kept += [frame for frame in frames if frame["is_best"]]
    kept.sort(key=lambda frame: frame["epoch"])
    too_large = len(pages) - len(frames)
    thinned = len(epochs) - len(kept) - too_large
    return kept, {"thinned": thinned, "too_large": too_large}


def list_pages(model_dir: Path) -> dict[int, Path]:
    """Finds the grids that this training has drawn so far: epoch -> file."""
    times = tables.load_json(runs.path_of_times(model_dir, "GANModel"))
    began = times["began"] if times else 0
    found: dict[int, Path] = {}
    for path in model_dir.iterdir():
        match = _PAGES.fullmatch(path.name)
        if match and path.stat().st_mtime >= began:
            found[int(match[1] or match[2])] = path
    return found


def _nearest(model_dir: Path, epoch: int) -> dict[str, Any] | None:
    """Shows what the generator of an epoch draws, unless the page is of another's."""
    figures = tables.load_json(model_dir / filenames.BEST_FIGURES)
    path = model_dir / filenames.NEAREST
    if not (figures and figures["epoch"] == epoch and path.is_file()):
        return None
    page = thumbnails.of_page(path, _NEAREST_WIDTH)
    return page._asdict() if page else None
