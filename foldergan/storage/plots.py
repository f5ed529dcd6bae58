"""Images of what happened: grids, curves, the confusion matrix.

Figures are made without pyplot, so that no screen is needed and none is opened.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image as matplotlib_image
from matplotlib.figure import Figure

from foldergan.images import to_uint8
from foldergan.storage import atomic

_GUTTER = 2  # pixels between two images of a grid
GRID_COLUMNS = 7  # images a row
MOST_ON_PAGE = 100  # images under their classes
_CELL = (1.3, 1.55)  # inches, of an image and its title


def save_image(path: Path, image: np.ndarray) -> None:
    """Saves one image, pixel for pixel.

    Args:
        path: a .png or .jpg file.
        image: float array of shape (height, width, 1 or 3), values 0-1.
    """
    _save_pixels(path, to_uint8(image))


def save_image_grid(path: Path, images: np.ndarray, columns: int) -> None:
    """Saves images side by side, row by row, small ones enlarged.

    Args:
        path: a .png or .jpg file.
        images: float array of shape (n, height, width, 1 or 3), values 0-1.
        columns: images a row.
    """
    _save_tiles(path, images, columns, _zoom(images))


def save_with_nearest(
    path: Path, images: np.ndarray, nearest: np.ndarray, columns: int
) -> None:
    """Saves rows of images, each image above the one that is nearest to it.

    Args:
        path: a .png or .jpg file.
        images: float array of shape (n, height, width, 1 or 3), values 0-1.
        nearest: of the same shape.
        columns: images a row.
    """
    white = np.ones_like(images[:, :_GUTTER])
    pairs = np.concatenate([images, white, nearest, white, white], axis=1)
    _save_tiles(path, pairs, columns, _zoom(images))


def save_predictions(
    path: Path, images: np.ndarray, rows: list[dict[str, Any]]
) -> None:
    """Saves each image under its predicted class and its probability.

    Args:
        path: a .png file.
        images: float array of shape (n, height, width, 1 or 3), values 0-1; the
            first `MOST_ON_PAGE` are shown.
        rows: one an image, with "predicted" and "probability", and perhaps
            "intended", which then stands before them.
    """
    images = images[:MOST_ON_PAGE]
    columns = int(np.ceil(np.sqrt(len(images))))
    lines = -(-len(images) // columns)
    figure = Figure(figsize=(_CELL[0] * columns, _CELL[1] * lines))
    # One axis for all: an axis for each image takes seconds.
    axis = figure.add_axes((0, 0, 1, 1))
    for number, (image, row) in enumerate(zip(images, rows, strict=False)):
        line, column = divmod(number, columns)
        extent = _within(image.shape, column + 0.04, -line - 0.98)
        pixels = to_uint8(image.repeat(3 // image.shape[2], 2))
        axis.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest")
        title = f"{row['predicted']} {row['probability']:.0%}"
        if "intended" in row:
            title = f"{row['intended']}: {title}"
        axis.text(
            column + 0.5, -line - 0.15, title, ha="center", size=8, parse_math=False
        )
    axis.set(xlim=(0, columns), ylim=(-lines, 0))
    axis.set_axis_off()
    _save_figure(path, figure)


def _within(
    shape: tuple[int, ...], left: float, bottom: float
) -> tuple[float, float, float, float]:
    """Places an image in the middle of its cell, in its own proportions.

    Args:
        shape: (height, width, channels) of the image.
        left: of the room for it, in cells.
        bottom: the same.

    Returns:
        Left, right, bottom and top of the image, in cells.
    """
    room = 0.92 * _CELL[0], 0.78 * _CELL[1]
    scale = min(room[0] / shape[1], room[1] / shape[0])
    width, height = (
        size * scale / cell
        for size, cell in zip((shape[1], shape[0]), _CELL, strict=True)
    )
    left, bottom = left + (0.92 - width) / 2, bottom + (0.78 - height) / 2
    return left, left + width, bottom, bottom + height


def save_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Saves losses and accuracies over the epochs, one panel each.

    Args:
        path: a .png file.
        history: rows with "epoch" and names that end in "loss" or "accuracy"; those
            of the last row are drawn, where a row has them.
    """
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axis, kind in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name in (name for name in history[-1] if name.endswith(kind)):
            values = [row.get(name, np.nan) for row in history]
            axis.plot(epochs, values, ".-", label=name)
        axis.set(xlabel="epoch", ylabel=kind)
        if axis.lines:
            axis.legend()
    _save_figure(path, figure)


