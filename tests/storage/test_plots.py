"""Images of what happened, read back with another library."""

import math
import re
import tracemalloc
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from foldergan.storage import plots

WHITE = (255, 255, 255)
SVG = "{http://www.w3.org/2000/svg}"


def solid(*colours, size=(4, 4)) -> np.ndarray:
    """One image of each colour."""
    channels = len(colours[0])
    colours = np.array(colours, np.float32) / 255
    return np.broadcast_to(
        colours[:, None, None], (len(colours), *size, channels)
    ).copy()


def read(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def colours_of(page: np.ndarray) -> set:
    return set(map(tuple, page.reshape(-1, 3).tolist()))


COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (10, 20, 30), (200, 100, 50)]


@pytest.mark.parametrize(
    ("size", "zoom"), [((32, 32), 3), ((50, 20), 2), ((100, 8), 1)]
)
def test_grid_goes_row_by_row_in_whole_blocks_with_white_between(tmp_path, size, zoom):
    images = np.random.default_rng(0).integers(0, 256, (5, *size, 3))
    plots.save_image_grid(tmp_path / "a.png", images / 255, columns=2)
    page = read(tmp_path / "a.png")
    height, width = size[0] + 2, size[1] + 2  # with a gutter of 2
    assert page.shape == ((3 * height - 2) * zoom, (2 * width - 2) * zoom, 3)

    expected = np.full((3 * height, 2 * width, 3), 255)  # the sixth place stays white
    for number, image in enumerate(images):
        top, left = number // 2 * height, number % 2 * width
        expected[top : top + size[0], left : left + size[1]] = image
    expected = expected[:-2, :-2].repeat(zoom, 0).repeat(zoom, 1)
    np.testing.assert_array_equal(page, expected)


def test_grey_grid_has_equal_channels_of_the_given_values(tmp_path):
    plots.save_image_grid(tmp_path / "a.png", solid([100], [200]), columns=2)
    expected = {(100,) * 3, (200,) * 3, WHITE}
    assert colours_of(read(tmp_path / "a.png")) == expected


def test_grid_may_be_a_jpeg(tmp_path):
    plots.save_image_grid(tmp_path / "a.jpg", solid((255, 0, 0)), columns=1)
    with Image.open(tmp_path / "a.jpg") as picture:
        assert picture.format == "JPEG"
    np.testing.assert_allclose(read(tmp_path / "a.jpg")[50, 50], (255, 0, 0), atol=3)


