"""How good the drawn pictures are after so many minutes of the processor.

    python benchmarks/time_to_quality.py --dataset ~/my-pictures --work ~/work

Trains the GAN of each preset, from each seed, on nine tenths of each class, and
compares it now and then with the last tenth. Two judges do, and neither has taught any
GAN: a classifier of the same folder, and a network of ImageNet (see imagenet.py; left
out where it is not installed). The first also tells how many pictures are of the class
that was asked for. A discriminator that looks through a classifier has one of its own:
both are trained once, from different seeds, the judge for ten epochs, and kept in the
work folder.

Minutes are of processor time, all cores together, training only: 60 are half an hour
on two cores. Writes quality.csv, quality.png (medians over the seeds) and a page of
pictures for each preset, seed and measure.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import imagenet
import numpy as np
import side_by_side

SEEN, JUDGE = "model", "judge"  # folders of the two classifiers


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", default=["dcgan-32", "best-32"])
    parser.add_argument("--classifiers", default="best-32", help="preset of both")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--measures", type=int, default=12, help="in those minutes")
    parser.add_argument("--precision", help="of every preset, instead of its own")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(options) -> None:
    """Makes the arrays and both classifiers, unless they are in the work folder."""
    for seed, folder, *shorter in ((0, SEEN), (1, JUDGE, "--epochs", "10")):
        if not (options.work / folder / "train.h5").exists():
            subprocess.run(
                [
                    sys.executable,
                    side_by_side.ROOT / "TrainModel.py",
                    *("--preset", options.classifiers, "--seed", str(seed), *shorter),
                    *("--dataset", options.dataset),
                    *("--data-dir", options.work),
                    *("--model-dir", options.work / folder),
                ],
                check=True,
            )


def load_judges(options, images, rows, held_out, inputs) -> list:
    """Loads those who measure."""
    from pipeline import features, judging

    extractors = [features.load_extractor("classifier", options.work / JUDGE)]
    try:
        extractors.append(imagenet.load())
    except ImportError as error:
        print(f"no features of ImageNet: {error}")
    return [
        judging.Judge(extractor, images, rows, held_out, inputs)
        for extractor in extractors
    ]


def train(options, name: str, seed: int) -> None:
    """Trains one preset from one seed and writes its rows and pages."""
    from pipeline import (
        assembly,
        backend,
        batches,
        classification,
        generation,
        judging,
        networks,
        plots,
    )
    from pipeline.artifacts import arrays, models, records
    from pipeline.presets import find_preset

    images = arrays.load_images(options.work)
    labels = arrays.load_labels(options.work, len(images))
    rows, held_out = batches.hold_out(labels, 0.1, seed=0)
    settings = find_preset(name).gan
    if options.precision:
        settings = replace(settings, precision=options.precision)
    backend.start(seed)
    num_classes = labels.shape[1] if settings.conditioning == "class" else 0
    trainer = assembly.build_trainer(
        settings,
        images.shape[1:],
        num_classes,
        seed,
        models.load_classifier(options.work / SEEN)[0],
    )
    drawer = networks.with_class_id(trainer.generator_ema, num_classes)
    inputs = generation.sample_inputs(drawer, judging.NUM_FAKE, seed=12345)
    judges = load_judges(options, images, rows, held_out, inputs)
    classifier, _ = models.load_classifier(options.work / JUDGE)
    page = generation.sample_grid_inputs(drawer, 7, seed=12345)
    folder = options.work / f"{name}-{seed}"
    folder.mkdir(exist_ok=True)
    measured, spent, steps = [], 0.0, 0
    last = time.process_time()

    def measure(due):
        row = {"preset": name, "seed": seed, "minutes": due, "steps": steps}
        row["as_intended"] = ""
        if num_classes:
            predicted = classification.predict(
                classifier, generation.generate(drawer, inputs)
            )
            as_asked = predicted.argmax(1) == np.asarray(inputs[1])
            row["as_intended"] = float(as_asked.mean())
        measured.append([row | judge.measure(drawer) for judge in judges])
        records.save_csv(folder / "quality.csv", sum(measured, []))
        pictures = generation.generate(drawer, page)
        plots.save_image_grid(folder / f"{due:05.1f}.png", pictures, 7)
        figures = [round(row["kernel_distance"], 4) for row in measured[-1]]
        print(*row.values(), *figures, flush=True)

    def on_step(batch, batches, logs):
        nonlocal spent, last, steps
        spent += time.process_time() - last
        steps += 1
        due = (len(measured) + 1) * options.minutes / options.measures
        if spent >= 60 * due:
            measure(due)
        last = time.process_time()

    for _ in trainer.train(
        images,
        10**6,
        min(settings.batch_size, 2 * len(rows)),
        rows,
        labels if num_classes else None,
        on_step=on_step,
        should_stop=lambda: len(measured) == options.measures,
    ):
        pass


def draw(options) -> None:
    """Joins all rows, prints the medians and draws the curves."""
    from matplotlib.figure import Figure

    rows = []
    for path in sorted(options.work.glob("*-*/quality.csv")):
        with open(path, newline="") as file:
            rows += csv.DictReader(file)
    with open(options.work / "quality.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    kinds = ("kernel_distance", "frechet_distance")
    extractors = list(dict.fromkeys(row["extractor"] for row in rows))
    figure = Figure(figsize=(10, 4 * len(extractors)), layout="constrained")
    grid = figure.subplots(len(extractors), 2, squeeze=False)
    table = []
    for extractor, axes in zip(extractors, grid, strict=True):
        for kind, axis in zip(kinds, axes, strict=True):
            for name in options.presets:
                points = {}
                for row in rows:
                    if (row["preset"], row["extractor"]) == (name, extractor):
                        values = points.setdefault(float(row["minutes"]), [])
                        values.append(float(row[kind]))
                middle = {m: statistics.median(v) for m, v in sorted(points.items())}
                ends = [[end(points[m]) for m in middle] for end in (min, max)]
                axis.plot(list(middle), list(middle.values()), ".-", label=name)
                axis.fill_between(list(middle), *ends, alpha=0.2)
                table += [
                    [name, extractor, kind, m, len(points[m]), f"{value:.4g}"]
                    for m, value in middle.items()
                ]
            axis.set(xlabel="minutes of processor time", ylabel=kind, yscale="log")
            axis.set_title(extractor, size=9)
            axis.legend()
    about = f"{rows[0]['real']} real, {rows[0]['fake']} fake"
    figure.suptitle(f"{about}; medians, least and largest over the seeds", size=9)
    figure.savefig(options.work / "quality.png", dpi=120)
    print(side_by_side.machine(), side_by_side.versions("keras", "tensorflow"), about)
    header = ["preset", "features", "figure", "minutes", "seeds", "median"]
    side_by_side.table(header, table)


def main():
    """Trains what has not been trained yet, each in a process of its own, and draws."""
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.run:
        train(options, options.run[0], int(options.run[1]))
        return
    prepare(options)
    for seed in options.seeds:
        for name in options.presets:
            done = options.work / f"{name}-{seed}" / "quality.csv"
            if not done.exists():
                run = [sys.executable, *sys.argv, "--run", name, str(seed)]
                subprocess.run(run, check=True)
    draw(options)


if __name__ == "__main__":
    main()
