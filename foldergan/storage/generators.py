"""Which generators a folder holds, and which of them to take."""

import re
from pathlib import Path

from foldergan.errors import InputError


def list_generators(model_dir: Path) -> list[Path]:
    """Lists the saved generators of a folder, the oldest epoch first."""
    pattern = re.compile(r"generator_model_(\d+)\.h5")
    found = {
        int(match[1]): path
        for path in model_dir.glob("generator_model_*.h5")
        if (match := pattern.fullmatch(path.name))
    }
    return [found[epoch] for epoch in sorted(found)]


def warn_of_earlier_generators(model_dir: Path) -> None:
    """Says so when a folder holds generators of which a new run may leave some."""
    earlier = list_generators(model_dir)
    if earlier:
        print(
            f"warning: {model_dir} holds {_shortened(earlier)} of an earlier run; this "
            "one replaces those of the same epochs and leaves the others"
        )


def find_generator(model_dir: Path, wanted: str | None, default: str) -> Path:
    """Decides which generator to load, and says so where it had to choose.

    Args:
        model_dir: folder of the models.
        wanted: path, or name in the folder, that the user gave; None for any.
        default: name to take when none was given; else the newest is taken.

    Raises:
        InputError: the wanted one, or any, is not there.
    """
    saved = list_generators(model_dir)
    found = f"found {_shortened(saved)}" if saved else "run: python GANModel.py"
    if wanted:
        for path in (Path(wanted), model_dir / wanted):
            if path.is_file():
                return path
        raise InputError(f"the generator {wanted} is not there; {found}")
    if (model_dir / default).is_file():
        return model_dir / default
    if not saved:
        raise InputError(f"no generator in {model_dir}; {found}")
    print(f"{model_dir / default} is not there; taking the newest, {saved[-1].name}")
    return saved[-1]


def _shortened(paths: list[Path]) -> str:
    """Names all of a few, the first and last of many."""
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} ... {names[-1]}"
