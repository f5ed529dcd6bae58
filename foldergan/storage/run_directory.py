"""The folder of the models: its generators, and what is recorded of its runs."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, TypeVar

from foldergan.config.presets import Preset
from foldergan.config.settings import GAN, GROUPING, PRECISIONS, Data
from foldergan.errors import InputError, differences, report_unreadable
from foldergan.storage import networks, tables
from foldergan.storage.filenames import RUN

_Used = TypeVar("_Used", GAN, Data)
OF_ANOTHER = "is of another training than run_GANModel.json beside it describes"
# What versions did whose records lack these settings.
_BEFORE = {"group_by": "none", "near_duplicates": "ignore"}
# Of a preset, that a script runs by.
_SECTIONS = {"TrainModel": "classifier", "GANModel": "gan"}


class RunDirectory:
    """The folder that a classifier and a GAN are trained in.

    TrainModel and GANModel each record their last run in it: the settings in force,
    the versions, the identity of the data, of the GAN also the name of its training,
    which every generator carries too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    # Generators.

    def generators(self) -> list[Path]:
        """Lists the saved generators, the oldest epoch first."""
        pattern = re.compile(r"generator_model_(\d+)\.h5")
        found = {
            int(match[1]): path
            for path in self.path.glob("generator_model_*.h5")
            if (match := pattern.fullmatch(path.name))
        }
        return [found[epoch] for epoch in sorted(found)]

    def warn_of_earlier_generators(self) -> None:
        """Says so when there are generators of which a new run may leave some."""
        if earlier := self.generators():
            print(
                f"warning: {self.path} holds {_shortened(earlier)} of an earlier run; "
                "this one replaces those of the same epochs and leaves the others"
            )

    def find_generator(self, wanted: str | None, default: str) -> Path:
        """Decides which generator to load, and says so where it had to choose.

        Args:
            wanted: path, or name in the folder, that the user gave; None for any.
            default: name to take when none was given; else the newest is taken. Those
                that an earlier training left are passed over, as long as there is
                another.

        Raises:
            InputError: the wanted one, or any, is not there.
        """
        saved = self.generators()
        found = f"found {_shortened(saved)}" if saved else "run: python GANModel.py"
        if wanted:
            for path in (Path(wanted), self.path / wanted):
                if path.is_file():
                    if is_of_another_training(path):
                        print(f"warning: {path} {OF_ANOTHER}")
                    return path
            raise InputError(f"the generator {wanted} is not there; {found}")
        path = self.path / default
        candidates = [path] if path.is_file() else []
        candidates += [other for other in reversed(saved) if other != path]
        if not candidates:
            raise InputError(f"no generator in {self.path}; {found}")
        own = (each for each in candidates if not is_of_another_training(each))
        taken = next(own, None)
        if taken is None:
            print(f"warning: {candidates[0]} {OF_ANOTHER}, which has saved none yet")
            return candidates[0]
        if taken != path:
            why = OF_ANOTHER if path.is_file() else "is not there"
            print(f"{path} {why}; taking the newest of the last training, {taken.name}")
        return taken

    # Records.

    def save_run(
        self,
        script: str,
        preset: Preset,
        versions: dict[str, str],
        given_precision: str,
        **others: Any,
    ) -> None:
        """Saves run_<script>.json.

        Args:
            script: TrainModel or GANModel; so in every method.
            preset: the settings in force, with the precision that was computed in.
            versions: those of `backend.versions`.
            given_precision: the precision that was asked for, perhaps auto.
            others: JSON values: the identity of the data, the name of the training.
        """
        record = {
            "preset": dataclasses.asdict(preset),
            "given_precision": given_precision,
            "versions": versions,
        }
        tables.save_json(self.path / RUN.format(script=script), record | others)

    def load_run(self, script: str) -> dict[str, Any]:
        """Loads what `save_run` saved.

        Raises:
            InputError: missing or damaged.
        """
        path = self.path / RUN.format(script=script)
        way_out = f"run: python {script}.py"
        if not path.is_file():
            raise InputError(f"{path} not found; {way_out}")
        with report_unreadable(path, way_out=way_out):
            record = json.loads(path.read_text(encoding="utf-8"))
            sections = [record["preset"].get(each, {}) for each in _SECTIONS.values()]
            if not all(isinstance(each, dict) for each in sections):
                raise ValueError("it records no settings")
        return record

    def load_settings(
        self, script: str, default: _Used, names: tuple[str, ...]
    ) -> tuple[_Used, int]:
        """Loads some settings of a run, by their names, and its seed.

        All other settings are those of `default`, which also tells the section.

        Raises:
            InputError: missing or damaged.
        """
        record = self.load_run(script)
        path, way_out = self.path / RUN.format(script=script), f"python {script}.py"
        with report_unreadable(path, way_out=f"run: {way_out}"):
            section = record["preset"]["gan" if isinstance(default, GAN) else "data"]
            before = _BEFORE | {"resize": default.resize}
            settings = default.override({n: (before | section)[n] for n in names})
            seed = record["preset"]["seed"]
            if not _is_seed(seed):
                raise ValueError("its seed is no whole number from 0 to 2147483647")
        return settings, seed

    def precision(self, script: str) -> str:
        """Tells what the last run was computed in; float32 where no record tells."""
        try:
            precision = self.load_run(script)["preset"][_SECTIONS[script]]["precision"]
        except (InputError, KeyError):
            return "float32"
        return precision if precision in PRECISIONS else "float32"

    def resize(self) -> str:
        """Tells how the classifier's images were resized; stretch where none tells."""
        try:
            return self.load_settings("TrainModel", Data(), ("resize",))[0].resize
        except InputError:
            return "stretch"

    def chosen_before(self, script: str, preset: Preset) -> str | None:
        """The precision `auto` chose in the previous run here.

        Returns:
            None where there was none of the same preset and seed, nothing was left to
            auto, or auto is not to choose that now.
        """
        try:
            record = self.load_run(script)
        except InputError:
            return None
        before, now = record["preset"], getattr(preset, _SECTIONS[script])
        same = (before.get("name"), before.get("seed")) == (preset.name, preset.seed)
        chosen = self.precision(script)
        was_auto = record.get("given_precision") == "auto"
        return chosen if same and was_auto and chosen in now.auto_precisions else None

    def warn_of_other_versions(self, script: str, versions: dict[str, str]) -> None:
        """Says so when a run resumes with other versions than it began with."""
        try:
            saved = dict(self.load_run(script)["versions"])
        except (InputError, ValueError, KeyError, TypeError):  # none, or of others
            return
        now = {name: value for name, value in versions.items() if name in saved}
        changed = differences({name: saved[name] for name in now}, now)
        if changed and all(line.isprintable() for line in changed):
            print(f"warning: results may differ in their bits: {'; '.join(changed)}")

    def warn_of_other_data(self, generator_path: Path) -> None:
        """Says so where the classifier was trained on other images than a generator."""
        known = describe_training(generator_path)
        try:
            of_classifier = self.load_run("TrainModel").get("data")
        except InputError:
            return
        if known is None or not isinstance(of_classifier, str):  # of earlier versions
            return
        if not _may_be_same(known["data"], of_classifier):
            print(
                f"warning: the classifier in {self.path} was trained on other images, "
                f"labels or class names than {generator_path}; what it says of its "
                "images may mean nothing; train both on the same"
            )


