"""A GAN's images after so many CPU minutes on a folder of photographs.

    python benchmarks/photographs.py --dataset clothing5/train \
        --real clothing5/validation --backbone lite0.keras --work ~/runs

Trains each contender, from each seed, on four fifths of each class of --dataset, at
128x128. Its images are compared with the held-out fifth and all of --real, in the
features of two networks that taught none (see imagenet.py). EfficientNet-Lite1 is like
the backbone of one contender, and the ResNet-50 is not. A linear head on the features
of each, fitted to the training images, tells which class an image shows.

A contender is a preset, a .toml file such as those in benchmarks/ablations, or
lightweight-gan, the package of PyPI (see lightweight_gan_cpu.py). --lightweight-gan is
then the path of a Python that has it. lightweight-gan-64 is the same, narrower. Neither
knows classes. GANModel.py trains presets with nothing held out. Where the discriminator
uses features of a classifier, TrainModel.py makes it first, once, and its CPU minutes
are printed separately.

Minutes are CPU minutes of the whole process on one core. The generator of a mark is the
last one that was saved by then. Writes photographs.csv, side_by_side.png, and for each
contender and seed a sample grid at each mark, unselected. Interrupted, or given more
marks, contenders or seeds, the same command resumes.
"""

import argparse
import csv
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import budget
import imagenet
import numpy as np
import side_by_side

SIZE = 128
NUM_FAKE = 500
COLUMNS = 7  # of a page
HELD_OUT = 0.2
PEER = "lightweight-gan"
FIGURES = ("kernel_distance", "coverage", "precision")


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--real", type=Path, help="more images to compare with")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--contenders", nargs="+", default=["photo-128"])
    parser.add_argument("--backbone", help="of the presets that use one")
    parser.add_argument("--lightweight-gan", metavar="PYTHON", help="that has it")
    parser.add_argument("--at", nargs="+", type=float, default=[10, 20, 30])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--core", type=int, help="to run on; default: the first")
    return parser.parse_args()


def environment() -> dict:
    """Names one thread to whatever counts cores by itself.

    Memory is kept rather than returned: without that PyTorch spends up to half of its
    time on having it cleared again.
    """
    kept = {"MALLOC_MMAP_THRESHOLD_": 2**32, "MALLOC_TRIM_THRESHOLD_": 2**33}
    threads = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    given = kept | dict.fromkeys(threads, 1)
    own = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return own | {name: str(value) for name, value in given.items()}


class Data:
    """The images trained on and the real ones to compare with, as arrays.

    Args:
        options: the flags. What is missing in the work folder is made.
    """

    def __init__(self, options):
        from foldergan.config.settings import Data as DataSettings
        from foldergan.data import dataset
        from foldergan.storage import arrays

        self.folder, real = options.work / "data", options.work / "real"
        photographs = options.work / "photographs"
        if not photographs.exists():
            _link(options, photographs)
        shape = (SIZE, SIZE, 3)
        for folder, source in ((self.folder, "train"), (real, "real")):
            folder.mkdir(exist_ok=True)
            self.names = dataset.build(
                photographs / source, folder, DataSettings(image_shape=shape)
            )
        self.training = np.array(arrays.load_images(self.folder))
        self.labels = arrays.load_labels(self.folder, len(self.training))
        self.real = np.array(arrays.load_images(real))
        self.real_classes = arrays.load_labels(real, len(self.real)).argmax(1)

    def save_images(self, folder: Path) -> Path:
        """Saves the images trained on for whoever reads a folder only."""
        from foldergan.storage import plots

        folder.mkdir(exist_ok=True)
        for number, image in enumerate(self.training):
            path = folder / f"{number:05d}.png"
            if not path.exists():
                plots.save_image(path, image)
        return folder


def _link(options, folder: Path) -> None:
    """Makes folders of links to the photographs to train on and to compare with."""
    from foldergan.data import folders, splits

    links = {}
    for source in filter(None, (options.dataset, options.real)):
        files = [
            (name, Path(entry.path).resolve())
            for name, entries in folders.list_files(source, 2).items()
            for entry in entries
        ]
        held_out = range(len(files))
        if source == options.dataset:
            names = sorted({name for name, _ in files})
            labels = np.eye(len(names))[[names.index(name) for name, _ in files]]
            _, held_out = splits.split_by_class(labels, HELD_OUT, 0)
        held_out = set(held_out)
        for row, (name, path) in enumerate(files):
            part = "real" if row in held_out else "train"
            links[Path(part, name, f"{source.name}-{path.name}")] = path
    temporary = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    for link, path in links.items():
        (temporary / link).parent.mkdir(parents=True, exist_ok=True)
        (temporary / link).symlink_to(path)
    temporary.rename(folder)


