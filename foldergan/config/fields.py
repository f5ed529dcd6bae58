"""How a setting is declared, read from text, checked and overridden.

Each setting is one field of a section. Its type annotation says how text is read, its
metadata what it means: the flag of its name, the key in a TOML file, ``--help`` and the
checks are all made from that.
"""

import contextlib
import dataclasses
import functools
import math
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Self

Shape = tuple[int, int, int]  # height, width, channels
Widths = tuple[int, ...]  # one a layer
Names = tuple[str, ...]


class Kind(NamedTuple):
    """How values of one type are written.

    Attributes:
        entry: type of the value, or of each entry of one that has several.
        sample: what one looks like, for messages.
        metavar: stands for one in ``--help``.
        separator: between the entries of one that has several.
    """

    entry: type
    sample: str
    metavar: str
    separator: str = ""


_KINDS = {
    int: Kind(int, "1", "N"),
    float: Kind(float, "0.5", "X"),
    str: Kind(str, "text", "NAME"),
    Shape: Kind(int, "32x32x3", "HxWxC", "x"),
    Widths: Kind(int, "64,128", "N,N,...", ","),
    Names: Kind(str, "generator,grid", "NAME,...", ","),
}


def setting(
    default: Any,
    help: str,
    *,
    group: str,
    least: float | None = None,
    below: float | None = None,
    choices: tuple[str, ...] = (),
    metavar: str | None = None,
    overrules: Mapping[str, Any] | None = None,
) -> Any:
    """Declares one field.

    Args:
        default: its value unless a preset says otherwise.
        help: one line for ``--help``.
        group: title under which ``--help`` lists it, of `GROUPS`.
        least: smallest value allowed, of each entry where there are several.
        below: first value too large.
        choices: the only values allowed.
        metavar: stands for a value in ``--help``; else its type or choices do.
        overrules: other fields of the section -> what becomes of them where the user
            gives a value other than 0 of this one and none of theirs.
    """
    metadata = {
        "help": help,
        "group": group,
        "least": least,
        "below": below,
        "choices": choices,
        "metavar": metavar,
        "overrules": overrules or {},
    }
    return dataclasses.field(default=default, metadata=metadata)


GROUPS = ("data", "network", "optimization", "evaluation", "output")
data, network, optimization, evaluation, output = (
    functools.partial(setting, group=group) for group in GROUPS
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A group of settings that checks its own bounds."""

    idle_beside_backbone: ClassVar[tuple[str, ...]] = ()  # settings without effect

    def __post_init__(self) -> None:
        for declared in dataclasses.fields(self):
            check_value(declared, getattr(self, declared.name))

    def override(self, given: Mapping[str, Any]) -> Self:
        """Replaces what is given; who asks for so many epochs means so many.

        Args:
            given: names of fields -> values of their types, or text as a flag has it.

        Raises:
            ValueError: no such field, or a value that is of another type, out of
                bounds or does not go with the others.
        """
        declared = {field.name: field for field in dataclasses.fields(self)}
        values = {}
        for name, value in given.items():
            if name not in declared:
                raise ValueError(f"has no {name}; it has {', '.join(declared)}")
            try:
                values[name] = read_value(declared[name], value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        overruled: dict[str, Any] = {}
        for name, value in values.items():
            overruled |= declared[name].metadata["overrules"] if value else {}
        return dataclasses.replace(self, **overruled | values)


def kind_of(declared: dataclasses.Field[Any]) -> Kind:
    """Tells how values of a field are written."""
    annotation: Any = declared.type
    if isinstance(annotation, types.UnionType):  # ... | None
        annotation, _ = typing.get_args(annotation)
    return _KINDS[annotation]


def read_value(declared: dataclasses.Field[Any], value: Any) -> Any:
    """Brings a value to a field's type; text is read as a flag is.

    Raises:
        ValueError: it is of another type or out of bounds.
    """
    kind, given = kind_of(declared), value
    if isinstance(value, str):
        texts = value.split(kind.separator) if kind.separator else [value]
        with contextlib.suppress(ValueError):  # refused below
            value = [kind.entry(text) for text in texts]
            value = value if kind.separator else value[0]
    if isinstance(value, list):  # as TOML has it too
        value = tuple(value)
    entries = value if isinstance(value, tuple) else (value,)
    for entry in entries:  # no array and no float could hold more
        if isinstance(entry, int) and abs(entry) > sys.maxsize:
            digits = len(str(abs(entry)))
            raise ValueError(f"must be a number of fewer digits than {digits}")
    if kind.entry is float and type(value) is int:
        value = float(value)
        entries = (value,)
    is_like = isinstance(value, tuple) == bool(kind.separator)
    is_like = is_like and {type(entry) for entry in entries} <= {kind.entry}
    is_none = value is None and declared.default is None
    if not (is_like or is_none):
        raise ValueError(f"must be like {kind.sample}, not {given!r}")
    check_value(declared, value)
    return value


def check_value(declared: dataclasses.Field[Any], value: Any) -> None:
    """Raises ValueError with one sentence when `value` is out of bounds."""
    least, below = declared.metadata["least"], declared.metadata["below"]
    choices, name = declared.metadata["choices"], declared.name
    if value == ():
        raise ValueError(f"{name} must name one at least")
    if value is None:
        return
    for entry in value if isinstance(value, tuple) else (value,):
        if choices and entry not in choices:
            known = ", ".join(choices)
            raise ValueError(f"{name} must be one of {known}, not {entry!r}")
        if isinstance(entry, float) and not math.isfinite(entry):
            raise ValueError(f"{name} must be a finite number, not {entry}")
        if least is not None and entry < least:
            raise ValueError(f"{name} must be at least {least}, not {entry}")
        if below is not None and entry >= below:
            raise ValueError(f"{name} must be below {below}, not {entry}")


def as_text(declared: dataclasses.Field[Any], value: Any) -> str:
    """Writes a field's value as its flag would take it."""
    if isinstance(value, tuple):
        return kind_of(declared).separator.join(map(str, value))
    return str(value)