@pytest.mark.parametrize("size", [(32, 32), (50, 20)])
def test_each_image_stands_above_its_nearest_and_apart_from_the_next(tmp_path, size):
    images = solid(*COLOURS[:3], size=size)
    nearest = solid(*COLOURS[2:], size=size)
    plots.save_with_nearest(tmp_path / "a.png", images, nearest, columns=2)
    page = read(tmp_path / "a.png")
    zoom = round(100 / size[0])
    page = page[zoom // 2 :: zoom, zoom // 2 :: zoom]  # a pixel of each block
    middles = page[:, [size[1] // 2, size[1] + 2 + size[1] // 2]]
    # From above: image, 2 white, nearest, at least 4 white, image of the next row ...
    left = [tuple(pixel) for pixel in middles[:, 0]]
    assert left[: size[0]] == [COLOURS[0]] * size[0]
    assert left[size[0] : size[0] + 2] == [WHITE] * 2
    assert left[size[0] + 2 : 2 * size[0] + 2] == [COLOURS[2]] * size[0]
    start = left.index(COLOURS[2]) + size[0]
    assert left[start : start + 6] == [WHITE] * 6
    assert left[start + 6] == COLOURS[2] and left[-size[0] - 1] != left[-1]
    right = {tuple(pixel) for pixel in middles[:, 1]}
    assert right == {COLOURS[1], COLOURS[3], WHITE}


def rows_for(images: np.ndarray) -> list[dict]:
    return [{"predicted": "a", "probability": 0.5}] * len(images)


@pytest.mark.parametrize("colours", [COLOURS, [[100], [200]]])
def test_predictions_show_every_image_in_its_colours(tmp_path, colours):
    images = solid(*colours)
    plots.save_predictions(tmp_path / "a.png", images, rows_for(images))
    page = read(tmp_path / "a.png")
    for colour in colours:
        assert (page == colour).all(2).sum() > 5000  # more than letters have


@pytest.mark.parametrize("size", [(4, 16), (16, 4), (8, 8)])
def test_predictions_keep_the_proportions_of_their_images(tmp_path, size):
    images = solid((255, 0, 0), size=size)
    plots.save_predictions(tmp_path / "a.png", images, rows_for(images))
    is_red = (read(tmp_path / "a.png") == (255, 0, 0)).all(2)
    height, width = is_red.any(1).sum(), is_red.any(0).sum()
    assert width / height == pytest.approx(size[1] / size[0], rel=0.05)


def test_a_grid_takes_little_memory_beside_its_pixels(tmp_path):
    images = np.zeros((700, 32, 32, 3), np.float32)  # of a hundred classes
    tracemalloc.start()
    plots.save_image_grid(tmp_path / "a.png", images, 7)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * read(tmp_path / "a.png").nbytes


def test_class_names_are_text_and_no_formulas(tmp_path):
    names = ["$_$", "a$\\frac$b", "plain_name"]
    rows = [{"predicted": name, "probability": 0.5} for name in names]
    plots.save_predictions(tmp_path / "a.png", solid(*COLOURS[:3]), rows)
    plots.save_confusion_matrix(tmp_path / "b.png", np.eye(3, dtype=int), names)


def test_curves_are_not_blank(tmp_path):
    history = [{"epoch": n, "loss": 1 / n, "accuracy": 0.5} for n in (1, 2, 3)]
    plots.save_charts(tmp_path / "a.png", plots.curves(history))
    assert len(colours_of(read(tmp_path / "a.png"))) > 10


def test_quality_shows_interval_and_floor_and_takes_rows_without(tmp_path):
    row = {"extractor": "pixels", "real": 9, "fake": 9, "frechet_distance": 2.0}
    earlier = [row | {"epoch": n, "kernel_distance": 1 / n} for n in (1, 2)]
    ends = {"kernel_distance_low": 0.1, "kernel_distance_high": 2}
    floor = {"kernel_distance_floor": 0.05}
    plots.save_quality(tmp_path / "a.png", earlier)
    plots.save_quality(tmp_path / "b.png", [each | ends for each in earlier])
    plots.save_quality(tmp_path / "c.png", [each | ends | floor for each in earlier])
    plots.save_quality(tmp_path / "d.png", [*earlier, row | earlier[1] | ends | floor])
    pages = [(tmp_path / f"{name}.png").read_bytes() for name in "abcd"]
    assert len(set(pages[:3])) == 3


def test_matrix_is_darkest_where_the_count_is_highest(tmp_path):
    plots.save_confusion_matrix(
        tmp_path / "a.png", np.array([[0, 9], [1, 0]]), ["a", "b"]
    )
    page = read(tmp_path / "a.png").astype(int)
    dark = np.argwhere((page[..., 2] > page[..., 0] + 60) & (page.sum(2) < 350))
    height, width, _ = page.shape
    assert (dark[:, 0] < height / 2).all() and (dark[:, 1] > width / 2).all()
    assert len(dark) > 100


def test_without_a_screen_nothing_is_shown_and_the_caller_is_told(tmp_path):
    assert pyplot.get_backend().lower() == "agg"
    assert plots.show(tmp_path / "a.png") is False


def test_no_figure_stays_open(tmp_path):
    plots.save_predictions(tmp_path / "a.png", solid((255, 0, 0)), rows_for([0]))
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_a_grid_says_which_training_drew_it_and_its_pixels_are_as_without(
    tmp_path, name
):
    images = solid(*COLOURS)
    plots.save_image_grid(tmp_path / name, images, 2, "b3f1")
    assert plots.training_of(tmp_path / name) == "b3f1"
    marked = read(tmp_path / name)
    plots.save_image_grid(tmp_path / name, images, 2)
    assert plots.training_of(tmp_path / name) is None
    np.testing.assert_array_equal(read(tmp_path / name), marked)
    Image.new("RGB", (8, 8)).save(tmp_path / "other.jpg", comment="by a camera")
    assert plots.training_of(tmp_path / "other.jpg") is None


def svg_of(chart: plots.Chart) -> ElementTree.Element:
    return ElementTree.fromstring(plots.as_svg(chart))


def texts_of(svg: ElementTree.Element) -> list[str]:
    return ["".join(each.itertext()).strip() for each in svg.iter(f"{SVG}text")]


def test_a_chart_names_its_lines_with_their_last_values():
    chart = plots.Chart("Loss", [1, 2, 3], {"a": [3.0, 1.0, 0.5], "b": [math.nan] * 3})
    assert chart.summary == "Loss, epoch 1 to 3. Last values: a 0.5; b"
    assert {"a 0.5", "b", "epoch", "1", "2", "3"} <= set(texts_of(svg_of(chart)))


def test_a_chart_has_an_interval_a_bound_and_a_mark():
    lines = {"a": [2.0, 3.0], "floor": [1.0, 1.0]}
    band = [1.5, 2.5], [2.5, 3.5]
    svg = svg_of(plots.Chart("KID", [1, 2], lines, band, "floor", 2))
    texts = set(texts_of(svg))
    assert {"a 3", "floor 1", "95 % interval", "best: epoch 2"} <= texts
    dashes = [p for p in svg.iter(f"{SVG}path") if "dasharray" in p.get("style", "")]
    assert len(dashes) == 2  # the line and its key


@pytest.mark.parametrize(
    ("values", "is_curve"), [([1.0], False), ([math.nan, 1], False), ([1, 1], True)]
)
def test_a_curve_has_two_points_and_anything_can_be_drawn(values, is_curve):
    chart = plots.Chart("Loss", range(1, len(values) + 1), {"a": values})
    assert chart.is_curve == is_curve
    assert "a 1" in texts_of(svg_of(chart))


def test_a_long_chart_is_small_and_keeps_its_ends():
    lines = {"a": [float(n % 7) for n in range(5000)]}
    text = plots.as_svg(plots.Chart("Loss", range(1, 5001), lines))
    assert len(text) < 40_000


def test_a_chart_follows_the_readers_colours_and_refers_to_nothing():
    text = plots.as_svg(plots.Chart("Loss", [1, 2], {"a": [1.0, 2.0]}))
    assert "prefers-color-scheme:dark" in text
    without_names = re.sub(r'xmlns(:\w+)?="[^"]*"|<!DOCTYPE[^>]*>', "", text)
    assert "http" not in without_names
    drawn = without_names.split("</style>", 1)[1]
    assert "var(--3)" in drawn and "#0b57d0" not in drawn


def test_charts_of_a_pre_training_end_with_it():
    history = [{"epoch": 1, "reconstruction_loss": 2.0}]
    (chart,) = plots.curves(history)
    assert list(chart.lines) == ["reconstruction loss"]
    history += [{"epoch": n, "d_loss": 0.4, "real_accuracy": 0.5} for n in (2, 3)]
    loss, accuracy = plots.curves(history)
    assert list(loss.lines) == ["discriminator"] and math.isnan(
        loss.lines["discriminator"][0]
    )
    assert accuracy.title == "Discriminator accuracy"


def test_reliability_is_drawn_of_bins_that_have_images():
    empty = {"pictures": 0, "confidence": None, "accuracy": None}
    ends = {"accuracy_low": 0.5, "accuracy_high": 0.9}
    full = {"pictures": 9, "confidence": 0.85, "accuracy": 0.75} | ends
    chart = plots.reliability([empty, full, full | {"confidence": 0.95}])
    assert chart.lines["accuracy"] == [0.75] * 2
    assert {"accuracy", "calibrated"} <= set(texts_of(svg_of(chart)))  # no last value
    said = "Calibration, confidence 0.85 to 0.95. Lines: accuracy; calibrated"
    assert chart.summary == said
