"""Image files -> arrays: every kind of file, and why a file gives no image."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from decoded import read_image
from PIL import Image, ImageOps

from foldergan import images
from foldergan.data import decoding
from foldergan.errors import ImageError, InputError
from foldergan.images import cv2

COLOUR = (200, 100, 50)


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def one_colour(array: np.ndarray) -> np.ndarray:
    """The colour that all pixels share, 0-255."""
    assert (array == array[0, 0]).all()
    return array[0, 0] * 255


def png(width: int, height: int) -> bytes:
    """A greyscale PNG of any claimed size, without pixels."""

    def chunk(kind, data):
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


# What comes out.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((f"a.{kind}", kind) for kind in ("png", "bmp", "tiff", "webp", "ppm", "gif")),
        ("a.jpg", "png"),  # content decides, not the extension
        ("a b.png", "png"),
        ("\u732b/\u00e9t\u00e9 \u00fc.png", "png"),
        ("x" * 251 + ".png", "png"),
        ("100%{}.png", "png"),
    ],
)
def test_channels_are_red_green_blue_of_any_kind_and_path(tmp_path, name, kind):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    options = {"lossless": True} if kind == "webp" else {}
    image = Image.new("RGB", (4, 4), COLOUR)
    path = saved(tmp_path / name, image, format=kind, **options)
    np.testing.assert_allclose(one_colour(read_image(path, (4, 4, 3))), COLOUR)


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((255, 0, 0), 0.299), ((0, 255, 0), 0.587), ((0, 0, 255), 0.114)],
)
def test_one_channel_is_the_luma_of_rec_601(tmp_path, colour, luma):
    array = read_image(
        saved(tmp_path / "a.png", Image.new("RGB", (4, 4), colour)), (4, 4, 1)
    )
    assert array.shape == (4, 4, 1)
    np.testing.assert_allclose(array, luma, atol=0.5 / 255)


# Kinds of files.


@pytest.mark.parametrize(
    "bgr",
    [
        np.array([[0, 65535], [0x1234, 0x8000]], np.uint16),
        np.full((2, 2, 3), (0x1234, 0x8000, 65535), np.uint16),
    ],
    ids=["grey", "colour"],
)
def test_16_bits_keep_their_scale_and_order(tmp_path, bgr):
    cv2.imwrite(str(tmp_path / "a.png"), bgr)
    array = read_image(tmp_path / "a.png", (2, 2, 3))
    expected = bgr.reshape(2, 2, -1)[..., ::-1] / 65535
    np.testing.assert_allclose(array, expected + np.zeros((2, 2, 3)), rtol=1e-6)


def palette_image() -> Image.Image:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, *COLOUR])
    image.putpixel((1, 0), 1)
    return image


@pytest.mark.parametrize(
    ("kind", "options", "first"),
    [
        *((kind, {}, (10, 20, 30)) for kind in ("png", "gif", "bmp", "tif")),
        *((kind, {"transparency": 0}, (255, 255, 255)) for kind in ("png", "gif")),
    ],
)
def test_palette_colours_are_looked_up(tmp_path, kind, options, first):
    path = saved(tmp_path / f"a.{kind}", palette_image(), **options)
    array = read_image(path, (1, 2, 3))
    np.testing.assert_allclose(array[0] * 255, [first, COLOUR])


@pytest.mark.parametrize(("mode", "value"), [("L", 77), ("1", 1)])
def test_greyscale_fills_three_equal_channels(tmp_path, mode, value):
    path = saved(tmp_path / "a.png", Image.new(mode, (4, 4), value))
    expected = 77 if mode == "L" else 255
    np.testing.assert_allclose(one_colour(read_image(path, (4, 4, 3))), expected)


def on_white(colour, alpha) -> np.ndarray:
    return np.array(colour) * alpha / 255 + 255 - alpha


@pytest.mark.parametrize("alpha", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("kind", ["png", "webp", "tif"])
def test_transparency_is_blended_on_white(tmp_path, kind, alpha):
    options = {"lossless": True, "exact": True} if kind == "webp" else {}
    image = Image.new("RGBA", (4, 4), (*COLOUR, alpha))
    path = saved(tmp_path / f"a.{kind}", image, **options)
    found = one_colour(read_image(path, (4, 4, 3)))
    np.testing.assert_allclose(found, on_white(COLOUR, alpha), atol=1)


def test_grey_with_transparency_is_blended_on_white(tmp_path):
    path = saved(tmp_path / "a.png", Image.new("LA", (4, 4), (100, 128)))
    found = one_colour(read_image(path, (4, 4, 3)))
    np.testing.assert_allclose(found, on_white([100] * 3, 128), atol=0.51)


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_16_bit_transparency_is_blended_on_white(tmp_path, kind):
    cv2.imwrite(
        str(tmp_path / f"a.{kind}"), np.full((2, 2, 4), (0, 0, 65535, 16384), np.uint16)
    )
    array = read_image(tmp_path / f"a.{kind}", (2, 2, 3))
    np.testing.assert_allclose(array[0, 0], (1, 0.75, 0.75), atol=1e-4)


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    path = saved(
        tmp_path / "a.jpg", Image.new("CMYK", (16, 16), (0, 255, 255, 0)), quality=100
    )
    found = one_colour(read_image(path, (4, 4, 3)))
    np.testing.assert_allclose(found, (255, 0, 0), atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("jpg", "RGB")]
    + [(kind, mode) for kind in ("png", "webp", "tif") for mode in ("RGB", "RGBA")],
)
def test_exif_rotation_is_obeyed(tmp_path, kind, mode, orientation):
    if (kind, mode) == ("tif", "RGBA") and orientation > 4:
        pytest.skip("libtiff mirrors such a file by itself, but does not turn it")
    pixels = np.zeros((16, 32, len(mode)), np.uint8)
    pixels[:8, :8] = 255  # a white corner, on a wide image
    pixels[..., 3:] = 255
    pixels[:4, 20:, 3:] = 0  # which is white as well
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True, "exact": True} if kind == "webp" else {}
    options |= {"quality": 100} if kind == "jpg" else {}
    path = saved(tmp_path / f"a.{kind}", image, exif=exif, **options)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGBA")
    page = Image.new("RGBA", upright.size, "white")
    page.alpha_composite(upright)
    expected = np.asarray(page.convert("RGB")) / 255
    array = read_image(path, expected.shape)
    np.testing.assert_allclose(array, expected, atol=2 / 255)


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tif"])
def test_first_frame_of_an_animation_is_taken(tmp_path, kind):
    first, second = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "lime")
    options = {"lossless": True} if kind == "webp" else {}
    path = saved(
        tmp_path / f"a.{kind}", first, save_all=True, append_images=[second], **options
    )
    np.testing.assert_allclose(one_colour(read_image(path, (4, 4, 3))), (255, 0, 0))


# Sizes.


@pytest.mark.parametrize(
    ("image", "size", "expected"),
    [
        (np.arange(16).reshape(4, 4), (2, 2), [[2.5, 4.5], [10.5, 12.5]]),
        ([[0, 1]], (1, 4), [[0, 0.25, 0.75, 1]]),
        # Means of the columns, 1 and 3, then between them.
        ([[0, 1], [2, 5]], (1, 4), [[1, 1.5, 2.5, 3]]),
        ([[0.1, 0.2], [0.4, 0.9]], (2, 2), [[0.1, 0.2], [0.4, 0.9]]),
    ],
    ids=["shrunk: mean of blocks", "enlarged: between centres", "both", "as it is"],
)
def test_resizing_in_closed_form(image, size, expected):
    found = images.resize(np.array(image, np.float32), size)
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_resize_all_refuses_other_channels():
    with pytest.raises(InputError, match="of 1 channels .* images of 3"):
        images.resize_all(np.zeros((2, 4, 4, 1), np.float32), (4, 4, 3))


@pytest.mark.parametrize(
    ("shape", "size", "rows", "columns"),
    [
        ((4, 8), (2, 2), slice(0, 4), slice(2, 6)),
        ((9, 3), (3, 3), slice(3, 6), slice(0, 3)),
        ((8, 8), (2, 4), slice(2, 6), slice(0, 8)),
        ((4, 4), (2, 2), slice(0, 4), slice(0, 4)),
    ],
)
def test_crop_resizes_the_middle(shape, size, rows, columns):
    array = np.random.default_rng(0).random((*shape, 3), np.float32)
    expected = images.resize(array[rows, columns], size)
    np.testing.assert_array_equal(images.resize(array, size, "crop"), expected)


@pytest.mark.parametrize(
    ("shape", "size", "rows", "columns"),
    [
        ((4, 8), (4, 4), slice(1, 3), slice(0, 4)),
        ((8, 2), (4, 4), slice(0, 4), slice(1, 2)),
        ((2, 2), (4, 8), slice(0, 4), slice(2, 6)),
        ((4, 4), (4, 4), slice(0, 4), slice(0, 4)),
    ],
)
def test_pad_keeps_all_of_it_within_the_colour_of_its_border(
    shape, size, rows, columns
):
    array = np.full((*shape, 3), (0.25, 0.5, 0.75), np.float32)
    array[1:-1, 1:-1] = np.random.default_rng(0).random(array[1:-1, 1:-1].shape)
    found = images.resize(array, size, "pad")
    inner = images.resize(array, found[rows, columns].shape[:2])
    np.testing.assert_array_equal(found[rows, columns], inner)
    around = np.ones(size, bool)
    around[rows, columns] = False
    border = np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]])
    expected = np.broadcast_to(np.median(border, 0), found[around].shape)
    np.testing.assert_array_equal(found[around], expected)


@pytest.mark.parametrize("how", ["crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1, 3), (1, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_any_proportions_are_resized_within_the_memory(how, shape, dtype):
    array = np.ones(shape, dtype)
    found = images.resize(array, (4, 4), how)
    np.testing.assert_array_equal(found, np.ones((4, 4, *shape[2:]), dtype))
    assert found.dtype == dtype


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_array_is_resized_as_each_image_is(how, channels):
    array = np.random.default_rng(0).random((2, 8, 4, channels), np.float32)
    resized = images.Resized(array, (4, 4, channels), how)
    found = resized[np.array([1, 0])]
    for image, original in zip(found, array[::-1], strict=True):
        expected = images.resize(original, (4, 4), how).reshape(4, 4, channels)
        np.testing.assert_array_equal(image, expected)
    assert resized.is_squashed == (how == "stretch")


@pytest.mark.parametrize("size", [(4, 4), (20, 10)])
@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_files_are_resized_as_arrays_are(tmp_path, how, size):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 10, 3), np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    found = decoding.read_image(path, (*size, 3), how).pixels
    np.testing.assert_array_equal(found, images.resize(pixels, size, how))


# Ranges.


def test_every_whole_number_survives_the_way_through_both_ranges():
    numbers = np.arange(256, dtype=np.uint8)
    tanh = images.to_tanh_range(numbers.astype(np.float32) / 255)
    np.testing.assert_allclose(tanh, np.linspace(-1, 1, 256), atol=1e-6)
    np.testing.assert_array_equal(images.to_uint8(images.to_unit_range(tanh)), numbers)


def test_to_uint8_rounds_and_clips():
    found = images.to_uint8(np.array([-0.5, 0.4 / 255, 0.6 / 255, 1.0, 1.5]))
    assert found.dtype == np.uint8 and found.tolist() == [0, 0, 1, 255, 255]


# Files that give no image.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xd8", "is not an image"),
        (png(0, 0), "is not an image"),
        (png(40000, 40000), "too many pixels"),
    ],
)
def test_content_without_an_image_is_refused(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        read_image(path, (4, 4, 3))


def flip_a_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        (kind, lambda content, part=part: content[: int(len(content) * part)])
        for kind in ("png", "jpg", "gif", "webp", "bmp", "tif")
        for part in (0.05, 0.5, 0.98)
    ]
    + [("png", flip_a_bit)],
)
def test_damaged_file_is_refused(tmp_path, kind, damage):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    path = saved(tmp_path / f"a.{kind}", Image.fromarray(pixels))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ImageError, match="damaged"):
        read_image(path, (4, 4, 3))


def test_float_pixels_are_refused_for_their_scale_is_unknown(tmp_path):
    image = Image.fromarray(np.full((4, 4), 0.5, np.float32))
    with pytest.raises(ImageError, match="float32"):
        read_image(saved(tmp_path / "a.tif", image), (4, 4, 3))


def test_file_that_the_system_denies_is_refused(tmp_path, monkeypatch):
    def deny(path, *_, **__):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.png").write_bytes(b"locked")
    monkeypatch.setattr("builtins.open", deny)
    with pytest.raises(ImageError, match="Permission denied"):
        read_image(tmp_path / "a.png", (4, 4, 3))


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match="is no regular file"):
        read_image(tmp_path / "a.png", (4, 4, 3))
