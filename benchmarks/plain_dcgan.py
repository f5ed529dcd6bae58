"""How good the images of dcgan-32 are on drawn ones, now and before, and at what cost.

    python benchmarks/plain_dcgan.py --work ~/runs --seeds 0 1 2

Trains each contender on the images of tools/draw_dataset.py, with a folder for each
seed; one that is trained already is not trained again. Evaluates 2,000 images of the
last generator and of the one that GeneratePredict.py uses, against 1,000 images drawn
from another seed. The features are of two networks of ImageNet that taught no
contender. A linear classifier on the second's features gives the fraction of each
class.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import side_by_side
from side_by_side import ROOT

# What version 0.2 trained.
BEFORE = (
    "--batch-size 128 --latents fresh --ema 0 "
    "--discriminator-learning-rate 2e-4 --generator-learning-rate 2e-4"
)
# Contender -> images a class, flags of GANModel.py.
CONTENDERS = {
    "before": (240, f"{BEFORE} --precision float32"),
    "before, bfloat16": (240, f"{BEFORE} --precision bfloat16"),
    "128, bfloat16": (100, "--batch-size 128 --precision bfloat16"),
    "128, float32": (100, "--batch-size 128 --precision float32"),
    "now, bfloat16": (100, "--precision bfloat16"),
    "now, float32": (100, "--precision float32"),
}
EPOCHS = (80, 100)
NUM_FAKE = 2000
SEED_OF_REAL, REAL_A_CLASS = 77, 200
NETWORKS = ("EfficientNetLite1", "EfficientNetLite0")


def draw(folder: Path, count: int, seed: int) -> Path:
    """Draws images, unless they are there."""
    if not folder.exists():
        command = [sys.executable, ROOT / "tools" / "draw_dataset.py"]
        command += ["--seed", str(seed), "--count", str(count), "--output", folder]
        subprocess.run(command, check=True)
    return folder


def folder_of(work: Path, name: str, seed: int) -> Path:
    """Names a contender's folder."""
    return work / f"{name.replace(', ', '-')}-{seed}"


def train(work: Path, name: str, seed: int) -> Path:
    """Trains a contender, unless that is done; returns its model folder."""
    count, flags = CONTENDERS[name]
    folder = folder_of(work, name, seed)
    model_dir, ended = folder / "model", folder / "cpu_seconds.txt"
    if not ended.exists():
        dataset = draw(work / f"drawn-{count}", count, 0)
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, ROOT / "GANModel.py", "--preset", "dcgan-32"]
        command += ["--dataset", dataset, "--data-dir", folder]
        command += ["--model-dir", model_dir, "--seed", str(seed), *flags.split()]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(folder / "log.txt", "w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        ended.write_text(f"{seconds:.0f}\n")
    return model_dir


def read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads drawn images as the scripts do, float32 0-1, and their class numbers."""
    import cv2

    images, classes = [], []
    for number, path in enumerate(sorted(folder.iterdir())):
        for file in sorted(path.iterdir()):
            image = cv2.imread(str(file))[..., ::-1]
            images.append(cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA))
            classes.append(number)
    return np.float32(images) / 255, np.array(classes)


def main():
    """Trains, evaluates and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    options = parser.parse_args()
    work = options.work.resolve()
    folders = {
        (name, seed): train(work, name, seed)
        for seed in options.seeds
        for name in options.contenders
    }

    from foldergan import backend

    backend.start(0)
    import keras
    from sklearn.linear_model import LogisticRegression

    from foldergan.metrics import scores
    from foldergan.metrics.features import load_extractor

    extractors = {name: load_extractor(name, work) for name in NETWORKS}
    real_folder = draw(work / "held-out", REAL_A_CLASS, SEED_OF_REAL)
    real_images, classes = read(real_folder)
    real = {name: extract(real_images) for name, extract in extractors.items()}
    judge = NETWORKS[-1]
    head = LogisticRegression(C=0.01, max_iter=1000)
    trained_on, of_classes = read(draw(work / "drawn-100", 100, 0))
    head.fit(extractors[judge](trained_on), of_classes)
    print(f"the classifier is right about {head.score(real[judge], classes):.1%}")

    rows = []
    for (name, seed), model_dir in folders.items():
        for epoch in EPOCHS:
            path = model_dir / f"generator_model_{epoch:03d}.h5"
            generator = keras.models.load_model(path, compile=False)
            latents = np.random.default_rng(1).normal(size=(NUM_FAKE, 200))
            images = (generator.predict(np.float32(latents), verbose=0) + 1) / 2
            fake = {n: extract(images) for n, extract in extractors.items()}
            found = [scores.evaluate(real[n], fake[n], n)[0] for n in NETWORKS]
            fractions = np.bincount(head.predict(fake[judge]), minlength=5) / NUM_FAKE
            rows.append((name, epoch, seed, found, fractions))
            print(name, epoch, seed, found, fractions, flush=True)
    table(work, rows)


def table(work: Path, rows: list[tuple]) -> None:
    """Prints medians and ranges over the seeds."""
    print(f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}")
    lines = []
    for name, epoch in sorted({row[:2] for row in rows}):
        chosen = [row for row in rows if row[:2] == (name, epoch)]
        seconds = [
            int(
                (
                    work / f"{name.replace(', ', '-')}-{row[2]}/cpu_seconds.txt"
                ).read_text()
            )
            for row in chosen
        ]
        line = [name, epoch, len(chosen), f"{statistics.median(seconds):.0f}"]
        for figure in ("kernel_distance", "coverage"):
            for network in range(len(NETWORKS)):
                values = [row[3][network][figure] for row in chosen]
                middle = statistics.median(values)
                line.append(f"{middle:.3f} ({min(values):.3f}-{max(values):.3f})")
        mean = np.mean([row[4] for row in chosen], axis=0)
        line.append(" ".join(f"{fraction:.0%}" for fraction in mean))
        lines.append(line)
    headings = ["contender", "epoch", "n", "CPU seconds"]
    headings += [f"KID, {name}" for name in NETWORKS]
    headings += [f"coverage, {name}" for name in NETWORKS]
    side_by_side.table([*headings, "fraction of each class"], lines)


if __name__ == "__main__":
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    main()