class Judge:
    """Compares images with the real ones, and tells which class they show.

    Args:
        options: the flags; features of photographs are kept in the work folder.
        data: that the contenders are trained on and compared with.
        extract: the network; see `imagenet.load`.
    """

    def __init__(self, options, data: Data, extract):
        from foldergan.classifier import linear_head

        self._extract, self.name = extract, extract.name
        kept = options.work / f"features-{self.name.split()[0]}.npz"
        if not kept.exists():
            features = map(self._extract, (data.training, data.real))
            np.savez(kept, **dict(zip(("training", "real"), features, strict=True)))
        with np.load(kept) as file:
            self._training, self._real = file["training"], file["real"]
        self._classes = data.real_classes
        self._names = data.names
        weights = np.ones(len(data.names), np.float32)
        views = self._training[:, None]
        self._head = linear_head.fit(views, data.labels, weights, seed=0)

    def evaluate(self, images, class_ids=None) -> dict:
        """Returns the figures of images that were drawn of these classes, if any."""
        return self._figures(self._extract(images), class_ids, self._real)

    def references(self) -> dict[str, dict]:
        """Returns the figures of photographs in the place of drawn images."""
        rng = np.random.default_rng(0)
        first, second = np.array_split(rng.permutation(len(self._real)), 2)
        some = rng.permutation(len(self._training))[:NUM_FAKE]
        real = self._real
        return {
            "half of the real images against the other half": self._figures(
                real[second], self._classes[second], real[first]
            ),
            f"{len(some)} of the images trained on": self._figures(
                self._training[some], None, real
            ),
        }

    def accuracy(self) -> float:
        """Tells how often it is right about the real images."""
        return float((self._predict(self._real) == self._classes).mean())

    def _predict(self, features):
        return self._head.logits(features).argmax(1)

    def _figures(self, features, class_ids, real) -> dict:
        from foldergan.metrics import scores

        predicted = self._predict(features)
        row, _ = scores.evaluate(real, features, self._extract.name)
        row["as_intended"] = ""
        if class_ids is not None:
            row["as_intended"] = float((predicted == class_ids).mean())
        for number, name in enumerate(self._names):
            row[f"share of {name}"] = float((predicted == number).mean())
        return row


