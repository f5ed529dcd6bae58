"""Memory that all reading threads share, reserved by what the files' headers say."""

import struct
import threading
import time

import numpy as np
import pytest
from PIL import Image

from foldergan.data import budget, decoding, headers

SIZE = (60, 37)  # width, height


def saved(path, mode="RGB", **options):
    Image.new(mode, SIZE).save(path, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {}),
        ("a.jpg", "L", {"progressive": True}),
        ("a.png", "RGBA", {}),
        ("a.png", "1", {}),
        ("a.png", "I;16", {}),
        ("a.gif", "P", {}),
        ("a.bmp", "RGB", {}),
        ("a.webp", "RGB", {}),
        ("a.webp", "RGB", {"lossless": True}),
        ("a.webp", "RGBA", {}),
        ("a.webp", "RGB", {"exif": b"Exif\0\0"}),
        ("a.tif", "RGB", {}),
        ("a.tif", "L", {"compression": "tiff_lzw"}),
        ("a.ppm", "RGB", {}),
        ("a.pgm", "L", {}),
    ],
)
def test_the_header_says_the_size(tmp_path, name, mode, options):
    content = saved(tmp_path / name, mode, **options)
    found = headers.read_header(content)
    assert (found.width, found.height) == SIZE
    assert found.is_progressive == options.get("progressive", False)
    for kept in range(min(len(content), 80)):  # never a wrong one, never an error
        assert headers.read_header(content[:kept]) in (None, found)


def test_bits_and_byte_order(tmp_path):
    assert headers.read_header(saved(tmp_path / "a.png", "I;16")).has_16_bits
    assert not headers.read_header(saved(tmp_path / "b.png")).has_16_bits
    entries = struct.pack(">HHIHHHHII", 256, 3, 1, 60, 0, 257, 4, 1, 37)
    motorola = b"MM\0*" + struct.pack(">IH", 8, 2) + entries
    assert headers.read_header(motorola)[:2] == (37, 60)
    downwards = struct.pack("<ii", 60, -37)
    assert headers.read_header(b"BM" + bytes(16) + downwards)[:2] == (37, 60)
    assert headers.read_header(b"P5 # any 1 2\n60\n37\n255\n")[:2] == (37, 60)


@pytest.mark.parametrize("content", [b"", b"text", b"\0\0\0\x20ftypavif", bytes(999)])
def test_of_what_is_unknown_nothing_is_said(content):
    assert headers.read_header(content) is None


def most_at_once(total, wanted) -> int:
    """Lets threads hold what they want for a moment; counts the bytes held."""
    shared, lock = budget.MemoryBudget(total), threading.Lock()
    held, most = [], []

    def hold(size):
        with shared.reserve(size):
            with lock:
                held.append(size)
                most.append(sum(held))
            time.sleep(0.002)
            with lock:
                held.remove(size)

    threads = [threading.Thread(target=hold, args=(size,)) for size in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(most)


def test_threads_hold_no_more_than_there_is():
    rng = np.random.default_rng(0)
    most = most_at_once(100, rng.integers(1, 60, 64).tolist())
    assert 60 < most <= 100


def test_who_wants_more_than_there_is_gets_all_and_is_alone():
    assert most_at_once(100, [500] * 4) == 500  # one at a time


def test_bytes_come_back_after_a_failure():
    shared = budget.MemoryBudget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), shared.reserve(10):
            raise ZeroDivisionError


def test_reading_threads_hold_no_more_than_the_budget(tmp_path, monkeypatch):
    """Eight threads, images of 14 bytes a pixel, room for two and a half of them."""
    one = 14 * SIZE[0] * SIZE[1] + 2**10
    held, most, lock = [], [], threading.Lock()
    decode = decoding._decode

    def counted(content, factor):
        with lock:
            held.append(content)
            most.append(len(held))
        time.sleep(0.002)
        pixels = decode(content, factor)
        with lock:
            held.remove(content)
        return pixels

    monkeypatch.setattr(decoding, "_decode", counted)
    monkeypatch.setattr(decoding, "_SMALL_FILE", 0)
    monkeypatch.setattr(decoding, "_BLOCK_BYTES", 1)
    monkeypatch.setattr(decoding, "usable_cores", lambda: 8)
    paths = []
    for number in range(32):
        paths.append(tmp_path / f"{number}.png")
        pixels = np.full((SIZE[1], SIZE[0]), number, np.uint16)
        Image.fromarray(pixels).save(paths[-1])
    for total, expected in ((2.5 * one, 2), (100 * one, 8), (1, 1)):
        most.clear()
        monkeypatch.setattr(decoding, "_BUDGET", budget.MemoryBudget(int(total)))
        read = [block.images for block in decoding.read_on_all_cores(paths, (4, 4, 1))]
        assert len(read) == 32
        assert max(most) == expected if expected < 8 else max(most) > 2


@pytest.mark.parametrize("size", [(8100, 8100), (100, 50)])
def test_a_large_image_takes_all_of_the_budget_and_no_small_one_does(size):
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIB", 13, b"IHDR", *size, 16)
    needed = decoding._decoded_bytes(headers.read_header(png), 1)
    assert needed == 14 * size[0] * size[1]
    assert (2 * needed > decoding._BUDGET._total) == (size[0] == 8100)


def needed_for(path, target) -> int:
    header = headers.read_header(path.read_bytes())
    factor = decoding._shrink_factor(header, path.stat().st_size, target)
    return decoding._decoded_bytes(header, factor)


def test_a_jpeg_that_is_shrunk_takes_less(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (1600, 1536)).save(path)
    whole, shrunk = (needed_for(path, target) for target in (1000, 32))
    assert whole == 6 * 1600 * 1536 and shrunk == whole // 64
    Image.new("RGB", (1600, 1536)).save(path, progressive=True)
    assert needed_for(path, 32) == whole + shrunk
