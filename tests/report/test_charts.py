"""Curves as coordinates."""

import math

from foldergan.report import charts


def points(line: charts.Line) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in line.points.split()]


def test_more_is_higher_and_later_is_to_the_right():
    chart = charts.draw("Loss", [1, 2, 3], {"training": [3.0, 1.0, 2.0]})
    (x1, y1), (x2, y2), (x3, y3) = points(chart.lines[0])
    assert x1 == chart.left and x3 == chart.right and x1 < x2 < x3
    assert y1 == chart.top and y2 == chart.bottom and y1 < y3 < y2
    assert "Loss over epochs 1 to 3; at the end training 2" in chart.summary


def test_what_is_not_known_is_left_out():
    chart = charts.draw(
        "Loss", [1, 2, 3], {"a": [1.0, math.nan, 3.0], "b": [math.nan] * 3}
    )
    assert len(points(chart.lines[0])) == 2 and points(chart.lines[1]) == []
    assert charts.draw("Loss", [1], {"a": [math.inf]}) is None


def test_one_value_and_a_constant_can_be_drawn():
    for values in ([0.5], [0.5, 0.5], [0.0], [1e9, 1e9]):
        chart = charts.draw("Loss", range(1, len(values) + 1), {"a": values})
        assert all(map(math.isfinite, points(chart.lines[0])[0])) and chart.y_ticks


def test_ticks_are_round_and_epochs_are_whole():
    chart = charts.draw("Loss", [1, 2], {"a": [0.013, 0.98]})
    assert [text for _, text in chart.y_ticks] == ["0.5"] or len(chart.y_ticks) >= 3
    assert [text for _, text in chart.x_ticks] == ["1", "2"]


def test_long_lines_are_thinned():
    chart = charts.draw("Loss", range(5000), {"a": [float(n) for n in range(5000)]})
    assert len(points(chart.lines[0])) == 400 and chart.is_thinned
    assert chart.lines[0].markers == []


def test_a_band_goes_there_and_back():
    chart = charts.draw("D", [1, 2], {"a": [2.0, 3.0]}, band=([1.0, 2.0], [3.0, 4.0]))
    assert len(chart.band.split()) == 4
