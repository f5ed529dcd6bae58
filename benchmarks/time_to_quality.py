"""How good the generated images are after so many CPU minutes.

    python benchmarks/time_to_quality.py --dataset ~/train --real ~/test --work ~/runs

Trains the GAN of each preset, from each seed, on one folder, and compares its images
now and then with other images of the same classes. Three evaluation networks give the
features, and none has taught any GAN: a classifier, and two networks of ImageNet (see
imagenet.py; left out where they are not installed). The classifier also tells how many
images are of the intended class. A discriminator that uses features of a classifier has
another one. Both classifiers are trained once on --dataset and kept in the work folder,
the one that evaluates from another seed and for ten epochs.

Minutes are CPU minutes of the GAN's training only, all cores together: 60 are half an
hour on two cores. Writes quality.csv, and quality.png of medians over the seeds. For
each preset and seed it writes a sample grid at each mark, and one of images above their
nearest training images. Interrupted, or given more --minutes, the same command resumes.
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

SEEN, REAL = "model", "real"  # folders in the work folder
COLUMNS = 7  # of a page


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--real", type=Path, required=True, help="to compare with")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--judge", type=Path, default="judge", help="model folder, in the work folder"
    )
    parser.add_argument(
        "--presets",
        nargs="+",
        default=["dcgan-32", "best-32"],
        help="names, or .toml files such as those in benchmarks/ablations",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--every", type=float, default=5, help="minutes between measures"
    )
    parser.add_argument(
        "--fastest",
        action="store_true",
        help="all in bfloat16, and shared latents where they are fresh",
    )
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def prepare(options) -> None:
    """Makes the arrays and the classifiers, unless they are in the work folder."""
    from foldergan.config.presets import find_preset
    from foldergan.config.settings import Data
    from foldergan.data import dataset

    shape = (32, 32, 3)
    for folder, source in ((".", options.dataset), (REAL, options.real)):
        (options.work / folder).mkdir(parents=True, exist_ok=True)
        dataset.build(source, options.work / folder, Data(image_shape=shape))
    classifiers = [(1, options.judge, "--epochs", "10")]
    if any(find_preset(name).gan.uses_classifier for name in options.presets):
        classifiers.append((0, SEEN))
    for seed, folder, *shorter in classifiers:
        if not (options.work / folder / "train.h5").exists():
            subprocess.run(
                [
                    sys.executable,
                    side_by_side.ROOT / "TrainModel.py",
                    *("--preset", "best-32", "--seed", str(seed), *shorter),
                    *("--dataset", options.dataset),
                    *("--data-dir", options.work),
                    *("--model-dir", options.work / folder),
                ],
                check=True,
            )


def folder_of(options, name: str, seed: int) -> Path:
    """Where a run writes; a preset may be a .toml file."""
    return options.work / f"{Path(name).stem}-{seed}"


class Evaluators:
    """Those that evaluate a generator, and what they compare it with."""

    def __init__(self, options, images, generator):
        from foldergan.gan import evaluation, sampling
        from foldergan.metrics.evaluator import Evaluator
        from foldergan.metrics.features import load_extractor
        from foldergan.storage import arrays, models

        self._generator = generator
        real = arrays.load_images(options.work / REAL)
        labels = arrays.load_labels(options.work / REAL, len(real))
        class_ids = evaluation.fake_classes(labels)
        self._inputs = sampling.sample_inputs(
            generator, len(class_ids), 12345, class_ids
        )
        self._grid_inputs = sampling.sample_grid_inputs(generator, COLUMNS, seed=12345)
        judge = options.work / options.judge
        self._classifier = models.load_classifier(judge).model
        extractors = [load_extractor("classifier", judge)]
        for load in (imagenet.load, imagenet.load_resnet):
            try:
                extractors.append(load())
            except ImportError as error:
                print(f"no features of ImageNet: {error}")
        both = np.concatenate([images, real])
        rows = np.split(np.arange(len(both)), [len(images)])
        self._evaluators = [
            Evaluator(extractor, both, *rows) for extractor in extractors
        ]

    def evaluate(self, folder: Path, minutes: float) -> list[dict]:
        """Returns a row of figures of each evaluation network and saves the grids."""
        from foldergan.classifier.evaluation import predict
        from foldergan.gan import evaluation, sampling
        from foldergan.storage import plots

        fakes = sampling.generate(self._generator, self._inputs)
        rows = [
            {"as_intended": ""} | each.evaluate(each.features_of(fakes))[0]
            for each in self._evaluators
        ]
        if isinstance(self._inputs, list):
            predicted = predict(self._classifier, fakes).argmax(1)
            rows[0]["as_intended"] = float((predicted == self._inputs[1]).mean())
        grid = sampling.generate(self._generator, self._grid_inputs)
        plots.save_image_grid(folder / f"{minutes:05.1f}.png", grid, COLUMNS)
        shown = sampling.generate(
            self._generator, evaluation.inputs_to_show(self._inputs)
        )
        nearest = self._evaluators[0].nearest_training(shown)
        plots.save_with_nearest(folder / "nearest.png", shown, nearest, COLUMNS)
        return rows


def train(options, name: str, seed: int) -> None:
    """Trains one preset from one seed and writes its rows and grids."""
    from foldergan import backend
    from foldergan.config.presets import find_preset
    from foldergan.data.training_set import TrainingSet
    from foldergan.gan import identity, photograph_trainer, schedule
    from foldergan.nn import precision
    from foldergan.storage import arrays, models, tables
    from foldergan.storage.checkpoint import Checkpoint

    images = np.array(arrays.load_images(options.work))
    labels = arrays.load_labels(options.work, len(images))
    settings = find_preset(name).gan
    if options.fastest:
        latents = "shared" if settings.latents == "fresh" else settings.latents
        settings = replace(settings, precision="bfloat16", latents=latents)
    chosen = precision.choose(settings)
    settings = replace(settings, precision=chosen)
    backend.start(seed)
    num_classes = labels.shape[1] if settings.conditioning == "class" else 0
    classifier = None
    if settings.uses_classifier:
        classifier = models.load_classifier(options.work / SEEN).model
    trainer = photograph_trainer.build_trainer(
        settings, images.shape[1:], num_classes, seed, classifier
    )
    folder = folder_of(options, name, seed)
    folder.mkdir(exist_ok=True)
    about = {"preset": Path(name).stem, "seed": seed}
    saved = Checkpoint(folder, identity.of_settings(settings) | about)
    if saved.path.exists():
        trainer.restore(saved.load())
    rows = saved.tables.setdefault("rows", [])
    spent = saved.tables.setdefault("spent", 0.0)
    steps = rows[-1]["steps"] if rows else 0
    every = 60 * options.every
    due = every * (1 + spent // every)
    if due > 60 * options.minutes:
        return
    evaluators = Evaluators(options, images, trainer.inference_generator)
    last = time.process_time()

    def on_step(batch, batches, means):
        nonlocal spent, steps, due, last
        spent += time.process_time() - last
        steps += 1
        if spent >= due:
            minutes = due / 60
            due += every
            for row in evaluators.evaluate(folder, minutes):
                rows.append(about | {"minutes": minutes, "steps": steps} | row)
                print(*rows[-1].values(), flush=True)
            saved.tables["spent"] = spent
            saved.save(trainer.state())
            tables.save_csv(folder / "quality.csv", rows)
        last = time.process_time()

    for _ in trainer.train(
        TrainingSet(
            images, np.arange(len(images)), labels=labels if num_classes else None
        ),
        None,
        schedule.plan(settings, len(images)).batch_size,
        on_step=on_step,
        should_stop=lambda: due > 60 * options.minutes,
    ):
        pass


def draw(options) -> None:
    """Joins all rows, prints and draws medians where every seed was measured."""
    from matplotlib.figure import Figure

    rows = []
    for path in sorted(options.work.glob("*-*/quality.csv")):
        with open(path, newline="") as file:
            rows += csv.DictReader(file)
    if not rows:
        sys.exit("no run has reached its first measure: give more --minutes")
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
            for name in (Path(preset).stem for preset in options.presets):
                points = {}
                for row in rows:
                    if (row["preset"], row["extractor"]) == (name, extractor):
                        values = points.setdefault(float(row["minutes"]), [])
                        values.append(float(row[kind]))
                seeds = max(map(len, points.values()), default=0)
                points = {m: v for m, v in points.items() if len(v) == seeds}
                middle = {m: statistics.median(v) for m, v in sorted(points.items())}
                ends = [[end(points[m]) for m in middle] for end in (min, max)]
                axis.plot(list(middle), list(middle.values()), ".-", label=name)
                axis.fill_between(list(middle), *ends, alpha=0.2)
                table += [
                    [name, extractor, kind, m, seeds, f"{value:.4g}"]
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
            run = [sys.executable, *sys.argv, "--run", name, str(seed)]
            subprocess.run(run, check=True)
    draw(options)


if __name__ == "__main__":
    main()