def is_of_another_training(generator_path: Path) -> bool:
    """Tells whether a generator is not of the training that is recorded beside it.

    It counts as one of it where nothing is known (versions before 0.3), and
    where it is damaged, which loading it will tell.
    """
    try:
        known = RunDirectory(generator_path.parent).load_run("GANModel")["training"]
        training = networks.read_about(generator_path).get("training")
    except Exception:  # of a damaged file anything
        return False
    return None not in (training, known) and training != known


def precision_of_generator(generator_path: Path) -> str:
    """Tells what a generator was trained in; float32 where no record tells."""
    if is_of_another_training(generator_path):
        return "float32"
    return RunDirectory(generator_path.parent).precision("GANModel")


def describe_training(generator_path: Path) -> dict[str, Any] | None:
    """Names the images that a generator was trained on.

    Returns:
        data, of `arrays.identify`, image_shape, and held_out, seed and settings of
        groups of the split; None where its training is not recorded, or by a version
        before 0.3.
    """
    if is_of_another_training(generator_path):
        return None
    folder, names = RunDirectory(generator_path.parent), ("image_shape", "held_out")
    try:
        data = folder.load_run("GANModel").get("data")
        known, seed = folder.load_settings("GANModel", GAN(), names)
        grouping, _ = folder.load_settings("GANModel", Data(), GROUPING)
    except InputError:
        return None
    if not isinstance(data, str):
        return None
    return {
        "data": data,
        **{name: getattr(known, name) for name in names},
        "seed": seed,
        **{name: getattr(grouping, name) for name in GROUPING},
    }


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


def _may_be_same(one: str, other: str) -> bool:
    """Compares the identities of two sets, which may differ in the size alone."""
    shape, other_shape = one.partition(" ")[0], other.partition(" ")[0]
    if shape == other_shape:
        return one == other
    return shape.partition("x")[0] == other_shape.partition("x")[0]


def _is_seed(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _shortened(paths: list[Path]) -> str:
    """Names all of a few, the first and last of many."""
    names = [path.name for path in paths]
    return ", ".join(names) if len(names) <= 4 else f"{names[0]} ... {names[-1]}"
