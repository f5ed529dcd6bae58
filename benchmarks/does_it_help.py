"""Whether generated images help a classifier, beside simpler ways.

    python benchmarks/does_it_help.py --dataset clothing5/train --work ~/runs
    python benchmarks/does_it_help.py --dataset cifar5/train --test cifar5/test \
        --cut airplane=50 --work ~/runs-cut --backbone EfficientNetB0

For each seed the images are split into folds; with --test, the seed chooses the images
that --cut leaves. In each fold the three scripts run on the training images only. Then
each arm trains a classifier, which is evaluated on the real images of the held-out
fold, or of --test. All arms of a fold have the same network, seed, augmentation and
number of gradient steps. Only what an arm's name says differs. With --backbone each arm
also fits a linear head to a pretrained network.

Writes results.csv and the table does_it_help.csv in the work folder and prints tables;
with --model-dir that table is in the report.html of this folder too. Interrupted, or
given more seeds, the same command resumes. does_it_help.md has the results.
"""

import argparse
import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import paired
import side_by_side

NOTHING = "nothing"
RATIOS = (0.5, 1.0, 2.0)  # of drawn images to real ones
SHIFTS = ("mirror", "shift")


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--preset", default="best-32")
    parser.add_argument("--test", type=Path, help="images to measure by; no folds then")
    parser.add_argument(
        "--cut", nargs="+", default=[], metavar="CLASS=N", help="leaves N images of it"
    )
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--at-most", type=int, metavar="N", help="folds of each seed")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=2000, help="of every arm")
    parser.add_argument("--model-dir", type=Path, help="show it in its report.html")
    parser.add_argument("--backbone", help="measure with this one too")
    parser.add_argument("--min-confidence", type=float, default=0.5)
    parser.add_argument(
        "--train", default="", metavar="FLAGS", help="more flags of TrainModel.py"
    )
    parser.add_argument(
        "--gan", default="", metavar="FLAGS", help="more flags of GANModel.py"
    )
    options = parser.parse_args()
    if options.folds < 2:
        parser.error("--folds must be at least 2")
    for cut in options.cut:
        if not re.fullmatch(r".+=\d+", cut):
            parser.error(f"--cut {cut}: must be like airplane=50")
    return options


class Data:
    """All real images, as files and as arrays.

    Args:
        options: the flags. What is missing in the work folder is made.
        image_shape: of the arrays.
    """

    def __init__(self, options, image_shape):
        from foldergan.config.settings import Data as DataSettings
        from foldergan.data import dataset
        from foldergan.storage import arrays

        sources = [source for source in (options.dataset, options.test) if source]
        files = [row for source in sources for row in self._list(source)]
        # By class, as the arrays are.
        self._files = sorted(files, key=lambda file: file[0])
        self._is_test = np.array([source == options.test for *_, source in self._files])
        folder, array_dir = options.work / "all", options.work / "arrays"
        self.link(folder, range(len(self._files)))
        array_dir.mkdir(exist_ok=True)
        self.names = dataset.build(
            folder, array_dir, DataSettings(image_shape=image_shape), strict=True
        )
        self.images = arrays.load_images(array_dir)
        self.labels = arrays.load_labels(array_dir, len(self.images))
        cuts = (cut.rpartition("=") for cut in options.cut)
        self._cut = {name: int(left) for name, _, left in cuts}
        if unknown := set(self._cut) - set(self.names):
            sys.exit(f"--cut: there is no class {', '.join(sorted(unknown))}")

    def link(self, folder: Path, rows) -> None:
        """Makes a dataset folder of links to these images."""
        temporary = folder.with_name(f".tmp-{folder.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        for row in rows:
            name, path, _ = self._files[row]
            (temporary / name).mkdir(parents=True, exist_ok=True)
            (temporary / name / f"{row:06d}{path.suffix}").symlink_to(path)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)

    def splits(self, options, seed: int):
        """Yields the rows to train on and to measure by, of each fold."""
        rng = np.random.default_rng(seed)
        fold_of = np.full(len(self.labels), -1)
        for name, column in zip(self.names, self.labels.T, strict=True):
            rows = rng.permutation(np.flatnonzero(column * ~self._is_test))
            rows = rows[: self._cut.get(name)]
            fold_of[rows] = (np.arange(len(rows)) + rng.integers(99)) % options.folds
        if self._is_test.any():
            yield np.flatnonzero(fold_of >= 0), np.flatnonzero(self._is_test)
            return
        for number in range(options.folds)[: options.at_most]:
            held_out = fold_of == number
            yield np.flatnonzero((fold_of >= 0) & ~held_out), np.flatnonzero(held_out)

    @staticmethod
    def _list(source: Path) -> list[tuple[str, Path, Path]]:
        from foldergan.data import folders

        return [
            (name, Path(entry.path).resolve(), source)
            for name, entries in folders.list_files(source, 2).items()
            for entry in entries
        ]


