"""Images of what happened: grids, charts, the confusion matrix.

Figures are made without pyplot, so that no screen is needed and none is opened. A chart
is drawn by one function, as a PNG in the folder and as an SVG on the page.
"""

import functools
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import image as matplotlib_image
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from foldergan.images import to_uint8
from foldergan.storage import atomic

_GUTTER = 2  # pixels between two images of a grid
GRID_COLUMNS = 7  # images a row
MOST_ON_PAGE = 100  # images under their classes
_CELL = np.array((1.3, 1.55))  # inches, of an image and its title
_TRAINING = "training "  # begins the comment of a grid, before the training's name
_MOST_POINTS = 400  # of a line: the eye cannot separate more
_MOST_MARKERS = 60
# Colours of a chart: on white, and on the page in the dark.
_INK, _SOFT, _EDGE = "#1c2127", "#545d68", "#d6dbe1"
_COLOURS = ("#0b57d0", "#b4530a", "#1a7f37", "#8e3bb8")
_IN_THE_DARK = dict(
    zip(
        (_INK, _SOFT, _EDGE, *_COLOURS),
        ("#e7eaee", "#a8b1bc", "#39414b", "#8fb8fa", "#f0a860", "#74cf8b", "#d6a2f0"),
        strict=True,
    )
)


def save_image(path: Path, image: np.ndarray, synced: bool = True) -> None:
    """Saves one image, pixel for pixel.

    Args:
        path: a .png or .jpg file.
        image: float array of shape (height, width, 1 or 3), values 0-1.
        synced: False where `atomic.sync` follows.
    """
    _save_pixels(path, to_uint8(image), synced=synced)


def save_image_grid(
    path: Path, images: np.ndarray, columns: int, training: str = ""
) -> None:
    """Saves images side by side, row by row, small ones upsampled.

    Args:
        path: a .png or .jpg file.
        images: float array of shape (n, height, width, 1 or 3), values 0-1.
        columns: images a row.
        training: name of the training that drew them; `training_of` reads it.
    """
    _save_tiles(path, images, columns, _zoom(images), training)


def training_of(path: Path) -> str | None:
    """Reads which training drew a grid; None where the file does not say.

    Raises:
        OSError: it is no image.
    """
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        comment = image.info.get("comment", "")
    text = comment.decode(errors="replace") if isinstance(comment, bytes) else comment
    return text.removeprefix(_TRAINING) if text.startswith(_TRAINING) else None


