r"""What a random split says of images that come in groups, and what is true.

    python benchmarks/groups.py --dataset clothing5/train --test clothing5/validation \
        --work ~/runs

Makes some frames of each photograph, as a film or a scan has them: crops and turns of
its own, each named after its photograph. TrainModel.py then learns from a random split
and from one that keeps each photograph whole (--group-by). Its accuracy on its own
validation images is what it says; its accuracy on photographs of another folder, which
nothing was trained on, is what is true.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import side_by_side
from side_by_side import ROOT

SIDE = 160  # of a frame, in pixels
WAYS = {
    "random": ["--near-duplicates", "ignore"],
    "near duplicates": [],
    "--group-by": ["--group-by", "(photo[0-9]+)", "--near-duplicates", "ignore"],
}


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", default=["dcgan-32", "photo-128"])
    parser.add_argument("--frames", type=int, default=4, help="of each photograph")
    parser.add_argument("--photographs", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def make_frames(options, folder: Path) -> None:
    """Writes frames of some photographs, class by class, unless they are there."""
    from foldergan.images import cv2

    paths = sorted(options.dataset.glob("*/*"))
    rng = np.random.default_rng(0)
    chosen = sorted(rng.permutation(len(paths))[: options.photographs])
    for number in chosen if not folder.exists() else ():
        image, of_class = cv2.imread(str(paths[number])), paths[number].parent.name
        (folder / of_class).mkdir(parents=True, exist_ok=True)
        for frame in range(options.frames):
            height, width = image.shape[:2]
            scale = rng.uniform(0.75, 0.95)
            side = scale * min(height, width)
            centre = [
                n / 2 + rng.uniform(-1, 1) * (n - side) / 2 for n in (width, height)
            ]
            turn = cv2.getRotationMatrix2D(centre, rng.uniform(-8, 8), SIDE / side)
            turn[:, 2] += SIDE / 2 - np.array(centre)
            seen = cv2.warpAffine(
                image, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
            )
            path = folder / of_class / f"photo{number:05d}_{frame}.jpg"
            cv2.imwrite(str(path), seen)


def train(options, frames: Path, preset: str, way: str, seed: int) -> dict[str, float]:
    """Trains a classifier; returns its accuracy on each part."""
    folder = options.work / f"{preset}-{way.strip('-')}-{seed}".replace(" ", "-")
    table = folder / "model" / "train_evaluation.csv"
    if not table.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, ROOT / "TrainModel.py", "--preset", preset]
        command += ["--dataset", frames, "--test", options.test, "--seed", str(seed)]
        data_dir = options.work / preset  # arrays and features are the same
        command += ["--data-dir", data_dir, "--model-dir", folder / "model", *WAYS[way]]
        with open(folder / "log.txt", "w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)
    with open(table, newline="") as file:
        return {row["part"]: float(row["accuracy"]) for row in csv.DictReader(file)}


def main():
    """Trains, and prints a table."""
    options = parse()
    for name in ("dataset", "test", "work"):
        setattr(options, name, getattr(options, name).resolve())
    frames = options.work / "frames"
    make_frames(options, frames)
    rows = []
    for preset in options.presets:
        for way in WAYS:
            found = [train(options, frames, preset, way, s) for s in options.seeds]
            row = [preset, way, len(found)]
            for part in ("validation", "test"):
                values = [100 * each[part] for each in found]
                row.append(
                    f"{statistics.median(values):.1f} % "
                    f"({min(values):.1f} to {max(values):.1f})"
                )
            rows.append(row)
            print(row, flush=True)
    print(f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}")
    headings = ["preset", "split", "n", "accuracy on its validation images"]
    side_by_side.table([*headings, "on other photographs"], rows)


if __name__ == "__main__":
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    main()
