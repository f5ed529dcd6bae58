"""Image files -> arrays, in spite of those that crash their decoder."""

import contextlib
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor

import crashing
import numpy as np
import pytest
from decoded import read_image
from PIL import Image

from foldergan.child import CrashError
from foldergan.data import reading

SHAPE = (2, 2, 1)
CODE = """
import sys
from foldergan.data import reading
for block in reading.read_images(sys.argv[1:], (2, 2, 1)):
    shades = iter((block.images[:, 0, 0, 0] * 255).round().astype(int))
    for problem in block.problems:
        print(problem or next(shades))
"""


@pytest.fixture
def files(tmp_path):
    """Sixty images, each of a shade of its own."""
    paths = [tmp_path / f"{number:02}.png" for number in range(60)]
    for number, path in enumerate(paths):
        Image.new("L", (2, 2), number).save(path)
    return paths


def read_all(paths, shape=SHAPE):
    """Images, problems and complaints of all blocks together."""
    blocks = list(reading.read_images(paths, shape))
    problems = [problem for block in blocks for problem in block.problems]
    complaints = [line for block in blocks for line in block.complaints]
    return np.concatenate([block.images for block in blocks]), problems, complaints


@pytest.mark.parametrize("block_bytes", [2**17, 7 * 4])
def test_images_come_in_order_and_what_is_none_is_named(
    files, monkeypatch, block_bytes
):
    monkeypatch.setattr(reading, "_BLOCK_BYTES", block_bytes)
    files[7].write_bytes(b"")
    images, problems, complaints = read_all(files)
    assert images.dtype == np.float32
    good = [path for path in files if path != files[7]]
    expected = [read_image(path, SHAPE) for path in good]
    np.testing.assert_array_equal(images, expected)
    assert problems == [None] * 7 + ["is empty"] + [None] * 52
    assert complaints == []
    found = reading.read_all(files, SHAPE, "stretch", len)
    assert found.numbers == [n for n in range(60) if n != 7]
    assert found.skipped == [f"{files[7]} is empty"] and len(found.facts) == 59


def test_images_that_are_the_same_are_found_in_groups_and_in_order(files):
    numbers = [5, 3, 5, 1, 3, 5, 9]
    same = reading.read_all([files[n] for n in numbers], SHAPE, "stretch", len).same
    assert same == [[0, 2, 5], [1, 4]]
    assert reading.read_all([], SHAPE, "stretch", len).same == []


def test_where_no_file_is_an_image_the_array_is_empty(tmp_path):
    images, problems, _ = read_all([tmp_path / "gone.png"])
    assert images.shape == (0, *SHAPE)
    assert problems == ["No such file or directory"]


def test_images_of_8_and_16_bits_keep_their_fractions_together(tmp_path):
    shades = np.arange(256, dtype=np.uint8).reshape(16, 16)
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257 + 1
    deep[-1, -1] = 65535
    paths = [tmp_path / "8.png", tmp_path / "16.png"]
    for path, pixels in zip(paths, (shades, deep), strict=True):
        Image.fromarray(pixels).save(path)
    images, *_ = read_all(paths, (16, 16, 1))
    np.testing.assert_array_equal(images[0, ..., 0], np.float32(shades / 255))
    np.testing.assert_array_equal(images[1, ..., 0], np.float32(deep / 65535))


@pytest.mark.parametrize(("gigabytes", "cores", "workers"), [(64, 2, 2), (3, 8, 3)])
def test_each_worker_has_memory_for_the_largest_image(
    files, monkeypatch, gigabytes, cores, workers
):
    asked = []

    def pool(workers, prepare):
        asked.append(workers)
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr(reading.child, "pool", pool)
    monkeypatch.setattr(reading, "_complaint", str)
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(reading, "memory", lambda: gigabytes * 10**9)
    monkeypatch.setattr(reading, "usable_cores", lambda: cores)
    assert len(read_all(files)[0]) == 60
    assert asked == [workers]


def test_files_that_crash_their_decoder_are_skipped_by_name(files, tmp_path):
    crashing_ones = 0, 3, 4, 20, 59
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


def test_a_crash_that_comes_before_earlier_results_are_taken_blames_its_own_image(
    files, monkeypatch
):
    """The pool refuses what is submitted once it is broken: an innocent image then."""
    crash = CrashError("crashes")

    class Pool:
        is_broken = False

        def submit(self, function, paths, *others):
            if self.is_broken:
                raise crash
            future = Future()
            if files[20] in paths:
                self.is_broken = True
                future.set_exception(crash)
            else:
                future.set_result(function(paths, *others))
            return future

    pool = contextlib.nullcontext
    monkeypatch.setattr(reading.child, "pool", lambda *_: pool(Pool()))
    monkeypatch.setattr(reading, "_complaint", str)
    monkeypatch.setattr(reading, "_BLOCK_BYTES", 1)
    problems = read_all(files)[1]
    assert [n for n, problem in enumerate(problems) if problem] == [20]