def save_quality(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves the two distances to real images over the epochs, one panel each.

    The interval of the kernel distance is shaded, and its floor is dashed.

    Args:
        path: a .png file.
        rows: epoch and figures, as of `scores.evaluate`.
    """
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    figures = ("kernel_distance", "frechet_distance")
    axes = figure.subplots(1, 2)
    low, high, floor = (  # rows of earlier versions have none
        [row.get(f"kernel_distance_{end}", np.nan) for row in rows]
        for end in ("low", "high", "floor")
    )
    axes[0].fill_between(epochs, low, high, alpha=0.2)
    axes[0].plot(epochs, floor, "k--", label="below: cannot be told from real")
    axes[0].legend(fontsize=7)
    for axis, name in zip(axes, figures, strict=True):
        axis.plot(epochs, [row[name] for row in rows], ".-")
        axis.set(xlabel="epoch", ylabel=name.replace("_", " "), yscale="symlog")
    counts = f"{rows[0]['real']} real, {rows[0]['fake']} fake"
    figure.suptitle(f"{rows[0]['extractor']}; {counts}; 0 is best", size=9)
    _save_figure(path, figure)


def save_confusion_matrix(
    path: Path, matrix: np.ndarray, class_names: list[str], down: str = "true"
) -> None:
    """Saves the counts of true against predicted classes.

    Args:
        path: a .png file.
        matrix: counts of shape (classes, classes), true class down.
        class_names: in the matrix's order.
        down: what the class down is called.
    """
    is_small = len(class_names) <= 40  # more counts and names could not be read
    side = 2.5 + 0.6 * min(len(class_names), 40)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.subplots()
    axis.imshow(matrix, cmap="Blues")
    axis.set(xlabel="predicted", ylabel=down)
    ticks = range(len(class_names)) if is_small else []
    names = class_names if is_small else []
    axis.set_xticks(ticks, names, rotation=45, ha="right", parse_math=False)
    axis.set_yticks(ticks, names, parse_math=False)
    for (row, column), count in np.ndenumerate(matrix) if is_small else ():
        colour = "white" if count > matrix.max() / 2 else "black"
        axis.text(column, row, count, ha="center", va="center", color=colour)
    _save_figure(path, figure)


def save_reliability(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves how often images are classified right, by the classifier's confidence.

    Args:
        path: a .png file.
        rows: a row a bin, with pictures, confidence, accuracy, accuracy_low and
            accuracy_high; those without images are left out.
    """
    rows = [row for row in rows if row["pictures"]]
    names = ("confidence", "accuracy", "accuracy_low", "accuracy_high", "pictures")
    sure, right, low, high, images = (
        np.array([row[name] for row in rows]) for name in names
    )
    figure = Figure(figsize=(4.5, 5.5), layout="constrained")
    axis, below = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axis.plot([0, 1], [0, 1], "k--", label="calibrated")
    apart = np.abs(np.stack([low, high]) - right)
    axis.errorbar(sure, right, apart, fmt="o-", capsize=3, label="these images")
    axis.set(ylabel="fraction classified right", ylim=(0, 1.02))
    axis.legend()
    below.bar(sure, images, width=0.05)
    below.set(xlabel="confidence", ylabel="images", xlim=(0, 1.02))
    _save_figure(path, figure)


def show(path: Path) -> bool:
    """Opens a window with a saved image where there is a screen.

    Returns:
        False when there is no screen to open it on.
    """
    from matplotlib import pyplot

    if pyplot.get_backend().lower() == "agg":  # what matplotlib falls back to
        return False
    pyplot.imshow(matplotlib_image.imread(path))
    pyplot.axis("off")
    pyplot.show()
    return True


def _zoom(images: np.ndarray) -> int:
    """Finds how often to repeat a pixel: in whole blocks, so that none is made up."""
    return max(1, round(100 / images.shape[1]))


def _save_tiles(path: Path, tiles: np.ndarray, columns: int, zoom: int) -> None:
    n, height, width, channels = tiles.shape
    rows = -(-n // columns)
    shape = rows * columns, height + _GUTTER, width + _GUTTER, channels
    cells = np.full(shape, 255, np.uint8)
    cells[:n, :height, :width] = to_uint8(tiles)
    page = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    page = page.reshape(rows * cells.shape[1], columns * cells.shape[2], channels)
    _save_pixels(path, page[:-_GUTTER, :-_GUTTER].repeat(zoom, 0).repeat(zoom, 1))


def _save_pixels(path: Path, pixels: np.ndarray) -> None:
    """Saves pixels, uint8 array (height, width, 1 or 3)."""
    quality = {"quality": 95} if path.suffix == ".jpg" else {}
    with atomic.replacing(path) as temporary:
        pixels = pixels.repeat(3 // pixels.shape[2], 2)
        matplotlib_image.imsave(temporary, pixels, pil_kwargs=quality)


def _save_figure(path: Path, figure: Figure) -> None:
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
