"""Images that differ by encoding, size or retouching alone are found, and no others."""

import json

import numpy as np
import pytest
from conftest import ROOT

from foldergan.data import groups, near_duplicates
from foldergan.images import cv2, resize
from foldergan.storage import filenames

COUNT = 60


def scenes(count=COUNT, side=48, seed=0):
    """Images of different things, uint8 (count, side, side, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (count, 9, 9, 3), np.uint8)
    return np.stack([cv2.resize(image, (side, side)) for image in coarse])


SCENES = scenes()


def encoded(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [1, 50])[1], cv2.IMREAD_COLOR)


def noisy(image):
    noise = np.random.default_rng(1).normal(0, 10, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


CHANGES = {
    "itself": lambda image: image,
    "encoded": encoded,
    "smaller": lambda image: resize(resize(image, (24, 24)), image.shape[:2]),
    "brighter": lambda image: np.clip(image * 1.1 + 8, 0, 255).astype(np.uint8),
    "less contrast": lambda image: (image * 0.6 + 40).astype(np.uint8),
    "noise": noisy,
    "a caption": lambda image: cv2.putText(
        image.copy(), "a", (2, 46), cv2.FONT_HERSHEY_PLAIN, 0.7, (255, 255, 255)
    ),
}


def found(*pixels):
    return near_duplicates.find(np.concatenate(pixels).astype(np.float32) / 255)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_changed_image_is_found_and_no_other(change):
    changed = np.stack([change(image) for image in SCENES[:10]])
    assert found(SCENES, changed) == [[row, COUNT + row] for row in range(10)]


@pytest.mark.parametrize("side", [8, 32, 96])
@pytest.mark.parametrize("channels", [1, 3])
def test_of_any_size_and_of_grey_images(side, channels):
    pixels = scenes(side=side)[..., :channels]
    assert found(pixels) == []
    assert found(pixels, pixels[7:8]) == [[7, COUNT]]


@pytest.mark.parametrize("trace", [0, 1])  # of rounding
def test_flat_images_are_no_duplicates_of_each_other(trace):
    shades = np.arange(0, 250, 5, np.uint8)
    flat = np.tile(shades[:, None, None, None], (1, 48, 48, 3))
    flat[:, :12] += np.uint8(trace)
    assert found(SCENES, flat) == []
    assert near_duplicates.find(np.zeros((4, 8, 8, 3), np.float32)) == []


def test_images_of_one_gradient_are_no_duplicates():
    """As of the sky: much of what they show is that it is brighter above."""
    sky = np.linspace(80, 220, 48)[:, None, None] * np.ones((COUNT, 48, 48, 3))
    pixels = sky.astype(np.uint8)
    pixels[:, 14:34, 14:34] = scenes(side=20)
    assert found(pixels) == []


def test_one_shape_in_other_colours_is_no_duplicate():
    shapes = np.tile(SCENES.mean(-1, keepdims=True) / 2, 3).astype(np.uint8)
    red, blue = shapes + np.uint8([90, 0, 0]), shapes + np.uint8([0, 0, 90])
    assert found(red, blue) == []
    assert found(red, red[:1] // 2) == [[0, COUNT]]


def test_many_copies_are_one_group():
    copies = np.stack([noisy(SCENES[3])] * 40)
    assert found(SCENES, copies) == [[3, *range(COUNT, COUNT + 40)]]


def test_none_or_one_image_has_no_duplicate():
    assert found(SCENES[:0]) == [] == found(SCENES[:1])
    assert found(SCENES[:1], SCENES[:1]) == [[0, 1]]


def test_clusters_of_many_images_find_the_same(monkeypatch):
    monkeypatch.setattr(near_duplicates, "_AT_ONCE", 40)
    monkeypatch.setattr(near_duplicates, "_VALUES_READ", 7 * 48 * 48 * 3)
    changed = np.stack([encoded(image) for image in SCENES[:10]])
    assert found(SCENES, changed) == [[row, COUNT + row] for row in range(10)]


def test_few_of_the_drawn_images_of_this_repository_are_taken_for_duplicates():
    paths = sorted((ROOT / "dataset").glob("*/*"))
    groups = found(np.stack([cv2.imread(str(path)) for path in paths]))
    assert len(paths) == 500 and sum(map(len, groups)) < 20


# What is kept beside the arrays.


def test_they_are_looked_for_once(tmp_path, monkeypatch):
    images = np.concatenate([SCENES, SCENES[2:3]]).astype(np.float32) / 255
    known = groups.find_near(tmp_path, "these", images)
    assert known == [[2, COUNT]]
    monkeypatch.setattr(near_duplicates, "find", lambda images: [[0, 1]])
    assert groups.find_near(tmp_path, "these", images) == known
    assert groups.find_near(tmp_path, "others", images) == [[0, 1]]
    assert groups.find_near(tmp_path, "others", images) == [[0, 1]]


@pytest.mark.parametrize(
    "content",
    ["", "[", "[]", "3", "{}", {"method": 0}, {"of": "others"}]
    + [{"groups": each} for each in (3, [3], [["a"]], [[0, COUNT]], [[-1, 0]])],
)
def test_an_odd_record_is_made_anew(tmp_path, content):
    images = SCENES.astype(np.float32) / 255
    path = tmp_path / filenames.NEAR_DUPLICATES
    groups.find_near(tmp_path, "these", images)
    whole = path.read_text()
    if isinstance(content, dict):
        content = json.dumps(json.loads(whole) | content)
    path.write_text(content)
    assert groups.find_near(tmp_path, "these", images) == []
    assert path.read_text() == whole


def test_a_folder_that_may_not_be_written_is_no_matter(tmp_path):
    images = SCENES.astype(np.float32) / 255
    assert groups.find_near(tmp_path / "gone", "these", images) == []
