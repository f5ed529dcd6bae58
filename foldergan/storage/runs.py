"""What is recorded of a run: the settings in force, and what they ran on."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any, TypeVar

from foldergan.config.data_settings import GROUPING, Data
from foldergan.config.precision import PRECISIONS
from foldergan.config.presets import Preset
from foldergan.config.settings import GAN
from foldergan.errors import InputError, report_unreadable
from foldergan.storage.filenames import RUN
from foldergan.storage.tables import save_json

_Used = TypeVar("_Used", GAN, Data)
OF_ANOTHER = "is of another training than run_GANModel.json beside it tells of"
# What versions did whose records lack these settings.
_BEFORE = {"group_by": "none", "near_duplicates": "ignore"}
# Of a preset, that a script runs by.
_SECTIONS = {"TrainModel": "classifier", "GANModel": "gan"}


def save_run(
    model_dir: Path,
    script: str,
    preset: Preset,
    versions: dict[str, str],
    given: str,
    **others: Any,
) -> None:
    """Saves run_<script>.json: the settings in force and what they ran on.

    Args:
        model_dir: folder of the models.
        script: TrainModel or GANModel.
        preset: its precision is the one that was computed in.
        versions: as of `backend.versions`.
        given: precision that was asked for, perhaps auto.
        others: further JSON values, such as the identity of the data.
    """
    record = {
        "preset": dataclasses.asdict(preset),
        "given_precision": given,
        "versions": versions,
    }
    save_json(model_dir / RUN.format(script=script), record | others)


def is_of_another_training(generator_path: Path) -> bool:
    """Tells whether a generator is not of the training that is recorded beside it.

    It counts as one of it where nothing is known, as of versions before 0.3, and where
    it is damaged, which loading it will tell.
    """
    try:
        known = load_run(generator_path.parent, "GANModel").get("training")
        training = _training_in(generator_path, generator_path.stat().st_mtime_ns)
    except Exception:  # of a damaged file anything
        return False
    return None not in (training, known) and training != known


@functools.lru_cache
def _training_in(generator_path: Path, changed: int) -> Any:
    """Reads a generator's name of its training once, unless it is changed."""
    from foldergan.storage import hdf5

    return hdf5.read_about(generator_path).get("training")


def precision_of_generator(generator_path: Path) -> str:
    """Tells what a generator was trained in; float32 where no record tells."""
    if is_of_another_training(generator_path):
        return "float32"
    return precision_of(generator_path.parent, "GANModel")


def precision_of(model_dir: Path, script: str) -> str:
    """Tells what the networks of a script's last run were computed in.

    Where no record tells, they count as float32 ones.
    """
    try:
        record = load_run(model_dir, script)
    except InputError:
        return "float32"
    return _precision_in(record, script)


def _precision_in(record: dict[str, Any], script: str) -> str:
    precision = record["preset"]
    for name in (_SECTIONS[script], "precision"):
        precision = precision.get(name, {}) if isinstance(precision, dict) else {}
    return precision if precision in PRECISIONS else "float32"


def chosen_before(model_dir: Path, script: str, preset: Preset) -> str | None:
    """Tells what auto chose the last time that this training ran in a folder.

    Returns:
        None where there was none of the same preset and seed, nothing was left to
        auto, or auto is not to choose that now.
    """
    try:
        record = load_run(model_dir, script)
    except InputError:
        return None
    before = record["preset"]
    same = isinstance(before, dict) and all(
        before.get(name) == getattr(preset, name) for name in ("name", "seed")
    )
    chosen, now = _precision_in(record, script), getattr(preset, _SECTIONS[script])
    was_auto = record.get("given_precision") == "auto"
    return chosen if same and was_auto and chosen in now.auto_precisions else None


def describe_training(generator_path: Path) -> dict[str, Any] | None:
    """Names the images that a generator was trained on.

    Returns:
        data, as of `arrays.identify`, image_shape, and held_out, seed and settings of
        groups of the split; None where its training is not recorded, or by a version
        before 0.3.
    """
    if is_of_another_training(generator_path):
        return None
    model_dir = generator_path.parent
    try:
        record = load_run(model_dir, "GANModel")
        known, seed = load_settings(
            model_dir, "GANModel", GAN(), ("image_shape", "held_out")
        )
        grouping, _ = load_settings(model_dir, "GANModel", Data(), GROUPING)
    except InputError:
        return None
    if not isinstance(record.get("data"), str):
        return None
    return {
        "data": record["data"],
        "image_shape": known.image_shape,
        "held_out": known.held_out,
        "seed": seed,
        **{name: getattr(grouping, name) for name in GROUPING},
    }


