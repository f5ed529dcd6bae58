"""Kills the three scripts at random moments, and looks at what each kill leaves.

    python benchmarks/crashes.py
    python benchmarks/crashes.py --kills 8 --per-stage 2 --presets smoke

Each chain begins in a folder where an older run has ended, with another seed and other
class names. TrainModel.py, GANModel.py, GeneratePredict.py and its export run there one
after the other. Each is killed (SIGKILL) several times at a moment drawn uniformly from
its run time, and then runs to its end: GANModel.py with --resume where there is a
state, the others by the same command.

    lost   a file that can no longer be read, a classifier or arrays gone, a state that
           is older than the one before the kill
    mixed  arrays, a classifier or predictions that are neither the older run's nor
           those of a run without kills, and are not refused either
    equal  chains that end with the files of a run without kills, in bytes

`best-32` and `photo-128` are cut down to networks of a few filters; the backbone is
made here. A process that has imported TensorFlow once is forked for each run, so that
the moments fall into the scripts' own work. Needs os.fork: Linux or macOS.
"""

import argparse
import csv
import hashlib
import importlib
import itertools
import json
import os
import pkgutil
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import side_by_side

ROOT = side_by_side.ROOT
TINY_GAN = """
[gan]
epochs = 3
save_every = 1
batch_size = 4
latent_dim = 8
generator_filters = [4, 4, 4]
discriminator_filters = [4, 4, 4]
feature_filters = 4
precision = "float32"
"""
PRESETS = {
    "smoke": 'base = "smoke"\n[gan]\nepochs = 4\n',
    "best-32": 'base = "best-32"\n'
    + TINY_GAN
    + """
held_out = 0.75
[classifier]
filters = [4, 4]
epochs = 2
least_steps = 2
batch_size = 4
precision = "float32"
""",
    "photo-128": 'base = "photo-128"\n'
    + TINY_GAN
    + """
backbone = "tiny.keras"
held_out = 0.0
code_size = 4
warm_up_steps = 1
[classifier]
backbone = "tiny.keras"
[data]
image_shape = [32, 32, 3]
[generate]
generator = "generator_model_003.h5"
""",
}
STAGES = {
    "arrays and classifier": ("TrainModel.py",),
    "GAN": ("GANModel.py",),
    "predictions": ("GeneratePredict.py", "--count", "12"),
    "export": (
        *("GeneratePredict.py", "--export", "more", "--min-confidence", "0"),
        *("--per-class", "6"),
    ),
}
# What says which run it was, or grows from epoch to epoch.
OF_RUN = ("report", "output.txt", "img_data.txt.json")
PASSING = (
    "README.md",
    "export.json",
    "gan_",
    "generated_nearest",
    "generator_best",
    "resume",
)


def load_all() -> None:
    """Imports all that the scripts import, which would take longer than their work."""
    import foldergan
    from foldergan import backend

    backend.load()
    for module in pkgutil.walk_packages(foldergan.__path__, "foldergan."):
        importlib.import_module(module.name)


def forked(work) -> int:
    """Does some work in a process of its own and returns the process's number."""
    process = os.fork()
    if process:
        return process
    try:
        os._exit(work() or 0)
    finally:
        os._exit(99)


def run(folder: Path, command: tuple[str, ...], kill_after: float | None = None) -> int:
    """Runs a script in a folder, perhaps not to its end.

    Returns:
        Its exit code; -9 where it was killed.
    """

    def script() -> int:
        os.chdir(folder)
        with open("output.txt", "a") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.argv = [*command, "--preset", "cut.toml"]
        try:
            runpy.run_path(str(ROOT / command[0]), run_name="__main__")
        except SystemExit as end:
            sys.stdout.flush()
            return end.code or 0
        return 1

    process = forked(script)
    end = time.monotonic() + (kill_after or 0)
    while kill_after is not None and time.monotonic() < end:
        time.sleep(0.002)
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
    if kill_after is not None:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def read(look, *arguments) -> str:
    """Looks at files in a process of its own: TensorFlow must not run in this one."""
    reader, writer = os.pipe()

    def looking() -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.write(writer, look(*arguments).encode())

    process = forked(looking)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return said if code == 0 else "lost"


def read_arrays(folder: Path) -> str:
    """Names the arrays that a script would read, or says that it would refuse them."""
    from foldergan.errors import InputError
    from foldergan.storage import arrays

    try:
        images = arrays.load_images(folder)
        labels = arrays.load_labels(folder, len(images))
        names = arrays.load_source(folder).class_names
    except InputError as error:
        return "refused" if "is not the file that" in str(error) else "lost"
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() + str(names)


