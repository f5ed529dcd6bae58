"""What is worth remembering between runs, in the user's own folder; never needed."""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from foldergan.errors import RunError
from foldergan.storage.tables import save_json


def recall(name: str, key: dict[str, Any]) -> Any:
    """Recalls what was remembered of a thing that depends on the JSON values of a key.

    Returns:
        The JSON value; None where nothing was remembered or the file is damaged.
    """
    path = _path(name, key)
    with contextlib.suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8")) if path else None
        if isinstance(record, dict) and record.get("key") == key:
            return record.get("value")
    return None


def remember(name: str, key: dict[str, Any], value: Any) -> None:
    """Remembers a JSON value; where it cannot be written, it is not remembered."""
    path = _path(name, key)
    if path is None:
        return
    with contextlib.suppress(OSError, RunError):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_json(path, {"key": key, "value": value})


def _path(name: str, key: dict[str, Any]) -> Path | None:
    """A file for each key, in the folder of the XDG Base Directory Specification."""
    text = json.dumps(key, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = base if base.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return base / "foldergan" / f"{name}-{digest}.json"
