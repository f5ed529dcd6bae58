"""Files changed at random: the same seed and number make the same change.

Bytes change anywhere. Of formats with a structure a part changes, and what guards it
is made anew (checksums of a zip or PNG file), so that a reader gets further than that.
"""

import io
import json
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import h5py

Mutator = Callable[[random.Random, bytes], bytes]

_LONGEST = 2**16  # bytes that are added at once
_NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
_DIGITS = (b"0", b"-1", b"65536", b"99999999999", b"9" * 400, b"1e999", b"nan")
_ODD = (
    *(None, True, -1, 0, 1, 7, 2**31, 2**63, 10**400),
    *(0.5, -1e308, float("nan"), float("inf")),
    *("", "x", "\ud800", "\0\x1b[31m", "../../etc/passwd", "a" * 5000),
    *([], [[]], [1, 2, 3], {}, {"x": 1}, {"class_name": "Lambda", "config": {}}),
)


def mutate_bytes(rng: random.Random, content: bytes) -> bytes:
    """Changes one to eight places, of which many lie near the start: in headers."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        most = len(content) if rng.random() < 0.5 else min(len(content), 256)
        start = rng.randrange(max(1, most))
        end = start + rng.choice((1, 1, 4, 64, len(content)))
        digits = re.search(rb"\d+", content[start:])
        old, form = content[start:end], rng.choice(("<B", ">H", "<H", ">I", "<I", "<Q"))
        number = rng.choice(_NUMBERS) % 256 ** struct.calcsize(form)
        ways = (
            bytes(byte ^ 1 << rng.randrange(8) for byte in old[:1]) + old[1:],
            struct.pack(form, number) + old[struct.calcsize(form) :],
            (old * rng.choice((2, 50)))[:_LONGEST],
            rng.randbytes(len(old[:64])) + old[64:],
            b"",
        )
        new = rng.choice(ways)
        if digits and rng.random() < 0.15:  # a number that is written as text
            start, end = start + digits.start(), start + digits.end()
            new = rng.choice(_DIGITS)
        content = content[:start] + new + content[end:]
    return content


def mutate_json(rng: random.Random, content: bytes) -> bytes:
    """Changes a value of a JSON text; now and then its bytes."""
    if rng.random() < 0.2:
        return mutate_bytes(rng, content)
    value = json.loads(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        value = _mutate_value(rng, value)
    return json.dumps(value).encode()


def _mutate_value(rng: random.Random, value: Any) -> Any:
    """Changes a value, or one at any depth inside it."""
    keys = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = list(range(len(value)))
    if not keys or rng.random() < 0.1:
        return _odd_like(rng, value)
    key = rng.choice(keys)
    what = rng.random()
    if what < 0.08:
        del value[key]
    elif what < 0.12 and isinstance(value, list):
        value *= rng.choice((2, 50))
    elif what < 0.16 and isinstance(value, dict):
        value[rng.choice(("", "x", "\ud800", "class_name"))] = value.pop(key)
    else:
        value[key] = _mutate_value(rng, value[key])
    return value


def _odd_like(rng: random.Random, value: Any) -> Any:
    """Makes a value of the same kind, half of the time."""
    if rng.random() < 0.5:
        if isinstance(value, int | float):
            return rng.choice((-1, 0, 1, 2, value + 1, 1000 * value, 10**9, 10**18))
        if isinstance(value, str) and value:
            return rng.choice((value[1:], value * 2, value.upper(), value + "\0"))
    return rng.choice(_ODD)


def mutate_toml(rng: random.Random, content: bytes) -> bytes:
    """Changes a line of a TOML text, or the bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(rng, content)
    lines = content.decode().splitlines()
    number = rng.randrange(len(lines))
    odd = ("-1", "0", "1e400", "nan", "9" * 400, "[]", "{}", '"x"', "true", "''")
    values = (*odd, *(line.rpartition(" = ")[2] for line in lines))
    key = rng.choice((*2 * (lines[number].partition(" = ")[0],), "x", '""', "a.b"))
    headers = ("[x]", "[[data]]", "[gan.gan]", "", "[name]", lines[number])
    lines[number] = rng.choice((f"{key} = {rng.choice(values)}", rng.choice(headers)))
    lines.insert(rng.randrange(len(lines)), rng.choice(("", "", *lines)))
    return "\n".join(lines).encode()