def read_classifier(folder: Path) -> str:
    """Names the classifier that a script would load, or says that it is refused."""
    from foldergan.errors import InputError
    from foldergan.storage import models

    try:
        loaded = models.load_classifier(folder / "model")
    except InputError as error:
        words = str(error)
        is_other = "train.h5" in words and "damaged" not in words
        return "refused" if is_other else "lost"
    weights = b"".join(weight.tobytes() for weight in loaded.model.get_weights())
    return hashlib.sha256(weights).hexdigest() + str(loaded.class_names)


def read_files(paths: list[Path]) -> str:
    """Reads files of every kind; says which cannot be read."""
    for path in paths:
        try:
            read_file(path)
        except Exception as error:
            return f"{path.name}: {error}"
    return "whole"


def read_file(path: Path) -> None:
    """Reads one file, or fails."""
    import cv2

    from foldergan.storage import models, seals

    match path.suffix:
        case ".h5" if path.name.startswith("generator"):
            models.load_generator(path)
        case ".npz":
            seals.check(path)
        case ".png":
            assert cv2.imread(str(path)) is not None, "no image"
        case ".json":
            json.loads(path.read_text())
        case ".csv":
            for row in csv.DictReader(path.read_text().splitlines()):
                assert None not in (*row, *row.values()), "half a row"
        case ".html":
            assert path.read_text().endswith("</html>\n"), "half a page"


def epochs_in(state: Path) -> int:
    """Tells after how many epochs a training resumes; 0 where there is no state."""
    import numpy as np

    if not state.is_file():
        return 0
    with np.load(state) as file:
        return int(file["position"][0])


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of each file with a final name, but for those that describe the run."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_final = (
            not path.name.startswith((".", *OF_RUN)) and "report" not in name.parts
        )
        if path.is_file() and is_final:
            found[str(name)] = path.read_bytes()
    return found


class Case:
    """A preset: a folder that an older run has left, and one of a run without kills.

    Args:
        folder: to work in, new.
        name: of the preset.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.old, unbroken = folder / "old", folder / "unbroken"
        self._seen: dict[object, str] = {}
        self._make_old()
        shutil.copytree(self.old, unbroken)
        self.seconds: dict[str, float] = {}
        self.ends: dict[str, tuple[int, dict[str, bytes]]] = {}  # code and files
        for stage, command in STAGES.items():
            start = time.monotonic()
            code = run(unbroken, command)
            self.seconds[stage] = time.monotonic() - start
            self.ends[stage] = code, contents(unbroken)
        self._files = contents(self.old), contents(unbroken)
        self._known = [
            (self._arrays(folder), self._classifier(folder))
            for folder in (self.old, unbroken)
        ]
        assert all("lost" not in known for known in self._known), self._known

    def _make_old(self) -> None:
        """Draws two classes of four images each, and runs the three scripts there."""

        def draw() -> None:
            sys.path.append(str(ROOT / "tests"))
            import conftest
            import tiny_backbone

            conftest.draw_images(self.old / "dataset")
            tiny_backbone.save_tiny(self.old)

        assert os.waitpid(forked(draw), 0)[1] == 0
        (self.old / "cut.toml").write_text(PRESETS[self.name])
        for command in list(STAGES.values())[:3]:
            code = run(self.old, (*command, "--seed", "1"))
            assert code == 0, (self.old / "output.txt").read_text()
        # Sorted otherwise: new labels would be wrong for the old images.
        (self.old / "dataset" / "red").rename(self.old / "dataset" / "azure")

    def _look(self, look, folder: Path, names: tuple[str, ...]) -> str:
        """Looks at a folder, unless the very same files have been seen."""
        paths = [folder / name for name in names]
        key = (look, *(path.read_bytes() for path in paths if path.is_file()))
        if key not in self._seen:
            self._seen[key] = read(look, folder)
        return self._seen[key]

    def _arrays(self, folder: Path) -> str:
        names = ("img_data.txt.npy", "img_label.txt.npy", "img_data.txt.json")
        return self._look(read_arrays, folder, names)

    def _classifier(self, folder: Path) -> str:
        names = ("model/train.json", "model/train.h5", "model/classes.json")
        return self._look(read_classifier, folder, names)

    def _unreadable(self, folder: Path) -> list[str]:
        """Names the first file that cannot be read, of those not seen before."""
        new = {}
        for path in folder.rglob("[!.]*.*"):
            if (
                path.is_file()
                and (key := (path.name, path.read_bytes())) not in self._seen
            ):
                new[key] = path
        said = read(read_files, list(new.values()))
        if said == "whole":
            self._seen |= dict.fromkeys(new, "whole")
        return [said] if said != "whole" else []

    def faults(self, folder: Path) -> tuple[list[str], list[str], list[str]]:
        """Says what a kill has lost, mixed, and left to be refused."""
        from foldergan.storage import filenames

        lost, mixed, refused = self._unreadable(folder), [], []
        found = {"arrays": self._arrays(folder), "classifier": self._classifier(folder)}
        for (name, said), *known in zip(found.items(), *self._known, strict=True):
            if said == "lost":
                lost.append(name)
            elif said == "refused":
                refused.append(name)
            elif said not in known:
                mixed.append(name)
        old, new = self._files
        now = contents(folder)
        for name, data in now.items():
            is_known = data in (old.get(name), new.get(name))
            if not (is_known or Path(name).name.startswith(PASSING)):
                mixed.append(name)
        for main, others in (
            (filenames.PREDICTIONS, filenames.OF_PREDICTIONS),
            (filenames.CLASSIFIER_H5, filenames.OF_CLASSIFIER),
        ):
            of = old if now[f"model/{main}"] == old[f"model/{main}"] else new
            for name in (f"model/{other}" for other in others):
                if name in now and now[name] != of.get(name):
                    mixed.append(f"{name} beside another {main}")
        return lost, mixed, refused

    def has_state(self, folder: Path) -> bool:
        """Tells whether there is a state to resume from, and not the older run's."""
        path = folder / "model" / "resume.npz"
        old = self._files[0]["model/resume.npz"]
        return path.is_file() and path.read_bytes() != old


