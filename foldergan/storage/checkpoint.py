"""The state that a GAN training goes on from: one file, whole or absent."""

import json
from pathlib import Path

import numpy as np

from foldergan.errors import InputError, report_unreadable
from foldergan.storage import atomic
from foldergan.storage.filenames import RESUME


def save_resume(
    model_dir: Path, state: dict[str, np.ndarray], settings: dict, tables: dict
) -> None:
    """Saves all that a training needs to go on, in one file: whole or not at all.

    Args:
        model_dir: folder of the models.
        state: arrays by name.
        settings: JSON values that must be the same when it goes on.
        tables: JSON values that grow as it goes.
    """
    about = json.dumps({"settings": settings, "tables": tables})
    with atomic.replacing(model_dir / RESUME) as temporary:
        np.savez(temporary, about=about, **state)


def load_resume(model_dir: Path, settings: dict) -> tuple[dict[str, np.ndarray], dict]:
    """Loads what `save_resume` saved.

    Args:
        model_dir: folder of the models.
        settings: those of the run that wants to go on.

    Returns:
        The state and the tables.

    Raises:
        InputError: missing, damaged (each array has a checksum), or of a run with
            other settings, which the message lists.
    """
    path = model_dir / RESUME
    if not path.is_file():
        raise InputError(f"nothing to resume: {path} not found; run without --resume")
    with (
        report_unreadable(path, way_out="run without --resume"),
        open(path, "rb") as opened,  # NumPy itself leaves a damaged file open
        np.load(opened, allow_pickle=False) as file,
    ):
        state = {name: file[name] for name in file.files}
        about = json.loads(str(state.pop("about")))
    saved, wanted = about["settings"], json.loads(json.dumps(settings))
    changed = [
        f"{name} was {saved.get(name)}, is {wanted.get(name)}"
        for name in sorted(saved | wanted)
        if saved.get(name) != wanted.get(name)
    ]
    if changed:
        raise InputError(
            f"{path} is of a run with other settings: {'; '.join(changed)}; give the "
            "old ones again, or run without --resume"
        )
    return state, about["tables"]