def draw(options, data: Data, folder: Path, training: np.ndarray, seed: int) -> dict:
    """Trains a GAN on the training folds alone, and fills `folder`/pool with it.

    Returns:
        Class -> images that were drawn of it.
    """
    done = folder / "drawn.json"
    if done.exists():
        return json.loads(done.read_text())
    folder.mkdir(exist_ok=True)
    counts = data.labels[training].sum(0)
    most = max(max(RATIOS) * len(training) / len(counts), counts.max() - counts.min())
    data.link(folder / "dataset", training)
    for script, *flags in (
        ("TrainModel.py", "--validation-split", "0", *shlex.split(options.train)),
        ("GANModel.py", *shlex.split(options.gan)),
        (
            *("GeneratePredict.py", "--export", folder / "pool"),
            *("--per-class", int(np.ceil(most))),
            *("--min-confidence", options.min_confidence),
        ),
    ):
        command = [sys.executable, side_by_side.ROOT / script]
        command += ["--preset", options.preset, "--seed", seed, *flags]
        command += ["--data-dir", folder, "--model-dir", folder / "model"]
        if script == "TrainModel.py":
            command += ["--dataset", folder / "dataset"]
        with open(folder / f"{script}.log", "w") as log:
            ended = subprocess.run(list(map(str, command)), stdout=log, stderr=log)
        is_unfilled = script == "GeneratePredict.py" and ended.returncode == 1
        if ended.returncode and not is_unfilled:
            sys.exit(f"{script} failed; see {folder / script}.log")
    record = json.loads((folder / "pool" / "export.json").read_text())
    done.write_text(json.dumps(record["state"]["kept"]))
    return record["state"]["kept"]