def warn_of_other_data(model_dir: Path, generator_path: Path) -> None:
    """Says so where a classifier was trained on other images than a generator.

    Args:
        model_dir: folder of the classifier.
        generator_path: file of the generator.
    """
    known = describe_training(generator_path)
    try:
        of_classifier = load_run(model_dir, "TrainModel").get("data")
    except InputError:
        return
    if known is None or not isinstance(of_classifier, str):  # of earlier versions
        return
    if not _may_be_same(known["data"], of_classifier):
        print(
            f"warning: the classifier in {model_dir} was trained on other images, "
            f"labels or class names than {generator_path}; what it says of its images "
            "may mean nothing; train both on the same"
        )


def _may_be_same(one: str, other: str) -> bool:
    """Compares `arrays.identify` of two sets, which may differ in the size alone."""
    shape, other_shape = one.partition(" ")[0], other.partition(" ")[0]
    if shape == other_shape:
        return one == other
    return shape.partition("x")[0] == other_shape.partition("x")[0]


def read_training(known: dict[str, Any]) -> dict[str, Any] | None:
    """Brings what `describe_training` returned back from JSON.

    Returns:
        None where a version before 0.3 wrote it, which knew a sample of the data.

    Raises:
        ValueError: it is something else, as KeyError and TypeError say too.
    """
    names = ("image_shape", "held_out")
    settings = GAN().override({name: known[name] for name in names})
    known = _BEFORE | known
    Data().override({name: known[name] for name in GROUPING})
    if "data" not in known:
        return None
    if not isinstance(known["data"], str) or not _is_seed(known["seed"]):
        raise ValueError("it is no record of a training")
    return known | {name: getattr(settings, name) for name in names}


def load_settings(
    model_dir: Path, script: str, default: _Used, names: tuple[str, ...]
) -> tuple[_Used, int]:
    """Loads some settings of a run of a script, and its seed.

    Args:
        model_dir: folder of the models.
        script: that `save_run` was given.
        default: for all other settings.
        names: of the settings.

    Raises:
        InputError: missing or damaged.
    """
    record = load_run(model_dir, script)
    way_out = f"run: python {script}.py"
    with report_unreadable(model_dir / RUN.format(script=script), way_out=way_out):
        section = record["preset"]["gan" if isinstance(default, GAN) else "data"]
        before = _BEFORE | {"resize": default.resize}
        settings = default.override({n: (before | section)[n] for n in names})
        seed = record["preset"]["seed"]
        if not _is_seed(seed):
            raise ValueError("its seed is no whole number from 0 to 2147483647")
    return settings, seed


def resize_of(model_dir: Path) -> str:
    """Tells how a classifier's training resized images; stretch where none tells."""
    try:
        return load_settings(model_dir, "TrainModel", Data(), ("resize",))[0].resize
    except InputError:
        return "stretch"


def _is_seed(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def load_run(model_dir: Path, script: str) -> dict[str, Any]:
    """Loads what `save_run` saved.

    Raises:
        InputError: missing or damaged.
    """
    path = model_dir / RUN.format(script=script)
    way_out = f"run: python {script}.py"
    if not path.is_file():
        raise InputError(f"{path} not found; {way_out}")
    with report_unreadable(path, way_out=way_out):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or "preset" not in record:
            raise ValueError("it records no settings")
    return record


def warn_of_other_versions(
    model_dir: Path, script: str, versions: dict[str, str]
) -> None:
    """Says so when a run goes on with other versions than it began with.

    Args:
        model_dir: folder of the models.
        script: that `save_run` was given.
        versions: of now.
    """
    try:
        saved = dict(load_run(model_dir, script)["versions"])
    except (InputError, ValueError, KeyError, TypeError):  # none, or of others
        return
    changed = [
        f"{name} was {saved[name]}, is {version}"
        for name, version in versions.items()
        if saved.get(name, version) != version
    ]
    if changed and all(line.isprintable() for line in changed):
        print(f"warning: results may differ in their bits: {'; '.join(changed)}")
