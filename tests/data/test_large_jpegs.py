"""JPEGs that are far larger than their target come shrunk from the decoder."""

import numpy as np
import pytest
from decoded import read_image
from PIL import Image, ImageOps

from foldergan.data import decoding
from foldergan.errors import ImageError
from foldergan.images import cv2

FULL = decoding._AS_COLOUR


def photograph(height: int, width: int, mode: str = "RGB") -> Image.Image:
    """Blobs of all sizes and hard edges, with a spectrum like a photograph's."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((height, width, 3))
    for cells in (4, 8, 16, 32, 64, 128, 256, 512):
        noise = rng.normal(size=(cells, cells, 3)) / cells**0.6
        pixels += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    pixels = 128 + 60 * pixels / pixels.std()
    pixels[height // 3 : height // 2, width // 4 : width // 2] = 20, 200, 90
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).convert(mode)


def saved(path, image, **options):
    image.save(path, quality=90, **options)
    return path


def read_fully(path, shape, monkeypatch) -> np.ndarray:
    """Reads it as small files are read: every pixel decoded, areas averaged."""
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "_WORTH_SHRINKING", 2**40)
        return read_image(path, shape)


def mode_of(path, target: int) -> int:
    factor, _ = decoding._shrink_factor(path.read_bytes(), target)
    return decoding._SHRUNK.get(factor, FULL)


@pytest.mark.parametrize(
    ("size", "target", "mode"),
    [
        ((1536, 1600), 32, cv2.IMREAD_REDUCED_COLOR_8),
        ((1535, 1600), 32, cv2.IMREAD_REDUCED_COLOR_4),
        ((1600, 384), 32, cv2.IMREAD_REDUCED_COLOR_4),
        ((1600, 383), 32, cv2.IMREAD_REDUCED_COLOR_2),
        ((384, 400), 128, cv2.IMREAD_REDUCED_COLOR_2),
        ((383, 400), 128, FULL),
        ((60, 400), 32, FULL),
    ],
)
def test_the_smaller_side_decides_how_far(tmp_path, size, target, mode):
    path = saved(tmp_path / "a.jpg", Image.new("RGB", size[::-1]))
    path.write_bytes(path.read_bytes() + bytes(decoding._WORTH_SHRINKING))
    assert mode_of(path, target) == mode


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((400, 400), (128, 128, 3)),
        ((533, 400), (128, 128, 3)),
        ((400, 711), (64, 96, 3)),
        ((400, 533), (32, 32, 3)),
        ((1536, 1600), (32, 32, 3)),
        ((1600, 2000), (32, 32, 1)),
    ],
)
def test_it_is_as_good_as_all_pixels_averaged(tmp_path, monkeypatch, size, shape):
    path = saved(tmp_path / "a.jpg", photograph(*size))
    assert mode_of(path, max(shape[:2])) != FULL
    full = read_fully(path, shape, monkeypatch)
    # What most loops do, every pixel decoded and four of them looked at, is worse.
    linear = cv2.resize(cv2.imread(str(path)), shape[1::-1])[..., ::-1] / 255
    if shape[2] == 1:
        linear = linear @ np.array([[0.299], [0.587], [0.114]])
    error = np.sqrt(np.mean((read_image(path, shape) - full) ** 2))
    assert error < 3 / 255
    assert error < np.sqrt(np.mean((linear - full) ** 2))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_kind_of_jpeg_is_shrunk_alike(tmp_path, monkeypatch, mode, options):
    path = saved(tmp_path / "a.jpg", photograph(400, 420, mode), **options)
    assert mode_of(path, 64) != FULL
    shape = (64, 64, 3)
    full = read_fully(path, shape, monkeypatch)
    assert np.abs(read_image(path, shape) - full).mean() < 0.01


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("shrunk", [True, False])
def test_a_large_image_stands_upright_and_so_is_its_size(tmp_path, orientation, shrunk):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.jpg", photograph(400, 600), exif=exif)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored)
    shape = (upright.height // 5, upright.width // 5) if shrunk else (400, 400)
    assert (mode_of(path, max(shape)) != FULL) == shrunk
    found = decoding.read_image(path, (*shape, 3))
    assert found.size == (upright.height, upright.width)
    expected = np.asarray(upright.resize(shape[::-1], Image.BOX)) / 255
    assert np.abs(decoding.to_fractions(found.pixels) - expected).mean() < 0.02


@pytest.mark.parametrize("kept", [2, 3, 4, 20, 160])
def test_without_its_size_it_is_left_to_the_decoder(tmp_path, kept):
    content = saved(tmp_path / "a.jpg", photograph(300, 500)).read_bytes()
    long_enough = content[:kept] + bytes(decoding._WORTH_SHRINKING)
    assert decoding._shrink_factor(long_enough, 32)[0] == 1


def test_the_limit_of_pixels_holds_for_the_whole_image(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.new("L", (8200, 8200)))
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(path, (32, 32, 3))