class Fold:
    """One fold of one seed: real images, the drawn ones, and the arms.

    Args:
        data: all real images.
        pool: folder of drawn images; None where there are none.
        training: row numbers of the training folds.
        test: row numbers of the held-out fold.
        seed: of the choice of images.
    """

    def __init__(self, data: Data, pool: Path | None, training, test, seed: int):
        from foldergan.data import extra_images
        from foldergan.images import Joined

        # No more than these: features are computed of all images that there are.
        rows = np.concatenate([training, test])
        real = data.images[rows]
        self.images, self.labels = Joined(real), data.labels[rows]
        if pool:
            extra = extra_images.load(
                pool, pool.parent, data.names, real.shape[1:], True
            )
            self.images = Joined(real, extra.images)
            self.labels = np.concatenate([self.labels, extra.labels])
        self._real, self.test = np.split(np.arange(len(rows)), [len(training)])
        self.num_real = len(rows)
        self._drawn = [
            len(rows) + np.flatnonzero(column[len(rows) :]) for column in self.labels.T
        ]
        self._rng = np.random.default_rng(seed)

    def arms(self, has_backbone: bool) -> dict[str, tuple[np.ndarray, dict]]:
        """Returns name -> rows to train on, and the settings that are different."""
        real, shifts = self._real, {"augmentation": SHIFTS}
        counts = self.labels[real].sum(0).astype(int)
        each = len(real) / len(counts)
        missing = counts.max() - counts
        arms = {
            NOTHING: (real, {}),
            "class weights": (real, {"class_weights": "balanced"}),
            "oversampling": (self._oversampled(), {}),
            "flips and shifts": (real, shifts),
        }
        if has_backbone:  # a head at its optimum: the same as weights
            del arms["oversampling"]
        for ratio in RATIOS:
            drawn = self._take(np.full(len(counts), round(ratio * each)))
            arms[f"drawn, {ratio:g} to 1"] = np.concatenate([real, drawn]), {}
        levelled = np.concatenate([real, self._take(missing)])
        arms["drawn to level the classes"] = levelled, {}
        arms["the same, flips and shifts"] = levelled, shifts
        alone = self._take(np.full(len(counts), round(each)))
        arms["drawn images alone"] = alone, {}
        return arms

    def passes(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Repeats rows until there are `count`, each as often as any other."""
        times = -(-count // len(rows))
        order = [self._rng.permutation(rows) for _ in range(times)]
        return np.concatenate(order)[:count]

    def _take(self, wanted) -> np.ndarray:
        """Takes the first drawn images of each class, as far as there are so many."""
        taken = [rows[:count] for rows, count in zip(self._drawn, wanted, strict=True)]
        return np.concatenate(taken)

    def _oversampled(self) -> np.ndarray:
        """Repeats the images of rare classes until all are as large."""
        classes = self.labels[self._real].argmax(1)
        most = np.bincount(classes).max()
        return np.concatenate(
            [self.passes(self._real[classes == k], most) for k in np.unique(classes)]
        )


def measure(options, preset, fold: Fold, rows, changed: dict, backbone: str, seed: int):
    """Trains one arm; returns the recall of each class on real held-out images."""
    import keras
    from sklearn.metrics import recall_score

    from foldergan import backend
    from foldergan.classifier import evaluation, training, transfer
    from foldergan.classifier.network import build_classifier
    from foldergan.data.splits import LabelledImages

    keras.utils.clear_session()
    settings = replace(
        preset.classifier,
        **{"augmentation": ("none",), "class_weights": "none", "backbone": backbone},
        **{"epochs": 1, "least_steps": 0},
    )
    settings = replace(settings, **changed)
    backend.start(seed)
    shape, names = fold.images.shape[1:], fold.labels.shape[1]
    classifier = build_classifier(settings, shape, names)
    if backbone == "none":
        # One long epoch, so that all arms take the same number of steps.
        rows = fold.passes(rows, options.steps * settings.batch_size)
        how = {}
    else:
        how = {"cache": options.work / "features"}
    train = training.train if backbone == "none" else transfer.train
    parts = {"training": rows, "validation": np.arange(0)}
    labelled = LabelledImages(fold.images, fold.labels, parts)
    for _ in train(classifier, labelled, settings, seed, **how):
        pass
    said = evaluation.predict(classifier, fold.images, fold.test)
    truth, ids = fold.labels[fold.test].argmax(1), range(names)
    given = {"labels": ids, "average": None, "zero_division": np.nan}
    return recall_score(truth, said.argmax(1), **given)


def results_of(path: Path) -> list[dict]:
    """Reads the rows so far."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def run(options, preset, data: Data) -> list[dict]:
    """Measures what has not been measured yet; returns a row for each arm of a fold."""
    from foldergan.storage import tables

    path = options.work / "results.csv"
    rows = results_of(path)
    known = {(r["network"], r["seed"], r["fold"], r["arm"]) for r in rows}
    networks = {"own": "none"}
    if options.backbone:
        networks[Path(options.backbone).stem] = options.backbone
    for seed in options.seeds:
        for number, (training, test) in enumerate(data.splits(options, seed)):
            folder = options.work / f"seed-{seed}-fold-{number}"
            kept = draw(options, data, folder, training, seed)
            pool = folder / "pool" if any(kept.values()) else None
            fold = Fold(data, pool, training, test, seed)
            for network, backbone in networks.items():
                for arm, (chosen, changed) in fold.arms(backbone != "none").items():
                    key = (network, str(seed), str(number), arm)
                    if key in known or not len(chosen):
                        continue
                    recall = measure(
                        options, preset, fold, chosen, changed, backbone, seed
                    )
                    about = dict(
                        zip(("network", "seed", "fold", "arm"), key, strict=True)
                    )
                    about["drawn"] = int((chosen >= fold.num_real).sum())
                    about["images"] = len(chosen)
                    recalls = zip(data.names, recall, strict=True)
                    rows.append(about | {f"recall of {n}": r for n, r in recalls})
                    tables.save_csv(path, rows)
                    print(*key, f"mean recall {np.nanmean(recall):.1%}", flush=True)
    return rows


def print_tables(options, rows: list[dict], data: Data) -> list[dict]:
    """Prints each arm beside doing nothing, for each network.

    Returns:
        The same as numbers, a row for each arm of each network.
    """
    summary = []
    packages = ("keras", "tensorflow")
    print(f"\n{side_by_side.machine()}, {side_by_side.versions(*packages)}")
    for part, rows_of in zip(
        ("trained on", "measured by"), next(data.splits(options, 0)), strict=True
    ):
        counts = zip(data.names, data.labels[rows_of].sum(0), strict=True)
        print(f"{part}:", ", ".join(f"{name} {count:.0f}" for name, count in counts))
    ratio = 0 if options.test else 1 / (options.folds - 1)
    seeds = {str(seed) for seed in options.seeds}
    columns = [f"recall of {name}" for name in data.names]
    for network in dict.fromkeys(row["network"] for row in rows):
        found = {}
        for row in rows:
            if row["network"] == network and row["seed"] in seeds:
                key = row["seed"], row["fold"]
                values = np.array([float(row[column]) for column in columns])
                found.setdefault(row["arm"], {})[key] = values, int(row["drawn"])
        plain = found[NOTHING]
        table = []
        for arm, pairs in found.items():
            keys = [key for key in plain if key in pairs]
            values = np.array([pairs[key][0] for key in keys])
            others = np.array([plain[key][0] for key in keys])
            drawn = np.mean([pairs[key][1] for key in keys])
            means = np.nanmean(values, axis=1), np.nanmean(others, axis=1)
            apart = paired.difference(*means, ratio)
            about = {"network": network, "arm": arm, "n": len(keys)}
            about |= {"drawn": round(drawn), "mean_recall": means[0].mean()}
            beside = ("", "", "") if arm == NOTHING else apart
            about |= dict(zip(("difference", "low", "high"), beside, strict=True))
            recalls = np.nanmean(values, axis=0)
            summary.append(about | dict(zip(columns, recalls, strict=True)))
            cells = [arm, len(keys), f"{drawn:.0f}", f"{means[0].mean():.1%}"]
            cells.append("" if arm == NOTHING else str(apart))
            for value, other in zip(values.T, others.T, strict=True):
                apart = paired.difference(value, other, ratio)
                mean = f"{np.nanmean(value):.1%}"
                cells.append(mean if arm == NOTHING else f"{mean}, {apart}")
            table.append(cells)
        print(f"\n{network} network, {options.steps} steps\n")
        headings = ["arm", "n", "drawn", "mean recall", f"beside {NOTHING}"]
        side_by_side.table(headings + list(data.names), table)
    return summary


def main():
    """Draws and measures what has not been yet, and prints."""
    options = parse()
    from foldergan.config.presets import find_preset

    (options.work / "features").mkdir(parents=True, exist_ok=True)
    preset = find_preset(options.preset)
    from foldergan import backend

    backend.load()
    from foldergan.nn import precision

    settings, shape = preset.classifier, preset.data.image_shape
    chosen = precision.choose(settings)
    preset = replace(preset, classifier=replace(settings, precision=chosen))
    data = Data(options, shape)
    rows = run(options, preset, data)
    summary = print_tables(options, rows, data)
    from foldergan.report import page
    from foldergan.storage import filenames, tables

    for folder in filter(None, (options.work, options.model_dir)):
        tables.save_csv(folder / filenames.DOES_IT_HELP, summary)
    if options.model_dir:
        page.update(options.model_dir)


if __name__ == "__main__":
    main()
