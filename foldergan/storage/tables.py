"""Text on disk: JSON and CSV."""

import csv
import json
from pathlib import Path
from typing import Any

from foldergan.storage import atomic


def save_text(path: Path, text: str) -> None:
    """Saves UTF-8 text with the same line ends on every system.

    What is no text in a file's name is escaped, as Python and JSON escape it.
    """
    with atomic.replacing(path) as temporary:
        temporary.write_bytes(text.encode(errors="backslashreplace"))


def save_json(path: Path, value: Any) -> None:
    """Saves readable JSON."""
    save_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def save_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Saves rows under a header line of all keys; what a row lacks stays empty."""
    names = dict.fromkeys(name for row in rows for name in row)
    with (
        atomic.replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


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
