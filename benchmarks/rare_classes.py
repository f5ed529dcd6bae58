"""What more of a rare class could do that class weights cannot.

    python benchmarks/rare_classes.py --dataset clothing5/train --rare hat=25 \
        --work ~/runs/hats
    python benchmarks/rare_classes.py --dataset brain-tumors/Training \
        --rare glioma_tumor=25 --work ~/runs/gliomas

For each seed two fifths of each class are held out, and of the rare class a few of the
others are left. On those TrainModel.py, GANModel.py and GeneratePredict.py --export
run. Then each arm fits the linear head of foldergan to features of a network that
taught neither the GAN nor the classifier that accepts its images. The arms add to the
rare class until it is as large as the median class:

    accepted    generated images that the classifier accepts, in turn
    confident   of a pool of those, the ones of the highest probability
    covering    of that pool, the ones farthest from each other and from the real ones
    interpolated features
                points between the features of two real images of the class, neighbours
                (Chawla et al., SMOTE, 2002); needs no GAN
    Gaussian features
                features from a normal distribution with the mean of the class, and the
                shrunk covariance of all classes around theirs; needs no GAN

each with and without class weights, which give each class of the real images the
same weight. Prints recall of the rare class and balanced accuracy, beside nothing
added, with 95 % intervals paired by seed. Interrupted, the same command resumes.
"""

import argparse
import csv
import shlex
import subprocess
import sys
from pathlib import Path

import does_it_help
import numpy as np
import paired
import side_by_side

HELD_OUT = 0.4
POOL = 3  # times as many accepted images as are added
NEIGHBOURS = 5
SHRINKAGE = 0.5  # of the covariance, towards a multiple of the identity
PRESET = Path(__file__).with_suffix(".toml")
NOTHING = "nothing"


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--rare", required=True, metavar="CLASS=N")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--features", default="EfficientNetLite0")
    parser.add_argument("--gan", default="", metavar="FLAGS", help="of GANModel.py")
    options = parser.parse_args()
    options.test, options.cut = None, []  # for does_it_help.Data
    return options


def split(labels: np.ndarray, rare: int, count: int, seed: int):
    """Returns the rows to train on, of which `count` are rare, and those held out."""
    from foldergan.data import splits

    training, test = splits.split_by_class(labels, HELD_OUT, seed)
    is_rare = labels[training].argmax(1) == rare
    kept = np.random.default_rng(seed).permutation(training[is_rare])[:count]
    return np.sort(np.concatenate([training[~is_rare], kept])), test


