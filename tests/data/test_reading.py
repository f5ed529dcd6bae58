"""Image files -> arrays, in spite of those that crash their decoder."""

import subprocess
import sys

import crashing
import numpy as np
import pytest
from decoded import read_image
from PIL import Image

from foldergan.data import reading

SHAPE = (2, 2, 1)
CODE = """
import sys
from foldergan.data import reading
for images, problems, _ in reading.read_images(sys.argv[1:], (2, 2, 1)):
    shades = iter((images[:, 0, 0, 0] * 255).round().astype(int))
    for problem in problems:
        print(problem or next(shades))
"""


@pytest.fixture
def files(tmp_path):
    """Sixty images, each of a shade of its own."""
    paths = [tmp_path / f"{number:02}.png" for number in range(60)]
    for number, path in enumerate(paths):
        Image.new("L", (2, 2), number).save(path)
    return paths


@pytest.mark.parametrize("at_once", [10_000, 7])
def test_images_come_in_order_and_what_is_none_is_named(files, monkeypatch, at_once):
    monkeypatch.setattr(reading, "_AT_ONCE", at_once)
    files[7].write_bytes(b"")
    images, problems = [], []
    for some, of_them, _ in reading.read_images(files, SHAPE):
        assert some.dtype == np.float32
        images.extend(some)
        problems.extend(map(str, of_them))
    good = [path for path in files if path != files[7]]
    expected = [read_image(path, SHAPE) for path in good]
    np.testing.assert_array_equal(images, expected)
    assert problems == ["None"] * 7 + ["is empty"] + ["None"] * 52


@pytest.mark.parametrize("crashing_ones", [(0,), (59,), (3, 4), (5, 20, 58)])
def test_files_that_crash_their_decoder_are_skipped_by_name(
    files, tmp_path, crashing_ones
):
    for number in crashing_ones:
        files[number].write_bytes(files[number].read_bytes() + b"CRASH")
    lines = subprocess.run(
        [sys.executable, "-c", CODE, *files],
        env=crashing.environment(tmp_path / "shim"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    crash = "crashes the library that reads it, SIGSEGV"
    assert lines == [crash if n in crashing_ones else str(n) for n in range(60)]


def damaged_jpeg(path):
    """Half of a photograph, and the mark of its end."""
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[:-1500] + b"\xff\xd9")
    return path


@pytest.mark.parametrize("side", [2, 96])  # in one thread, in several
def test_what_libraries_print_of_an_image_gets_its_name(files, tmp_path, side, capfd):
    for path in files:
        pixels = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
        Image.fromarray(pixels).save(path)
    bad = damaged_jpeg(tmp_path / "30b.jpg")
    paths = [*files[:30], bad, *files[30:]]
    blocks = list(reading.read_images(paths, SHAPE))
    assert all(problem is None for block in blocks for problem in block.problems)
    noisy = [path for block in blocks for path in block.noisy]
    assert bad in noisy
    said = reading.complaints(noisy, SHAPE)
    assert said == [f"{bad} Corrupt JPEG data: premature end of data segment"]
    assert capfd.readouterr().err == ""


def test_of_sound_images_nothing_is_said(files):
    blocks = list(reading.read_images(files, SHAPE))
    assert [path for block in blocks for path in block.noisy] == []
    assert reading.complaints([], SHAPE) == []
