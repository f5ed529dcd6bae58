"""The preset that a model folder was begun with."""

import json
from pathlib import Path
from typing import Any

from foldergan.config.presets import PRESETS, Preset, parse_toml
from foldergan.errors import report_unreadable

RUN = "run_{script}.json"  # what a script records of its run


def recall(model_dir: Path, script: str) -> tuple[Preset, Path] | None:
    """Recalls the preset that a script is to take in a folder.

    Its own last run decides, then that of GANModel, then that of TrainModel. Flags
    that were given beside the preset are not remembered.

    Args:
        model_dir: folder of the models; need not be there.
        script: such as GANModel.

    Returns:
        The preset, and the file that records it; None where no file does, such as
        those of versions before 0.3 with a preset of a .toml file.

    Raises:
        InputError: the file is damaged.
    """
    for each in dict.fromkeys((script, "GANModel", "TrainModel")):
        path = model_dir / RUN.format(script=each)
        with report_unreadable(path, way_out="", options=("preset",)):
            if path.is_file():
                record = json.loads(path.read_text(encoding="utf-8"))
                if preset := _preset_of(record["preset"]):
                    return preset, path
    return None


def _preset_of(record: dict[str, Any]) -> Preset | None:
    name, toml = record["name"], record.get("toml")
    if not (isinstance(name, str) and name.isprintable()):
        raise ValueError("it names no preset")
    return PRESETS.get(name) if toml is None else parse_toml(toml, name)