def draw(options, data, folder: Path, training: np.ndarray, name: str, wanted: int):
    """Trains a GAN on these rows, and exports accepted images of the rare class."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dataset").exists():
        data.link(folder / "dataset", training)
    seed = folder.name.removeprefix("seed-")
    own = ["--dataset", folder / "dataset", "--validation-split", "0"]
    export = ["--export", folder / "pool", "--only", name, "--per-class", wanted]
    for script, *flags in (
        ("TrainModel.py", *own),
        ("GANModel.py", *shlex.split(options.gan)),
        ("GeneratePredict.py", *export),
    ):
        done = folder / f"{script}.done"
        if done.exists():
            continue
        command = [sys.executable, side_by_side.ROOT / script, "--preset", PRESET]
        command += ["--seed", seed, "--data-dir", folder]
        command += ["--model-dir", folder / "model", *flags]
        with open(folder / f"{script}.log", "w") as log:
            ended = subprocess.run(list(map(str, command)), stdout=log, stderr=log)
        is_unfilled = script == "GeneratePredict.py" and ended.returncode == 1
        if ended.returncode and not is_unfilled:
            sys.exit(f"{script} failed; see {folder / script}.log")
        done.touch()


class Added:
    """What can be added to the rare class, as features.

    Args:
        extract: images 0-1 -> features.
        folder: of a seed.
        name: of the rare class.
        shape: (height, width, channels) that the GAN draws.
        others: features of the real images of all other classes, less their means.
        own: features of the real images of the rare class.
        seed: of what is random.
    """

    def __init__(self, extract, folder: Path, name, shape, others, own, seed: int):
        from foldergan.classifier import evaluation
        from foldergan.data import reading
        from foldergan.storage import models

        self._others, self._own = others, own
        self._rng = np.random.default_rng(seed)
        paths = sorted((folder / "pool" / name).glob("*.png"))
        self._drawn = np.empty((0, own.shape[1]), np.float32)
        self._sure = np.empty(0)
        if paths:
            images = np.concatenate(
                [block.images for block in reading.read_images(paths, shape)]
            )
            self._drawn = extract(images)
            network, names, _ = models.load_classifier(folder / "model")
            said = evaluation.predict(network, images)
            self._sure = said[:, names.index(name)]

    def arms(self, count: int) -> dict[str, np.ndarray]:
        """Returns name -> features (count, d) to add; fewer where fewer were drawn."""
        return {
            "accepted": self._drawn[:count],
            "confident": self._drawn[np.argsort(-self._sure)[:count]],
            "covering": self._drawn[self._covering(count)],
            "interpolated features": self._between(count),
            "Gaussian features": self._gaussian(count),
        }

    def _covering(self, count: int) -> np.ndarray:
        """Takes, again and again, what is farthest from all taken and real ones."""
        nearest = _distances(self._drawn, self._own).min(1, initial=np.inf)
        taken = []
        for _ in range(min(count, len(self._drawn))):
            taken.append(int(nearest.argmax()))
            new = self._drawn[taken[-1:]]
            nearest = np.minimum(nearest, _distances(self._drawn, new)[:, 0])
            nearest[taken[-1]] = -1
        return np.array(taken, int)

    def _between(self, count: int) -> np.ndarray:
        distances = _distances(self._own, self._own)
        near = np.argsort(distances, axis=1)[:, 1 : 1 + NEIGHBOURS]
        one = self._rng.integers(len(self._own), size=count)
        other = near[one, self._rng.integers(near.shape[1], size=count)]
        share = self._rng.random((count, 1))
        return self._own[one] + share * (self._own[other] - self._own[one])

    def _gaussian(self, count: int) -> np.ndarray:
        own = self._own - self._own.mean(0)
        around = np.concatenate([self._others, own])
        own_noise = self._rng.normal(size=(count, len(around))) / len(around) ** 0.5
        even = self._rng.normal(size=(count, own.shape[1])) * around.std()
        noise = (1 - SHRINKAGE) ** 0.5 * own_noise @ around + SHRINKAGE**0.5 * even
        return self._own.mean(0) + noise


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(some, others)


def measure(training, test, added, rare: int, num_classes: int, seed: int):
    """Yields weights or not, and the figures of a head fitted with `added`.

    Training and test are features and class numbers of real images.
    """
    from sklearn.metrics import balanced_accuracy_score, recall_score

    from foldergan.classifier import linear_head
    from foldergan.data import splits

    features, classes = training
    values = np.concatenate([features, added]).astype(np.float32)
    ids = np.concatenate([classes, np.full(len(added), rare)])
    labels = np.eye(num_classes, dtype=np.float32)[ids]
    counts = np.bincount(classes, minlength=num_classes)
    for kind in ("", ", class weights"):
        weights = np.ones(num_classes, np.float32)
        if kind:
            weights = splits.balanced_weights(counts)
            # What is added shares the weight that the real ones have.
            weights[rare] *= counts[rare] / (counts[rare] + len(added))
        head = linear_head.fit(values[:, None], labels, weights, seed)
        said = head.logits(test[0]).argmax(1)
        recall = recall_score(test[1] == rare, said == rare)
        yield kind, recall, balanced_accuracy_score(test[1], said)


def run(options) -> list[dict]:
    """Measures what has not been measured; returns a row for each arm of a seed."""
    from foldergan.config.presets import find_preset
    from foldergan.metrics.features import load_extractor
    from foldergan.storage import tables

    options.work.mkdir(parents=True, exist_ok=True)
    shape = find_preset(str(PRESET)).data.image_shape
    data = does_it_help.Data(options, shape)
    name, _, count = options.rare.rpartition("=")
    rare, classes = data.names.index(name), data.labels.argmax(1)
    extract = load_extractor(options.features, options.work, max(shape[:2]))
    kept = options.work / "features.npy"
    if not kept.exists():
        np.save(kept, extract(data.images))
    features, rows = np.load(kept), []
    for seed in options.seeds:
        table = options.work / f"seed-{seed}.csv"
        if not table.exists():
            training, test = split(data.labels, rare, int(count), seed)
            sizes = np.bincount(classes[training], minlength=len(data.names))
            print(f"seed {seed}:", dict(zip(data.names, sizes.tolist(), strict=True)))
            wanted = int(np.median(np.delete(sizes, rare))) - sizes[rare]
            folder = options.work / f"seed-{seed}"
            draw(options, data, folder, training, name, POOL * wanted)
            real, ids = features[training], classes[training]
            means = np.stack([real[ids == k].mean(0) for k in range(len(data.names))])
            others = (real - means[ids])[ids != rare]
            own = real[ids == rare]
            added = Added(extract, folder, name, shape, others, own, seed)
            arms = {NOTHING: real[:0]} | added.arms(wanted)
            own_rows = []
            for arm, more in arms.items():
                for kind, recall, balanced in measure(
                    (real, ids),
                    (features[test], classes[test]),
                    more,
                    rare,
                    len(data.names),
                    seed,
                ):
                    about = {"seed": seed, "arm": arm + kind, "added": len(more)}
                    own_rows.append(about | {"recall": recall, "balanced": balanced})
                    print(own_rows[-1], flush=True)
            tables.save_csv(table, own_rows)
        with open(table, newline="") as file:
            rows += csv.DictReader(file)
    return rows


def print_table(rows: list[dict]) -> None:
    """Prints the means over the seeds, and what is gained beside nothing added."""
    print(f"\n{side_by_side.machine()}, {side_by_side.versions('keras', 'tensorflow')}")
    found = {}
    for row in rows:
        values = [float(row[each]) for each in ("added", "recall", "balanced")]
        found.setdefault(row["arm"], []).append(values)
    table = []
    for arm, values in found.items():
        added, recall, balanced = np.array(values).T
        _, *plain = np.array(found[NOTHING]).T
        cells = [arm, f"{added.mean():.0f}"]
        for own, other in zip((recall, balanced), plain, strict=True):
            beside = "" if arm == NOTHING else str(paired.difference(own, other, 0))
            cells += [f"{own.mean():.1%}", beside]
        table.append(cells)
    beside = f"beside {NOTHING}"
    headings = ["arm", "added", "recall, rare", beside, "balanced accuracy", beside]
    side_by_side.table(headings, table)


def main():
    """Draws and measures what has not been yet, and prints."""
    options = parse()
    from foldergan import backend

    backend.start(0)
    print_table(run(options))


if __name__ == "__main__":
    main()
