"""How good the drawn pictures are after so many minutes of the processor.

    python benchmarks/time_to_quality.py --dataset ~/my-pictures --work ~/work

Trains the GAN of each preset, from each seed, on nine tenths of each class, and
measures it now and then by the last tenth: what a classifier sees in the pictures, as
of pipeline/judging.py. The classifier is that of --judge, trained once on the same
folder and kept in the work folder. Minutes are of processor time, all cores together,
training only: 60 are half an hour on two cores. Writes quality.csv, quality.png
(medians over the seeds) and a page of pictures for each preset, seed and measure.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import side_by_side


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", default=["dcgan-32", "best-32"])
    parser.add_argument("--judge", default="best-32", help="preset of the classifier")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--measures", type=int, default=12, help="in those minutes")
    parser.add_argument("--precision", help="of every preset, instead of its own")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(options) -> None:
    """Makes the arrays and the judge, unless they are in the work folder."""
    if not (options.work / "model" / "train.h5").exists():
        subprocess.run(
            [
                sys.executable,
                side_by_side.ROOT / "TrainModel.py",
                *("--preset", options.judge),
                *("--dataset", options.dataset),
                *("--data-dir", options.work),
                *("--model-dir", options.work / "model"),
            ],
            check=True,
        )


def train(options, name: str, seed: int) -> None:
    """Trains one preset from one seed and writes its rows and pages."""
    from pipeline import backend, batches, features, generation, judging, plots
    from pipeline.artifacts import arrays, records
    from pipeline.presets import find_preset

    images = arrays.load_images(options.work)
    labels = arrays.load_labels(options.work, len(images))
    rows, held_out = batches.hold_out(labels, 0.1, seed=0)
    settings = find_preset(name).gan
    backend.start(seed)
    trainer, drawer = _networks(settings, images, labels, seed, options.precision)
    judge = judging.Judge(
        features.load_extractor("classifier", options.work / "model"),
        images,
        rows,
        held_out,
        generation.sample_inputs(drawer, judging.NUM_FAKE, seed=12345),
    )
    page = generation.sample_grid_inputs(drawer, 7, seed=12345)
    folder = options.work / f"{name}-{seed}"
    folder.mkdir(exist_ok=True)
    measured, spent = [], 0.0
    last = time.process_time()

    def on_step(batch, batches, logs):
        nonlocal spent, last
        spent += time.process_time() - last
        due = (len(measured) + 1) * options.minutes / options.measures
        if spent >= 60 * due:
            row = {"preset": name, "seed": seed, "minutes": round(spent / 60, 2)}
            measured.append(row | judge.measure(drawer))
            records.save_csv(folder / "quality.csv", measured)
            pictures = generation.generate(drawer, page)
            plots.save_image_grid(folder / f"{due:05.1f}.png", pictures, 7)
            print({k: measured[-1][k] for k in (*row, "kernel_distance")}, flush=True)
        last = time.process_time()

    for _ in trainer.train(
        images,
        10**6,
        min(settings.batch_size, 2 * len(rows)),
        rows,
        labels if trainer.num_classes else None,
        on_step=on_step,
        should_stop=lambda: len(measured) == options.measures,
    ):
        pass


def _networks(settings, images, labels, seed, precision):
    from pipeline import adversarial, networks

    num_classes = labels.shape[1] if settings.conditioning == "class" else 0
    shape = images.shape[1:]
    generator = networks.build_generator(
        shape,
        settings.latent_dim,
        settings.generator_filters,
        settings.generator_normalization,
        num_classes,
    )
    trainer = adversarial.AdversarialTrainer(
        networks.build_discriminator(
            shape, settings.discriminator_filters, settings.dropout, num_classes
        ),
        generator,
        discriminator_learning_rate=settings.discriminator_learning_rate,
        generator_learning_rate=settings.generator_learning_rate,
        beta_1=settings.beta_1,
        precision=precision or settings.precision,
        latents=settings.latents,
        seed=seed,
    )
    return trainer, networks.with_class_id(generator, num_classes)


def draw(options) -> None:
    """Joins all rows, prints the medians and draws both curves."""
    from matplotlib.figure import Figure

    rows = []
    for path in sorted(options.work.glob("*-*/quality.csv")):
        with open(path, newline="") as file:
            rows += csv.DictReader(file)
    with open(options.work / "quality.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    step = options.minutes / options.measures
    figure = Figure(figsize=(10, 4), layout="constrained")
    kinds = ("kernel_distance", "frechet_distance")
    table = []
    for axis, kind in zip(figure.subplots(1, 2), kinds, strict=True):
        for name in options.presets:
            of_preset = [row for row in rows if row["preset"] == name]
            minutes = np.round([float(row["minutes"]) / step for row in of_preset])
            figures = [float(row[kind]) for row in of_preset]
            points = {
                m * step: [f for f, n in zip(figures, minutes, strict=True) if n == m]
                for m in sorted(set(minutes))
            }
            medians = [statistics.median(p) for p in points.values()]
            axis.plot(list(points), medians, ".-", label=name)
            axis.fill_between(
                list(points),
                [min(p) for p in points.values()],
                [max(p) for p in points.values()],
                alpha=0.2,
            )
            table += [
                [name, kind, m, len(p), f"{statistics.median(p):.4g}"]
                for m, p in points.items()
            ]
        axis.set(xlabel="minutes of processor time", ylabel=kind, yscale="log")
        axis.legend()
    about = f"{rows[0]['extractor']}; {rows[0]['real']} real, {rows[0]['fake']} fake"
    figure.suptitle(f"{about}; medians, least and largest over the seeds", size=9)
    figure.savefig(options.work / "quality.png", dpi=120)
    print(side_by_side.machine(), side_by_side.versions("keras", "tensorflow"), about)
    side_by_side.table(["preset", "figure", "minutes", "seeds", "median"], table)


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