def save_with_nearest(
    path: Path, images: np.ndarray, nearest: np.ndarray, columns: int
) -> None:
    """Saves rows of images, each image above the one of `nearest`; see above."""
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
    # Half of an image in cells, in its own proportions.
    size = np.array(images.shape[2:0:-1])
    width, height = size * (_CELL * (0.92, 0.78) / size).min() / _CELL / 2
    # One axis for all: an axis for each image takes seconds.
    axis = figure.add_axes((0, 0, 1, 1))
    for number, (image, row) in enumerate(zip(images, rows, strict=False)):
        line, column = divmod(number, columns)
        x, y = column + 0.5, -line - 0.59
        extent = (x - width, x + width, y - height, y + height)
        pixels = to_uint8(image.repeat(3 // image.shape[2], 2))
        axis.imshow(pixels, extent=extent, aspect="auto", interpolation="nearest")
        title = f"{row['predicted']} {row['probability']:.0%}"
        if "intended" in row:
            title = f"{row['intended']}: {title}"
        axis.text(x, -line - 0.15, title, ha="center", size=8, parse_math=False)
    axis.set(xlim=(0, columns), ylim=(-lines, 0))
    axis.set_axis_off()
    _save_figure(path, figure)


@dataclass(frozen=True)
class Chart:
    """Lines, such as values over the epochs of a training."""

    title: str
    across: Sequence[float]  # a number for each value, such as its epoch
    lines: Mapping[str, Sequence[float]]  # name -> values, NaN where there is none
    # Lower and upper ends of an interval around the first line.
    band: tuple[Sequence[float], Sequence[float]] | None = None
    dashed: str = ""  # a line that is a bound rather than a measurement
    mark: float | None = None  # epoch to point at
    unit: str = "epoch"  # of `across`

    @property
    def is_curve(self) -> bool:
        """Whether a line has two points or more."""
        return any(np.isfinite(values).sum() > 1 for values in self.lines.values())

    @property
    def summary(self) -> str:
        """The chart in words, for readers who cannot see it."""
        ends = "; ".join(map(self.label, self.lines))
        span = f"{self.unit} {self.across[0]:.3g} to {self.across[-1]:.3g}"
        what = "Last values" if self.unit == "epoch" else "Lines"
        return f"{self.title}, {span}. {what}: {ends}"

    def label(self, name: str) -> str:
        """Names a line and, of a training, its last value."""
        if self.unit != "epoch":
            return name
        known = [value for value in self.lines[name] if math.isfinite(value)]
        return f"{name} {known[-1]:.3g}" if known else name


_NAMES = {
    "d_loss": "discriminator",
    "g_loss": "generator",
    "real_accuracy": "real",
    "fake_accuracy": "generated",
    "loss": "training",
    "accuracy": "training",
    "val_loss": "validation",
    "val_accuracy": "validation",
}


def curves(history: list[dict[str, Any]]) -> list[Chart]:
    """Makes the charts of a training: loss and accuracy.

    What the last row lacks belongs to a reconstruction pre-training that is over.
    """
    last, epochs = history[-1], [row["epoch"] for row in history]
    of_gan = "d_loss" in last
    charts = []
    for kind in ("loss", "accuracy"):
        lines = {
            _NAMES.get(name, name.replace("_", " ")): _column(history, name)
            for name in last
            if name.endswith(kind) and last[name] == last[name]
        }
        owner = "Discriminator accuracy" if of_gan and kind == "accuracy" else ""
        if lines:
            charts.append(Chart(owner or kind.capitalize(), epochs, lines))
    return charts


def _column(rows: list[dict[str, Any]], name: str) -> list[float]:
    return [float(row.get(name, math.nan)) for row in rows]


def quality(rows: list[dict[str, Any]], best: float | None = None) -> list[Chart]:
    """Makes the charts of a generator's two distances to held-out images.

    Rows of earlier versions have no interval and no noise floor.
    """
    column = functools.partial(_column, rows)
    epochs, floor = column("epoch"), column("kernel_distance_floor")
    lines = {"KID": column("kernel_distance")}
    if np.isfinite(floor).any():
        lines["noise floor"] = floor
    band = column("kernel_distance_low"), column("kernel_distance_high")
    kid = Chart("KID", epochs, lines, band, "noise floor", best)
    frechet = {"FD": column("frechet_distance")}
    return [kid, Chart("Fréchet distance", epochs, frechet, mark=best)]


def reliability(rows: list[dict[str, Any]]) -> Chart:
    """Makes the chart of how often a classifier is right, by its confidence.

    A row is a bin; those without images are left out.
    """
    column = functools.partial(_column, [row for row in rows if row["pictures"]])
    sure = column("confidence")
    lines = {"accuracy": column("accuracy"), "calibrated": sure}
    band = column("accuracy_low"), column("accuracy_high")
    return Chart("Calibration", sure, lines, band, "calibrated", unit="confidence")


def save_quality(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves the charts of `quality`, side by side, as a PNG."""
    counts = f"{rows[0]['real']} real, {rows[0]['fake']} generated images"
    save_charts(path, quality(rows), f"{rows[0]['extractor']}; {counts}; 0 is ideal")


def save_charts(path: Path, charts: list[Chart], title: str = "") -> None:
    """Saves charts, side by side, as a PNG."""
    figure = Figure(figsize=(4.5 * len(charts), 3.5), layout="constrained")
    axes = figure.subplots(1, len(charts), squeeze=False)[0]
    for axis, chart in zip(axes, charts, strict=True):
        _draw(axis, chart)
        axis.set_ylabel(chart.title, color=_INK)
    figure.suptitle(title, size=9)
    _save_figure(path, figure)


def as_svg(chart: Chart) -> str:
    """Draws a chart without its title, in light or dark colours as the reader prefers.

    Returns:
        An SVG file that refers to nothing outside itself.
    """
    figure = Figure(figsize=(4.4, 2.5), layout="constrained")
    _draw(figure.subplots(), chart)
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "chart"}):
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    for number, colour in enumerate(_IN_THE_DARK):
        text = text.replace(colour, f"var(--{number})")
    light, dark = (
        "".join(f"--{number}:{colour};" for number, colour in enumerate(colours))
        for colours in (_IN_THE_DARK, _IN_THE_DARK.values())
    )
    style = (
        f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}"
        "text{font-family:system-ui,sans-serif!important}</style>"
    )
    return text.replace("<defs>", f"{style}<defs>", 1)


def _draw(axis: Axes, chart: Chart) -> None:
    """Draws a chart, of a long one some points, spread evenly."""
    last = len(chart.across) - 1
    rows = np.unique(np.linspace(0, last, min(last + 1, _MOST_POINTS)).round())
    rows = rows.astype(int)
    across = np.array(chart.across)[rows]
    dot = "." if len(rows) <= _MOST_MARKERS else None
    for number, (name, values) in enumerate(chart.lines.items()):
        style, marker = ("--", None) if name == chart.dashed else ("-", dot)
        colour = _SOFT if name == chart.dashed else _COLOURS[number % len(_COLOURS)]
        label, points = chart.label(name), np.array(values)[rows]
        axis.plot(across, points, style, marker=marker, color=colour, label=label)
    if chart.band and np.isfinite(chart.band).any():
        low, high = (np.array(end)[rows] for end in chart.band)
        colour = _COLOURS[0]
        axis.fill_between(
            across, low, high, color=colour, alpha=0.18, lw=0, label="95 % interval"
        )
    if chart.mark is not None:
        label = f"best: epoch {chart.mark:g}"
        axis.axvline(chart.mark, color=_COLOURS[2], lw=1.2, label=label)
    axis.set_xlabel(chart.unit, color=_SOFT)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=chart.unit == "epoch"))
    axis.grid(axis="y", color=_EDGE, lw=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_color(_SOFT)
    axis.tick_params(color=_EDGE, labelcolor=_SOFT, length=0)
    axis.margins(x=0.02)
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        labelcolor=_INK,
    )


def save_confusion_matrix(
    path: Path, matrix: np.ndarray, class_names: list[str], down: str = "true"
) -> None:
    """Saves counts (classes, classes), true class down, called `down`, as a PNG."""
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


def show(path: Path) -> bool:
    """Opens a window with a saved image; returns False where there is no screen."""
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


def _save_tiles(
    path: Path, tiles: np.ndarray, columns: int, zoom: int, training: str = ""
) -> None:
    n, height, width, channels = tiles.shape
    rows = -(-n // columns)
    shape = rows * columns, height + _GUTTER, width + _GUTTER, channels
    cells = np.full(shape, 255, np.uint8)
    cells[:n, :height, :width] = to_uint8(tiles)
    page = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    page = page.reshape(rows * cells.shape[1], columns * cells.shape[2], channels)
    page = page[:-_GUTTER, :-_GUTTER].repeat(zoom, 0).repeat(zoom, 1)
    _save_pixels(path, page, f"{_TRAINING}{training}" if training else "")


def _save_pixels(
    path: Path, pixels: np.ndarray, comment: str = "", synced: bool = True
) -> None:
    """Saves pixels, uint8 array (height, width, 1 or 3)."""
    options: dict[str, Any] = {"quality": 95, "comment": comment}
    if path.suffix != ".jpg":
        about = PngInfo()
        if comment:
            about.add_text("comment", comment)
        options = {"pnginfo": about}
    with atomic.replacing(path, synced=synced) as temporary:
        image = Image.fromarray(pixels.repeat(3 // pixels.shape[2], 2))
        image.save(temporary, "JPEG" if path.suffix == ".jpg" else "PNG", **options)


def _save_figure(path: Path, figure: Figure) -> None:
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
