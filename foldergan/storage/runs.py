"""What is recorded of earlier runs of the scripts."""

import json
from pathlib import Path
from typing import Any

from foldergan.errors import InputError, report_unreadable


def describe_training(model_dir: Path) -> dict[str, Any] | None:
    """Names the images that the generators of a folder were trained on.

    Returns:
        pictures, as of `arrays.fingerprint`, image_shape, and held_out and seed of the
        split; None where the training is not recorded, or by a version before 0.3.
    """
    try:
        record = load_run(model_dir, "GANModel")
    except InputError:
        return None
    known = record["preset"]["gan"]
    if "pictures" not in record:
        return None
    return {
        "pictures": record["pictures"],
        "image_shape": known["image_shape"],
        "held_out": known["held_out"],
        "seed": record["preset"]["seed"],
    }


def load_run(model_dir: Path, script: str) -> dict[str, Any]:
    """Loads what `manifest.save_run` saved.

    Raises:
        InputError: missing or damaged.
    """
    path = model_dir / f"run_{script}.json"
    way_out = f"run: python {script}.py"
    if not path.is_file():
        raise InputError(f"{path} not found; {way_out}")
    with report_unreadable(path, way_out=way_out):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "preset" not in record:
            raise ValueError("it records no settings")
    return record
