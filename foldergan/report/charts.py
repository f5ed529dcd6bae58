"""Curves as the coordinates of an SVG, which the template draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from foldergan.report.thumbnails import thin

WIDTH, HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 12, 34
_MOST_POINTS = 400  # of a line: more could not be told apart
_MOST_MARKERS = 60


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: for its label.
        points: "x,y x,y ...", as of an SVG polyline.
        markers: (x, y, text) of each point, where there are few.
        last: the newest value, as text.
        dashed: whether it is a bound and no measurement.
    """

    name: str
    points: str
    markers: list[tuple[float, float, str]]
    last: str
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn.

    Attributes:
        title: what it shows.
        summary: in words, for who cannot see it.
        lines: in the order of their colours.
        band: "x,y x,y ..." of an interval around the first line; may be empty.
        x_ticks: (x, text).
        y_ticks: (y, text).
        mark: (x, text) of an upright line; None for none.
        is_thinned: whether some points were left out.
    """

    title: str
    summary: str
    lines: list[Line]
    band: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    mark: tuple[float, str] | None
    is_thinned: bool
    left: float = field(default=_LEFT)
    right: float = field(default=WIDTH - _RIGHT)
    top: float = field(default=_TOP)
    bottom: float = field(default=HEIGHT - _BOTTOM)


def draw(
    title: str,
    epochs: Sequence[float],
    values: Mapping[str, Sequence[float]],
    *,
    band: tuple[Sequence[float], Sequence[float]] | None = None,
    dashed: str = "",
    mark: tuple[float, str] | None = None,
) -> Chart | None:
    """Lays out values over the epochs.

    Args:
        title: what it shows.
        epochs: of each value.
        values: name -> values, NaN where there is none.
        band: lower and upper ends of an interval around the first line.
        dashed: name of a line that is a bound and no measurement.
        mark: (epoch, text) to point at.

    Returns:
        None where there is nothing finite to draw.
    """
    rows = thin(range(len(epochs)), _MOST_POINTS)
    everything = [*values.values(), *(band or ())]
    finite = [v[row] for v in everything for row in rows if math.isfinite(v[row])]
    if not finite:
        return None
    across = _Axis([epochs[row] for row in rows], _LEFT, WIDTH - _RIGHT)
    up = _Axis(finite, HEIGHT - _BOTTOM, _TOP)

    def line(name: str, numbers: Sequence[float]) -> Line:
        known = [row for row in rows if math.isfinite(numbers[row])]
        points = [(across(epochs[row]), up(numbers[row])) for row in known]
        texts = [f"epoch {epochs[r]:g}: {name} {numbers[r]:.4g}" for r in known]
        few = len(points) <= _MOST_MARKERS and name != dashed
        return Line(
            name,
            _polyline(points),
            [(*p, text) for p, text in zip(points, texts, strict=True)] if few else [],
            f"{numbers[known[-1]]:.4g}" if known else "",
            name == dashed,
        )

    lines = [line(name, numbers) for name, numbers in values.items()]
    ends = "; ".join(f"{each.name} {each.last}" for each in lines if each.last)
    return Chart(
        title,
        f"{title} over epochs {epochs[0]:g} to {epochs[-1]:g}; at the end {ends}",
        lines,
        _band(epochs, rows, band, across, up) if band else "",
        [(across(tick), f"{tick:g}") for tick in across.ticks if tick == round(tick)],
        [(up(tick), f"{tick:g}") for tick in up.ticks],
        (across(mark[0]), mark[1]) if mark else None,
        len(rows) < len(epochs),
    )


class _Axis:
    """Maps values to coordinates, and knows round values to write beside.

    Args:
        values: finite, one or more.
        start: coordinate of the least.
        end: coordinate of the greatest.
    """

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = min(values), max(values)
        if high - low < 1e-9 * max(1.0, abs(high)):
            low, high = low - 0.5, high + 0.5
        rough = (high - low) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        self.ticks = [round(n * step, 10) for n in range(first, last + 1)]
        self._low, self._span = low, high - low
        self._start, self._length = start, end - start

    def __call__(self, value: float) -> float:
        share = (value - self._low) / self._span
        return round(self._start + share * self._length, 1)


def _band(
    epochs: Sequence[float],
    rows: list[int],
    band: tuple[Sequence[float], Sequence[float]],
    across: _Axis,
    up: _Axis,
) -> str:
    low, high = band
    known = [r for r in rows if math.isfinite(low[r]) and math.isfinite(high[r])]
    there = [(across(epochs[row]), up(high[row])) for row in known]
    back = [(across(epochs[row]), up(low[row])) for row in reversed(known)]
    return _polyline([*there, *back])


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
