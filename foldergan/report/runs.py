"""What the scripts ran with: settings, versions, times."""

import datetime
from pathlib import Path
from typing import Any

from foldergan.storage import filenames, tables

SCRIPTS = ("TrainModel", "GANModel", "GeneratePredict")
_USED = {"TrainModel": ("data", "classifier"), "GANModel": ("gan",)}


def section(model_dir: Path) -> list[dict[str, Any]]:
    """Collects what is known of each script that has run, in their order.

    Returns:
        For each "script", "times" (None where they are not recorded) and, where they
        are, "preset", "settings" and "versions".
    """
    runs = []
    for script in SCRIPTS:
        times = tables.load_json(path_of_times(model_dir, script))
        record = record_of(model_dir, script)
        if times or record:
            runs.append(
                {"script": script, "times": _as_text(times) if times else None}
                | (_settings(script, record) if record else {})
            )
    return runs


def path_of_times(model_dir: Path, script: str) -> Path:
    """Names the file of when a script ran, and for how long."""
    name = filenames.TIMES.format(script=script)
    return model_dir / filenames.REPORT_FOLDER / name


def record_of(model_dir: Path, script: str) -> dict[str, Any]:
    """Loads what a script recorded of its last run; nothing where it did not run."""
    return tables.load_json(model_dir / filenames.RUN.format(script=script)) or {}


def duration(seconds: float) -> str:
    """Writes a duration, such as 3 h 20 min, 12 min or 45 s."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _settings(script: str, record: dict[str, Any]) -> dict[str, Any]:
    preset = record["preset"]
    settings = {"seed": preset["seed"]}
    for name in _USED[script]:
        settings |= preset[name]
    return {
        "preset": preset["name"],
        "settings": {name: _value(value) for name, value in settings.items()},
        "versions": record["versions"],
    }


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


def _as_text(times: dict[str, Any]) -> dict[str, Any]:
    started, written = (
        datetime.datetime.fromisoformat(times[name]) for name in ("started", "written")
    )
    return {
        "started": f"{started:%Y-%m-%d %H:%M}",
        "written": f"{written:%Y-%m-%d %H:%M}",
        "at": written,
        "date": f"{written.day} {written:%B %Y, %H:%M}",
        "seconds": times["seconds"],
        "took": duration(times["seconds"]),
        "state": times["state"],
    }
