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


def ramp():
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


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
    path = tmp_path / f"a.{kind}"
    if kind == "heic":
        noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
        heic(path, Image.fromarray(noise))
    else:
        dicom(path, ramp())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ImageError, match="that cannot be read"):
        read_image(path, (4, 4, 3))


@pytest.mark.parametrize(
    ("kind", "package"), [("heic", "pillow-heif"), ("dcm", "pydicom")]
)
def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch, kind, package):
    path = tmp_path / f"a.{kind}"
    if kind == "heic":
        heic(path, Image.new("RGB", (64, 64)))
    else:
        dicom(path, ramp())
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    with pytest.raises(ImageError, match=f"needs the package {package}; run: .*-opt"):
        read_image(path, (4, 4, 3))


def test_dicom_without_a_window_spans_its_values_in_16_bits(tmp_path):
    path = dicom(tmp_path / "a.dcm", ramp())
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, ramp() / 4095, atol=1 / 65535)
    assert len(np.unique(found)) == 4096  # not squeezed through 8 bits


def test_the_window_of_dicom_is_that_of_its_standard(tmp_path):
    """PS3.3, C.11.2.1.2.1, after the rescaling of C.11.1.1.2."""
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1024}
    window = {"WindowCenter": 40, "WindowWidth": 400}
    path = dicom(tmp_path / "a.dcm", ramp(), **tags, **window)
    values = ramp() * 2.0 - 1024
    expected = ((values - 39.5) / 399 + 0.5).clip(0, 1)
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1 / 65535)


def test_of_several_windows_the_first_is_taken(tmp_path):
    window = {"WindowCenter": [1000, 9], "WindowWidth": [2001, 9]}
    path = dicom(tmp_path / "a.dcm", ramp(), **window)
    expected = ((ramp() - 999.5) / 2000 + 0.5).clip(0, 1)
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1 / 65535)


def test_a_table_of_values_is_looked_up(tmp_path):
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.add_new("LUTData", "US", (np.arange(4096) ** 2 // 4096).tolist())
    expected = (ramp().astype(int) ** 2 // 4096) / (4095**2 // 4096)
    path = dicom(tmp_path / "a.dcm", ramp(), VOILUTSequence=[table])
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1 / 65535)


def test_monochrome1_is_inverted(tmp_path):
    path = dicom(tmp_path / "a.dcm", ramp(), photometric="MONOCHROME1")
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, 1 - ramp() / 4095, atol=1 / 65535)


def test_dicom_in_colour_is_red_green_blue(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint8) + np.array((200, 100, 50), np.uint8)
    path = dicom(tmp_path / "a.dcm", pixels, photometric="RGB")
    np.testing.assert_allclose(read_image(path, (4, 4, 3)) * 255, pixels, atol=1e-4)


def test_the_first_frame_of_dicom_is_taken(tmp_path):
    frames = np.stack([ramp(), ramp()[::-1]])
    path = dicom(
        tmp_path / "a.dcm", frames, NumberOfFrames=2, SamplesPerPixel=1, Rows=64
    )
    found = read_image(path, (64, 64, 1))[..., 0]
    np.testing.assert_allclose(found, ramp() / 4095, atol=1 / 65535)


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


def test_dicom_of_other_bits_is_refused(tmp_path):
    pixels = np.zeros((4, 4, 3), np.uint32)
    path = dicom(tmp_path / "a.dcm", pixels, photometric="RGB")
    with pytest.raises(ImageError, match="pixels are uint32"):
        read_image(path, (4, 4, 3))


def test_dicom_that_is_one_value_is_black(tmp_path):
    path = dicom(tmp_path / "a.dcm", np.full((4, 4), 77, np.uint16))
    assert not read_image(path, (4, 4, 1)).any()


@pytest.mark.parametrize("kind", ["heic", "dcm"])
def test_too_many_pixels_are_refused_before_they_are_decoded(
    tmp_path, monkeypatch, kind
):
    monkeypatch.setattr(formats, "MOST_PIXELS", 64 * 64 - 1)
    path = tmp_path / f"a.{kind}"
    if kind == "heic":
        heic(path, Image.new("RGB", (64, 64)))
    else:
        dicom(path, ramp())
    with pytest.raises(ImageError, match="too many pixels"):
        read_image(path, (4, 4, 3))


def test_dicom_that_is_deflated_is_refused(tmp_path):
    path = dicom(tmp_path / "a.dcm", ramp(), syntax=DeflatedExplicitVRLittleEndian)
    with pytest.raises(ImageError, match="deflated"):
        read_image(path, (4, 4, 3))
