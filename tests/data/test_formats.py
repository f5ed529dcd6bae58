"""HEIC and DICOM, by packages that may be installed; here they are."""

import sys

import numpy as np
import pillow_heif
import pydicom
import pytest
from decoded import read_image
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian

from foldergan.data import formats
from foldergan.errors import ImageError


def heic(path, image, **options):
    pillow_heif.from_pillow(image).save(path, quality=-1, chroma=444, **options)
    return path


def dicom(
    path,
    pixels,
    photometric="MONOCHROME2",
    syntax=pydicom.uid.ExplicitVRLittleEndian,
    **tags,
):
    """A DICOM file of uint8 or uint16 pixels (height, width) or (..., 3)."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = CTImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = "1.2.3"
    file.Rows, file.Columns = pixels.shape[-3:-1] if pixels.ndim > 2 else pixels.shape
    file.SamplesPerPixel = pixels.shape[2] if pixels.ndim == 3 else 1
    if file.SamplesPerPixel == 3:
        file.PlanarConfiguration = 0
    file.PhotometricInterpretation = photometric
    file.BitsAllocated = file.BitsStored = 8 * pixels.itemsize
    file.HighBit, file.PixelRepresentation = file.BitsStored - 1, 0
    for name, value in tags.items():
        setattr(file, name, value)
    file.PixelData = pixels.tobytes()
    file.save_as(path, enforce_file_format=True)
    return path


RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def noise_of(kind, folder):
    """A file of each kind, 64x64."""
    if kind == "dcm":
        return dicom(folder / "a.dcm", RAMP)
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    return heic(folder / "a.heic", Image.fromarray(pixels))


def test_heic_is_read_in_colour(tmp_path):
    path = heic(tmp_path / "a.heic", Image.new("RGB", (64, 64), (200, 100, 50)))
    found = read_image(path, (4, 4, 3)) * 255
    np.testing.assert_allclose(
        found, np.broadcast_to((200, 100, 50), found.shape), atol=2
    )


def test_heic_stands_upright(tmp_path):
    pixels = np.zeros((64, 128), np.uint8)
    pixels[:32, :32] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(pixels).convert("RGB")
    path = heic(tmp_path / "a.heic", image, exif=exif.tobytes())
    turned = np.rot90(pixels, -1) / 255
    np.testing.assert_allclose(read_image(path, (128, 64, 1))[..., 0], turned, atol=0.1)


@pytest.mark.parametrize("part", [0.3, 0.9])
@pytest.mark.parametrize("kind", ["heic", "dcm"])
def test_truncated_files_are_refused(tmp_path, kind, part):
    path = noise_of(kind, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageError, match="that cannot be read"):
        read_image(path, (4, 4, 3))


@pytest.mark.parametrize(
    ("kind", "package"), [("heic", "pillow-heif"), ("dcm", "pydicom")]
)
def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, kind, package):
    path = noise_of(kind, tmp_path)
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(ImageError, match=f"needs the package {package}; run: .*-opt"):
        read_image(path, (4, 4, 3))


def table_of(values):
    """A VOI LUT sequence."""
    table = Dataset()
    table.LUTDescriptor = [len(values), 0, 16]
    table.add_new("LUTData", "US", values.tolist())
    return [table]


SQUARES = np.arange(4096) ** 2 // 4096
FRAMES = {"NumberOfFrames": 2, "SamplesPerPixel": 1, "Rows": 64}
# In each case: pixels, tags, and the values that are expected.
GREY = {
    "without a window they span 16 bits": (RAMP, {}, RAMP / 4095),
    # PS3.3, C.11.2.1.2.1, after the rescaling of C.11.1.1.2.
    "the window of the standard": (
        RAMP,
        {"RescaleSlope": 2, "RescaleIntercept": -1024}
        | {"WindowCenter": 40, "WindowWidth": 400},
        ((RAMP * 2.0 - 1024 - 39.5) / 399 + 0.5).clip(0, 1),
    ),
    "of several windows the first": (
        RAMP,
        {"WindowCenter": [1000, 9], "WindowWidth": [2001, 9]},
        ((RAMP - 999.5) / 2000 + 0.5).clip(0, 1),
    ),
    "a table": (RAMP, {"VOILUTSequence": table_of(SQUARES)}, SQUARES[RAMP] / 4094),
    "inverted": (RAMP, {"photometric": "MONOCHROME1"}, 1 - RAMP / 4095),
    "of several frames the first": (
        np.stack([RAMP, RAMP[::-1]]),
        FRAMES,
        RAMP / 4095,
    ),
    "one value is black": (np.full((64, 64), 77, np.uint16), {}, np.zeros((64, 64))),
}


@pytest.mark.parametrize(("pixels", "tags", "expected"), GREY.values(), ids=GREY)
def test_grey_dicom_is_as_a_viewer_shows_it(tmp_path, pixels, tags, expected):
    path = dicom(tmp_path / "a.dcm", pixels, **tags)
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1 / 65535)


def test_dicom_in_colour_is_red_green_blue(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8) + np.array((200, 100, 50), np.uint8)
    path = dicom(tmp_path / "a.dcm", pixels, photometric="RGB")
    np.testing.assert_allclose(read_image(path, (4, 4, 3)) * 255, pixels, atol=1e-4)


def test_a_palette_of_dicom_is_looked_up(tmp_path):
    tables = {}
    for number, colour in enumerate(("Red", "Green", "Blue")):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        table = np.roll(np.arange(256, dtype=np.uint16) * 257, 50 * number)
        tables[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = dicom(tmp_path / "a.dcm", pixels, "PALETTE COLOR", **tables)
    expected = np.stack([pixels, pixels - 50, pixels - 100], axis=2) / 255
    np.testing.assert_allclose(read_image(path, (16, 16, 3)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "how", "words"),
    [
        (np.zeros((4, 4, 3), np.uint32), {"photometric": "RGB"}, "pixels are uint32"),
        (RAMP, {"syntax": DeflatedExplicitVRLittleEndian}, "deflated"),
    ],
)
def test_dicom_of_other_bits_or_deflated_is_refused(tmp_path, pixels, how, words):
    path = dicom(tmp_path / "a.dcm", pixels, **how)
    with pytest.raises(ImageError, match=words):
        read_image(path, (4, 4, 3))


@pytest.mark.parametrize("kind", ["heic", "dcm"])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    tmp_path, monkeypatch, kind
):
    path = noise_of(kind, tmp_path)
    monkeypatch.setattr(formats, "MOST_PIXELS", 64 * 64 - 1)
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(path, (4, 4, 3))