class Tally:
    """What all the kills have come to."""

    def __init__(self) -> None:
        self.kills = dict.fromkeys(STAGES, 0)
        self.lost: list[str] = []
        self.mixed: list[str] = []
        self.refused = self.chains = self.equal = 0

    def text(self) -> str:
        """Says it in a line."""
        by_stage = ", ".join(f"{stage} {count}" for stage, count in self.kills.items())
        return (
            f"{sum(self.kills.values())} kills ({by_stage}): {len(self.lost)} lost, "
            f"{len(self.mixed)} mixed, {self.refused} refused until the script ran "
            f"again; {self.equal} of {self.chains} chains equal in every bit"
        )


def chain(
    case: Case,
    folder: Path,
    options: argparse.Namespace,
    rng: random.Random,
    tally: Tally,
) -> None:
    """Runs the scripts in turn, each killed several times and then to its end."""
    shutil.copytree(case.old, folder)
    is_equal = True
    for stage, command in STAGES.items():
        code = 0
        for number in range(options.per_stage + 1):
            is_enough = sum(tally.kills.values()) >= options.kills
            is_last = is_enough or number == options.per_stage
            moment = None if is_last else rng.uniform(0, case.seconds[stage])
            has_state = case.has_state(folder)
            before = epochs_in(folder / "model" / "resume.npz") if has_state else 0
            goes_on = has_state and stage == "GAN"
            code = run(folder, (*command, *(["--resume"] if goes_on else [])), moment)
            if code != -signal.SIGKILL:
                break
            tally.kills[stage] += 1
            lost, mixed, refused = case.faults(folder)
            if epochs_in(folder / "model" / "resume.npz") < before:
                lost.append("epochs")
            where = f"{case.name}, {stage}, killed after {moment:.2f} s"
            tally.lost += [f"{where}: {fault}" for fault in lost]
            tally.mixed += [f"{where}: {fault}" for fault in mixed]
            tally.refused += bool(refused)
            said = lost + mixed + [f"{name} refused" for name in refused]
            print(f"{where}: {', '.join(said) or 'whole'}", flush=True)
        if (code, contents(folder)) != case.ends[stage]:
            is_equal = False
            there, expected = contents(folder), case.ends[stage][1]
            names = {n for n in {*there, *expected} if there.get(n) != expected.get(n)}
            print(f"{case.name}, {stage}: ends with {code}, other {sorted(names)}")
    tally.chains += 1
    tally.equal += is_equal
    shutil.rmtree(folder)


def parse() -> argparse.Namespace:
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--per-stage", type=int, default=8, help="in a row")
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=PRESETS)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    return parser.parse_args()


def main() -> None:
    """Kills as often as asked for, and prints what came of it."""
    options = parse()
    packages = ("keras", "tensorflow", "numpy", "h5py", "opencv-python-headless")
    print(f"{side_by_side.machine()}; {side_by_side.versions(*packages)}", flush=True)
    rng, tally = random.Random(options.seed), Tally()
    with tempfile.TemporaryDirectory(prefix="crashes-") as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        os.environ["MPLBACKEND"] = "agg"
        load_all()
        cases: dict[str, Case] = {}
        for preset in itertools.cycle(options.presets):
            if preset not in cases:
                cases[preset] = Case(Path(name) / preset, preset)
            chain(cases[preset], Path(name) / "chain", options, rng, tally)
            print(tally.text(), flush=True)
            if sum(tally.kills.values()) >= options.kills:
                break
    for what, faults in (("lost", tally.lost), ("mixed", tally.mixed)):
        for fault in faults:
            print(f"{what}: {fault}")
    sys.exit(bool(tally.lost or tally.mixed or tally.equal < tally.chains))


if __name__ == "__main__":
    main()
