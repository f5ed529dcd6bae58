"""How large an image is, as the first bytes of its file say."""

import re
import struct
from typing import NamedTuple

_ORIENTATION = 274  # tag of EXIF, which is a TIFF without an image


class Header(NamedTuple):
    """What a file says of its image.

    Attributes:
        height: in pixels, not yet upright.
        width: in pixels, not yet upright.
        has_16_bits: whether a channel may have more than 8 bits.
        is_jpeg: whether it can be shrunk while it is decoded.
        is_progressive: whether all of it is held in memory to decode any of it.
    """

    height: int
    width: int
    has_16_bits: bool = False
    is_jpeg: bool = False
    is_progressive: bool = False


def read_header(content: bytes) -> Header | None:
    """Reads the size of a JPEG, PNG, GIF, BMP, WebP, TIFF or PNM.

    Args:
        content: the first bytes of a file, or all.

    Returns:
        None of other formats, and where the bytes end too early.
    """
    read = _READERS.get(content[:2])
    try:
        return read(content) if read else None
    except (struct.error, IndexError):  # it ends too early
        return None


def read_orientation(content: bytes) -> int:
    """Reads the EXIF orientation of a PNG or WebP: 1 to 8, where 1 is upright.

    Of other formats, and where there is none or an odd one, it is 1.
    """
    try:
        if content.startswith(b"\x89P"):
            exif = _chunk(content, b"eXIf", 8, ">", 4)
        elif content.startswith(b"RI"):
            exif = _chunk(content, b"EXIF", 12, "<", 0).removeprefix(b"Exif\0\0")
        else:
            return 1
        value = _tiff_tags(exif, (_ORIENTATION,)).get(_ORIENTATION, 1)
    except (struct.error, IndexError):
        return 1
    return value if 1 <= value <= 8 else 1


def _chunk(content: bytes, name: bytes, start: int, order: str, checksum: int) -> bytes:
    """Finds a chunk of a PNG, whose lengths come first, or of a WebP, whose do not."""
    names_first = checksum == 0
    while start + 8 <= len(content):
        fields = content[start : start + 4], content[start + 4 : start + 8]
        found, length = fields if names_first else fields[::-1]
        size = struct.unpack(f"{order}I", length)[0]
        if found == name:
            return content[start + 8 : start + 8 + size]
        start += 8 + size + (size % 2 if names_first else checksum)
    return b""


def _jpeg(content: bytes) -> Header | None:
    """The frame header is a segment of its own: ITU-T T.81, B.1.1 and B.2.2."""
    start = 2
    while content[start] == 0xFF:
        marker = content[start + 1]
        if marker == 0xFF:  # any marker may be filled up with these
            start += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", content, start + 5)
            is_progressive = marker not in (0xC0, 0xC1)
            return Header(height, width, False, True, is_progressive)
        start += 2 + content[start + 2] * 256 + content[start + 3]
    return None


def _png(content: bytes) -> Header:
    """The first chunk is IHDR: ISO/IEC 15948, 11.2.2."""
    width, height, bits = struct.unpack_from(">IIB", content, 16)
    return Header(height, width, has_16_bits=bits > 8)


def _gif(content: bytes) -> Header:
    width, height = struct.unpack_from("<HH", content, 6)
    return Header(height, width)


def _bmp(content: bytes) -> Header:
    """A negative height says that the rows run downwards."""
    width, height = struct.unpack_from("<ii", content, 18)
    return Header(abs(height), abs(width))


def _webp(content: bytes) -> Header:
    """Of the three kinds of first chunk: RFC 9649, 2.5 to 2.7."""
    kind = content[12:16]
    if kind == b"VP8X":
        sizes = content[24:27] + b"\0" + content[27:30] + b"\0"
        width, height = struct.unpack("<II", sizes)
        return Header(height + 1, width + 1)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", content, 21)[0]
        return Header((bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1)
    width, height = struct.unpack_from("<HH", content, 26)
    return Header(height & 0x3FFF, width & 0x3FFF)


def _tiff(content: bytes) -> Header | None:
    """Looks for the tags ImageWidth and ImageLength."""
    found = _tiff_tags(content, (256, 257))
    if len(found) < 2:
        return None
    return Header(found[257], found[256], has_16_bits=True)


def _tiff_tags(content: bytes, wanted: tuple[int, ...]) -> dict[int, int]:
    """Reads numbers of the first directory, by their tags: TIFF 6.0, section 2."""
    order = "<" if content.startswith(b"II") else ">"
    start = struct.unpack_from(f"{order}I", content, 4)[0]
    found = {}
    for number in range(struct.unpack_from(f"{order}H", content, start)[0]):
        entry = start + 2 + 12 * number
        tag, kind = struct.unpack_from(f"{order}HH", content, entry)
        if tag in wanted:
            form = "H" if kind == 3 else "I"
            found[tag] = struct.unpack_from(order + form, content, entry + 8)[0]
    return found


def _pnm(content: bytes) -> Header | None:
    """Comments may stand between the numbers."""
    numbers = re.match(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})\s+(\d{1,9})\s", content)
    if not numbers:
        return None
    return Header(int(numbers[2]), int(numbers[1]), has_16_bits=True)


_READERS = {  # by the first two bytes; what is none of these no decoder takes
    b"\xff\xd8": _jpeg,
    b"\x89P": _png,
    b"GI": _gif,
    b"BM": _bmp,
    b"RI": _webp,
    b"II": _tiff,
    b"MM": _tiff,
    **{b"P%d" % number: _pnm for number in range(1, 7)},
}
