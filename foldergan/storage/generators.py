"""Which generators a folder holds, and which of them to take."""

import re
from pathlib import Path

from foldergan.errors import InputError
from foldergan.storage import runs


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
        default: name to take when none was given; else the newest is taken. Those that
            an earlier training left are passed over, as long as there is another.

    Raises:
        InputError: the wanted one, or any, is not there.
    """
    saved = list_generators(model_dir)
    found = f"found {_shortened(saved)}" if saved else "run: python GANModel.py"
    if wanted:
        for path in (Path(wanted), model_dir / wanted):
            if path.is_file():
                if runs.is_of_another_training(path):
                    print(f"warning: {path} {runs.OF_ANOTHER}")
                return path
        raise InputError(f"the generator {wanted} is not there; {found}")
    path = model_dir / default
    candidates = [path] if path.is_file() else []
    candidates += [other for other in reversed(saved) if other != path]
    if not candidates:
        raise InputError(f"no generator in {model_dir}; {found}")
    own = (each for each in candidates if not runs.is_of_another_training(each))
    taken = next(own, None)
    if taken is None:
        print(f"warning: {candidates[0]} {runs.OF_ANOTHER}, which has saved none yet")
        return candidates[0]
    if taken != path:
        why = runs.OF_ANOTHER if path.is_file() else "is not there"
        print(f"{path} {why}; taking the newest of the last training, {taken.name}")
    return taken


def _shortened(paths: list[Path]) -> str:
    """Names all of a few, the first and last of many."""
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} ... {names[-1]}"
