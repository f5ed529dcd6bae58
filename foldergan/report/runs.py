"""What the scripts ran with: settings, versions, times."""

import datetime
from pathlib import Path
from typing import Any

from foldergan.storage import filenames, tables

SCRIPTS = ("TrainModel", "GANModel", "GeneratePredict")
_USED = {"TrainModel": ("data", "classifier"), "GANModel": ("gan",)}


def section(model_dir: Path) -> list[dict[str, Any]]:
    """Collects what is known of each script that has run, in their order."""
    runs = []
    for script in SCRIPTS:
        times = tables.load_json(path_of_times(model_dir, script))
        record = tables.load_json(model_dir / filenames.RUN.format(script=script))
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


def _as_text(times: dict[str, Any]) -> dict[str, str]:
    moments = {
        name: datetime.datetime.fromisoformat(times[name]).strftime("%Y-%m-%d %H:%M")
        for name in ("started", "written")
    }
    minutes, seconds = divmod(round(times["seconds"]), 60)
    hours, minutes = divmod(minutes, 60)
    took = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    return moments | {"took": took, "state": times["state"]}
