"""Images small enough for a page."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from foldergan.report import thumbnails
from foldergan.storage import plots


def decoded(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((32, 32, 3), (32, 32)), ((128, 256, 3), (32, 64)), ((16, 16, 1), (16, 16))],
)
def test_a_thumbnail_is_at_most_64_pixels(shape, expected):
    image = np.full(shape, 0.5, np.float32)
    assert decoded(thumbnails.encode(image)).shape == (*expected, 3)


def test_red_stays_red():
    image = np.zeros((16, 16, 3), np.float32)
    image[..., 0] = 1
    red, green, blue = decoded(thumbnails.encode(image)).reshape(-1, 3).mean(0)
    assert red > 240 and green < 15 and blue < 15


def test_thinned_evenly_with_both_ends():
    assert thumbnails.thin(range(101), 5) == [0, 25, 50, 75, 100]
    assert thumbnails.thin("abc", 5) == ["a", "b", "c"]
    assert thumbnails.thin(range(9), 0) == []


def test_as_many_as_fit_are_kept():
    images = [{"number": n, "image": "x" * (n + 1)} for n in range(100)]
    kept = thumbnails.fit(images, 1000)
    assert 500 < sum(len(each["image"]) for each in kept) <= 1000
    numbers = [each["number"] for each in kept]
    assert numbers[0] == 0 and numbers[-1] == 99 and numbers == sorted(numbers)
    assert thumbnails.fit(images, 0) == []


def test_a_grid_is_downsampled_and_cut_where_it_is_very_high(tmp_path):
    path = tmp_path / "grid.png"
    plots.save_image(path, np.zeros((1000, 400, 3), np.float32))
    grid = thumbnails.of_grid(path, 200)
    assert (grid["width"], grid["height"], grid["is_whole"]) == (200, 400, False)
    assert decoded(grid["image"]).shape == (400, 200, 3)
    plots.save_image(path, np.ones((50, 60, 3), np.float32))
    grid = thumbnails.of_grid(path, 200)
    assert (grid["width"], grid["height"], grid["is_whole"]) == (60, 50, True)


def test_a_grid_too_large_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    plots.save_image(path, np.zeros((100, 100, 3), np.float32))
    monkeypatch.setattr(thumbnails, "_MOST_PIXELS", 9_999)
    monkeypatch.setattr(Image.Image, "load", None)
    assert thumbnails.of_grid(path, 200) is None