class PresetContender:
    """A preset, trained by the scripts.

    Args:
        name: of the preset, or path of a .toml file.
        options: the flags.
        data: to train on.
    """

    state = "resume.npz"

    def __init__(self, name: str, options, data: Data):
        from foldergan.config.presets import find_preset

        self.name, self._preset = Path(name).stem, find_preset(name)
        self._given, self._options, self._data = name, options, data
        settings = replace(self._preset.gan, held_out=0.0, patience=0)
        self._needs_classifier = settings.uses_classifier
        if settings.backbone != "none" and not options.backbone:
            sys.exit(f"{name} needs a backbone: give one with --backbone")

    def train(self, folder: Path, seed: int) -> dict:
        """Trains until the last mark; returns what `budget.train` does."""
        if self._needs_classifier:
            self._copy_classifier(folder)
        command = self._script("GANModel.py", folder, seed)
        command += ["--held-out", "0", "--patience", "0", "--epochs", str(10**6)]
        command += ["--save-every", "1", "--saves", "generator"]
        if self._preset.gan.backbone != "none":
            command += ["--backbone", self._options.backbone]
        at = self._options.at
        return budget.train(command, folder, at, self.state, environment())

    def _copy_classifier(self, folder: Path) -> None:
        """Puts the classifier in the folder, and trains it where there is none yet."""
        from foldergan.storage import filenames, tables

        trained = self._options.work / f"classifier-of-{self.name}"
        if not (trained / "minutes.json").exists():
            before = budget.children_minutes()
            command = self._script("TrainModel.py", trained, 0)
            subprocess.run(command, check=True, env=environment())
            minutes = budget.children_minutes() - before
            tables.save_json(trained / "minutes.json", minutes)
        minutes = json.loads((trained / "minutes.json").read_text())
        print(f"{self.name}: {minutes:.1f} minutes for its classifier, not counted")
        folder.mkdir(exist_ok=True)
        for name in (
            filenames.CLASSIFIER_JSON,
            filenames.CLASSIFIER_H5,
            filenames.CLASS_NAMES,
        ):
            if not (folder / name).exists():
                shutil.copy(trained / name, folder / name)

    def _script(self, script: str, folder: Path, seed: int) -> list:
        command = [sys.executable, side_by_side.ROOT / script]
        command += ["--preset", self._given, "--seed", str(seed)]
        command += ["--data-dir", self._data.folder, "--model-dir", folder]
        if script == "TrainModel.py":
            command += ["--dataset", self._options.work / "photographs" / "train"]
        return command

    def draw(self, generator: Path) -> dict:
        """Draws with a saved generator.

        Returns:
            A name -> 500 images, their class numbers or None, and those of a page.
        """
        from foldergan.gan import sampling
        from foldergan.storage import models

        network = models.load_generator(generator)
        real = np.sort(self._data.real_classes)
        class_ids = real[np.arange(NUM_FAKE) * len(real) // NUM_FAKE]
        page_ids = np.arange(len(self._data.names)).repeat(COLUMNS)
        images, page = (
            sampling.generate(
                network, sampling.sample_inputs(network, len(ids), seed, ids)
            )
            for seed, ids in ((1, class_ids), (2, page_ids))
        )
        has_classes = models.num_classes_of(network) > 0
        return {self.name: (images, class_ids if has_classes else None, page)}


class Peer:
    """lightweight-gan, trained by its own package.

    Args:
        name: lightweight-gan, or with the most channels behind it.
        options: the flags.
        data: to train on.
    """

    state = "state.pt"

    def __init__(self, name: str, options, data: Data):
        if not options.lightweight_gan:
            sys.exit(f"{name} needs a Python that has it: --lightweight-gan PYTHON")
        self.name, self._options, self._data = name, options, data
        script = Path(__file__).with_name("lightweight_gan_cpu.py")
        self._script = [options.lightweight_gan, script]
        channels = name.removeprefix(PEER).removeprefix("-") or "512"
        self._flags = ["--size", str(SIZE), "--fmap-max", channels]

    @cached_property
    def _images(self) -> Path:
        return self._data.save_images(self._options.work / "images")

    def train(self, folder: Path, seed: int) -> dict:
        """Trains until the last mark; returns what `budget.train` does."""
        command = [*self._script, "train", *self._flags, "--seed", str(seed)]
        command += ["--images", self._images, "--folder", folder]
        at = self._options.at
        return budget.train(command, folder, at, self.state, environment())

    def draw(self, generator: Path) -> dict:
        """Draws with both saved generators; see `PresetContender.draw`."""
        drawn = generator.with_name("drawn.npz")
        command = [*self._script, "draw", generator, *self._flags]
        command += ["--count", str(NUM_FAKE), "--output", drawn]
        subprocess.run(command, check=True, env=environment())
        names = {"generator": self.name, "average": f"{self.name}, averaged"}
        count = COLUMNS * len(self._data.names)
        with np.load(drawn) as file:
            images = {
                name: file[part] / np.float32(255) for part, name in names.items()
            }
        drawn.unlink()
        return {name: (some, None, some[:count]) for name, some in images.items()}


def measure(options, contender, seed: int, judges: list[Judge]) -> list[dict]:
    """Trains and evaluates a contender from a seed at each mark, unless that is done.

    Returns:
        A row of figures for each evaluation network, mark and generator.
    """
    from foldergan.storage import plots, tables

    folder = options.work / f"{contender.name}-{seed}"
    marks = contender.train(folder, seed)
    rows = []
    for mark in options.at:
        kept = marks[f"{mark:g}"]
        cache = folder / f"after-{mark:g}-minutes.json"
        if not cache.exists():
            judged = []
            for name, drawn in contender.draw(folder / kept["file"]).items():
                images, class_ids, page = drawn
                path = page_path(options, name, seed, mark)
                plots.save_image_grid(path, page, COLUMNS)
                about = {"contender": name, "seed": seed, "minutes": mark}
                about |= {"saved_after": kept["minutes"], "save": kept["number"]}
                judged += [about | each.evaluate(images, class_ids) for each in judges]
            tables.save_json(cache, judged)
        rows += json.loads(cache.read_text())
        print(*(rows[-1][name] for name in ("contender", "seed", "minutes")), "done")
    return rows


def page_path(options, name: str, seed: int, mark: float) -> Path:
    """Names the file of a page."""
    stem = re.sub(r"[^\w-]+", "-", name)
    return options.work / "pages" / f"{stem}-{seed}-after-{mark:g}-minutes.png"


def save_rows(path: Path, rows: list[dict]) -> None:
    """Saves rows under one header line."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def print_tables(rows: list[dict], judge: Judge, data: Data) -> None:
    """Prints a network's medians over the seeds, and those of real photographs."""
    references = [
        {"contender": name, "minutes": "", "saved_after": "", "seed": ""} | row
        for name, row in judge.references().items()
    ]
    groups = {}
    for row in references + rows:
        groups.setdefault((row["contender"], row["minutes"]), []).append(row)
    names = ("saved_after", "as_intended", *FIGURES)
    shares = [f"share of {name}" for name in data.names]
    titles = [name.replace("_", " ") for name in names]
    figures, classes = [], []
    for (name, mark), some in groups.items():
        about = [name, f"{mark:g}" if mark else "", len(some) if mark else ""]
        figures.append(about + [_median(some, column) for column in names])
        classes.append(about + [_median(some, column) for column in shares])
    print(f"\n{judge.name}: right about {judge.accuracy():.1%} of the real images\n")
    side_by_side.table(["contender", "minutes", "seeds", *titles], figures)
    real = [float((data.real_classes == k).mean()) for k in range(len(data.names))]
    classes.insert(0, ["the real images' own", "", "", *(f"{x:.3g}" for x in real)])
    print()
    side_by_side.table(["contender", "minutes", "seeds", *shares], classes)


def _median(rows: list[dict], column: str) -> str:
    values = [row[column] for row in rows if row[column] != ""]
    return f"{statistics.median(values):.3g}" if values else ""


def draw_side_by_side(options, rows: list[dict], data: Data) -> None:
    """Draws the pages of the last mark beside one of real images, first seed."""
    from matplotlib import image
    from matplotlib.figure import Figure

    from foldergan.storage import plots

    real = [
        data.real[data.real_classes == number][:COLUMNS]
        for number in range(len(data.names))
    ]
    path = options.work / "pages" / "real.png"
    plots.save_image_grid(path, np.concatenate(real), COLUMNS)
    seed, mark = options.seeds[0], max(options.at)
    pages = {"real": path}
    for row in rows:
        if (row["seed"], row["minutes"]) == (seed, mark):
            name = row["contender"]
            pages[name] = page_path(options, name, seed, mark)
    across = min(3, len(pages))
    down = -(-len(pages) // across)
    figure = Figure(figsize=(9 * across, 7 * down), layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (name, path) in zip(axes, pages.items(), strict=False):
        axis.imshow(image.imread(path))
        axis.set_title(name if name == "real" else f"{name}, {mark:g} minutes", size=18)
    figure.savefig(options.work / "side_by_side.png", dpi=100)


def main():
    """Trains what has not been trained yet, evaluates it, and prints."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores) if options.core is None else options.core})
    (options.work / "pages").mkdir(parents=True, exist_ok=True)
    from foldergan import backend

    backend.load()
    data = Data(options)
    contenders = [
        (Peer if name.startswith(PEER) else PresetContender)(name, options, data)
        for name in options.contenders
    ]
    extractors = [
        imagenet.load(1, size=224, mode="bilinear"),
        imagenet.load_resnet(224, "bilinear"),
    ]
    judges = [Judge(options, data, extract) for extract in extractors]
    rows = []
    for seed in options.seeds:
        for contender in contenders:
            rows += measure(options, contender, seed, judges)
            save_rows(options.work / "photographs.csv", rows)
    counts = f"{len(data.training)} images trained on, {len(data.real)} real ones"
    print(side_by_side.machine(), side_by_side.versions("keras", "tensorflow", "torch"))
    print(f"{counts}, {NUM_FAKE} drawn; medians of the seeds")
    for judge in judges:
        judged = [row for row in rows if row["extractor"] == judge.name]
        print_tables(judged, judge, data)
    draw_side_by_side(options, rows, data)


if __name__ == "__main__":
    main()
