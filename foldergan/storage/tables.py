"""Text on disk: JSON and CSV."""

import contextlib
import csv
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from foldergan.storage import atomic


def save_text(path: Path, text: str) -> None:
    """Saves UTF-8 text with the same line ends on every system."""
    with atomic.replacing(path) as temporary:
        temporary.write_bytes(encode(text))


def save_json(path: Path, value: Any) -> None:
    """Saves readable JSON."""
    save_text(path, as_json(value))


def as_json(value: Any) -> str:
    """Writes readable JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def with_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Adds "sha256", the SHA-256 of a JSON object's other values."""
    text = json.dumps(content, sort_keys=True)
    return content | {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def without_checksum(content: dict[str, Any]) -> dict[str, Any]:
    """Takes "sha256" off again; raises ValueError where it does not fit."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    if content != with_checksum(rest):
        raise ValueError("its SHA-256 is another than when it was saved")
    return rest


def encode(text: str) -> bytes:
    """Makes UTF-8 of text.

    What is no text in a file's name is escaped, as Python and JSON escape it.
    """
    return text.encode(errors="backslashreplace")


def save_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves rows under a header line of all keys; what a row lacks stays empty."""
    with writing_csv(path) as append:
        append(rows)


@contextlib.contextmanager
def writing_csv(
    path: Path, outdated: Iterable[Path] = ()
) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Yields a function that appends rows, so that a table need not fit in memory.

    The first rows that it is given decide which columns there are. Outdated companions
    go when the new file comes.
    """
    with (
        atomic.replacing(path, outdated) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer: csv.DictWriter[str] | None = None

        def append(rows: list[dict[str, Any]]) -> None:
            nonlocal writer
            if writer is None:
                names = dict.fromkeys(name for row in rows for name in row)
                writer = csv.DictWriter(file, names, lineterminator="\n")
                writer.writeheader()
            writer.writerows(rows)

        yield append


def load_json(path: Path) -> Any:
    """Loads JSON; None where there is no such file."""
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def load_csv(path: Path) -> list[dict[str, str]]:
    """Loads the rows of a table; none where there is no such file."""
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def load_rows(path: Path) -> list[dict[str, Any]]:
    """Loads a table of numbers.

    Returns:
        Rows as `load_csv` returns them, with floats for numbers and NaN for nothing.
    """
    return [
        {name: _number(value) for name, value in row.items()} for row in load_csv(path)
    ]


def _number(text: str) -> float | str:
    if text == "":
        return math.nan
    try:
        return float(text)
    except ValueError:
        return text
