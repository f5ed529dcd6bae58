"""How a setting is declared, and how its text, its value and its flag are checked.

Each field of a section is declared once; the flag of its name, the key in a TOML file
and the checks of both are made from that.
"""

import math
import re
from dataclasses import field, fields
from typing import Any


def image_shape(text: str) -> tuple[int, int, int]:
    """Reads ``32x32x3`` as (height, width, channels)."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    if not match:
        raise ValueError(f"expected HEIGHTxWIDTHxCHANNELS such as 32x32x3, got {text}")
    return tuple(map(int, match.groups()))


def widths(text: str) -> tuple[int, ...]:
    """Reads ``64,128`` as one width a layer."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError(f"expected whole numbers such as 64,128,128, got {text}")
    return tuple(map(int, text.split(",")))


def names(text: str) -> tuple[str, ...]:
    """Reads ``generator,grid`` as several names."""
    return tuple(text.split(","))


def setting(default: Any, help: str, parse=None, least=None, below=None, choices=None):
    """Declares one field.

    Args:
        default: its value in `dcgan-32`.
        help: one line for ``--help``.
        parse: reads the flag's text; the type of `default` where left out.
        least: smallest value allowed, of each entry where there are several.
        below: first value too large.
        choices: the only values allowed.
    """
    metadata = {
        "help": help,
        "parse": parse or type(default),
        "least": least,
        "below": below,
        "choices": choices,
    }
    return field(default=default, metadata=metadata)


class Section:
    """A group of settings that checks its own bounds."""

    def __post_init__(self):
        for declared in fields(self):
            check_value(declared, getattr(self, declared.name))


def check_value(declared, value) -> None:
    """Raises ValueError with one sentence when `value` is out of bounds."""
    least, below = declared.metadata["least"], declared.metadata["below"]
    choices, name = declared.metadata["choices"], declared.name
    if value == ():
        raise ValueError(f"{name} must name one at least")
    for entry in value if isinstance(value, tuple) else (value,):
        if choices and entry not in choices:
            known = ", ".join(choices)
            raise ValueError(f"{name} must be of {known}, not {entry!r}")
        if isinstance(entry, float) and not math.isfinite(entry):
            raise ValueError(f"{name} must be a finite number, not {entry}")
        if least is not None and entry < least:
            raise ValueError(f"{name} must be at least {least}, not {entry}")
        if below is not None and entry >= below:
            raise ValueError(f"{name} must be below {below}, not {entry}")


def as_text(declared, value) -> str:
    """Writes a field's value as its flag would take it."""
    if not isinstance(value, tuple):
        return str(value)
    return ("x" if declared.metadata["parse"] is image_shape else ",").join(
        map(str, value)
    )


def coerced(declared, value):
    """Brings a TOML value to a field's type; text is read as a flag would be.

    Raises:
        ValueError: it is of another type or out of bounds.
    """
    parse = declared.metadata["parse"]
    if isinstance(value, str):
        value = parse(value)
    elif isinstance(value, list):
        value = tuple(value)
    elif parse is float and type(value) is int:
        value = float(value)
    kind = type(parse(_SAMPLE[parse]))
    entry_kind = str if parse is names else int
    entries = value if isinstance(value, tuple) else ()
    if type(value) is not kind or any(type(e) is not entry_kind for e in entries):
        raise ValueError(f"must be like {_SAMPLE[parse]}, not {value!r}")
    check_value(declared, value)
    return value


# What each kind of flag looks like, for messages.
_SAMPLE = {
    int: "1",
    float: "0.5",
    str: "text",
    image_shape: "32x32x3",
    widths: "64,128",
    names: "generator,grid",
}