def mutate_zip(rng: random.Random, content: bytes) -> bytes:
    """Changes a member of a zip file, whose checksum fits again; or the bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(rng, content)
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        chosen = rng.choice(old.namelist())
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                part, final = old.read(name), name
                if name == chosen and rng.random() < 0.1:
                    continue
                if name == chosen and rng.random() < 0.1:
                    final = rng.choice(("../x", "/tmp/x", name + "x"))
                if name == chosen:
                    part = _mutate_member(rng, part)
                new.writestr(zipfile.ZipInfo(final), part)  # of no time of day
    return made.getvalue()


def _mutate_member(rng: random.Random, content: bytes) -> bytes:
    if content.startswith(b"{"):
        return mutate_json(rng, content)
    if content.startswith(b"\x89HDF"):
        return mutate_hdf5(rng, content)
    return mutate_bytes(rng, content)


def mutate_hdf5(rng: random.Random, content: bytes) -> bytes:
    """Changes an attribute or dataset of an HDF5 file; half of the time its bytes."""
    if rng.random() < 0.5:
        return mutate_bytes(rng, content)
    made = io.BytesIO(content)
    with h5py.File(made, "r+") as file:
        items = [file]
        file.visititems(lambda name, item: items.append(item))
        item = rng.choice(items)
        names = list(item.attrs)
        if names and rng.random() < 0.8:
            _mutate_attribute(rng, item.attrs, rng.choice(names))
        elif item is not file:
            name, parent = item.name, item.parent
            del parent[name]
            _put_hdf5(rng, parent, name)
    return made.getvalue()


def _mutate_attribute(rng: random.Random, attributes: Any, name: str) -> None:
    value = attributes[name]
    if isinstance(value, str) and value.startswith("{"):
        attributes[name] = mutate_json(rng, value.encode())
        return
    odd = (0, -1, "x", "{}", b"\xff", [1, 2], [b"x"], [["x"]], h5py.Empty("S1"))
    attributes[name] = rng.choice(odd)


def _put_hdf5(rng: random.Random, parent: Any, name: str) -> None:
    """Puts something else in the place of a dataset or group."""
    match rng.randrange(7):
        case 0:
            parent[name] = rng.choice((0, "x", b"", [1.0, 2.0], [[float("nan")]]))
        case 1:
            parent.create_group(name)
        case 2:
            parent[name] = h5py.SoftLink(rng.choice(("/", "/nowhere", name)))
        case 3:
            parent[name] = h5py.ExternalLink("other.h5", "/")
        case 4:  # gigabytes that take no room in the file
            parent.create_dataset(name, (2**15, 2**16), "f4", chunks=(64, 64))
        case 5:
            parent.create_dataset(name, (3, 3), "f4", external="other.bin")
        case 6:
            parent[name] = parent.file["/"]  # a circle


def mutate_png(rng: random.Random, content: bytes) -> bytes:
    """Changes a chunk of a PNG file, whose checksum fits again; or the bytes."""
    if rng.random() < 0.4:
        return mutate_bytes(rng, content)
    made, place = bytearray(content[:8]), 8
    chunks = []
    while place < len(content):
        length = struct.unpack_from(">I", content, place)[0]
        chunks.append(content[place + 4 : place + 8 + length])
        place += 12 + length
    chosen = rng.randrange(len(chunks))
    for number, chunk in enumerate(chunks):
        if number == chosen:
            chunk = chunk[:4] + mutate_bytes(rng, chunk[4:])
        made += struct.pack(">I", len(chunk) - 4) + chunk
        made += struct.pack(">I", zlib.crc32(chunk))
    return bytes(made)
