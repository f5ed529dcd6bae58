"""Learns to tell the images' classes apart.

    python TrainModel.py
    python TrainModel.py --dataset ~/photos --epochs 20

Reads   dataset/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, img_data.txt.json, and in model/
        train.json, train.h5, classes.json, train_history.csv, train_evaluation.csv,
        train_curves.png, confusion_matrix.png, report.html
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foldergan import process
from foldergan.config import command_line
from foldergan.config.presets import Preset
from foldergan.config.settings import Classifier
from foldergan.storage import locking

if TYPE_CHECKING:
    import keras
    import numpy as np

    from foldergan.report.run import RunReport


def parse_flags() -> tuple[argparse.Namespace, Preset]:
    parser = command_line.Parser(__doc__, sections=("data", "classifier"))
    parser.add_dataset_flags()
    return parser.parse()


def main() -> None:
    options, preset = parse_flags()
    from foldergan.report.run import RunReport

    with (
        locking.training_folder(options.model_dir),
        RunReport(options.model_dir, "TrainModel") as report,
    ):
        train(options, preset, report)


def train(options: argparse.Namespace, preset: Preset, report: "RunReport") -> None:
    from foldergan import backend
    from foldergan.data import dataset, splits
    from foldergan.storage import arrays, filenames

    # Read the images and save them as arrays.
    class_names = dataset.build(
        options,
        preset.data.source,
        preset.data.image_shape,
        most_classes=2 if preset.classifier.output == "sigmoid" else None,
    )
    images = arrays.load_images(options.data_dir)
    labels = arrays.load_labels(options.data_dir, len(images))

    # Hold out a fraction of each class.
    rows = splits.split_in_three(labels, preset.data, preset.seed)
    print("  ".join(f"{part} {len(numbers)}" for part, numbers in rows.items()))

    # Build the classifier. This takes seconds, so only once the images are good.
    settings = preset.classifier
    backend.start(preset.seed, settings.precision)
    from foldergan.classifier import training, transfer
    from foldergan.classifier.network import build_classifier
    from foldergan.progress import EpochProgress

    classifier = build_classifier(settings, images.shape[1:], len(class_names))

    # Train it.
    report.add_dataset(options.data_dir, images, class_names)
    num_images = len(rows["training"])
    display = EpochProgress(training.num_epochs(settings, num_images), num_images)
    history = []
    fit = training.train
    if settings.backbone != "none":
        fit = functools.partial(transfer.train, cache=options.data_dir)
    for epoch, logs in fit(
        classifier,
        images,
        labels,
        rows,
        settings,
        preset.seed,
        on_step=display.on_step,
    ):
        display.on_epoch(epoch, logs)
        history.append({"epoch": epoch, **logs})
        report.update(history)

    # Save it.
    save_results(options.model_dir, preset, classifier, class_names, history)

    # Evaluate it.
    results = evaluate(
        options.model_dir, classifier, class_names, images, labels, rows, settings
    )
    report.add_confusions(*results)
    print(f"saved {options.model_dir / filenames.CLASSIFIER_H5}; next: GANModel.py")


def save_results(
    model_dir: Path,
    preset: Preset,
    classifier: "keras.Model",
    class_names: list[str],
    history: list[dict[str, float]],
) -> None:
    """Writes the classifier, and how its training went."""
    from foldergan import backend
    from foldergan.backbones import sources
    from foldergan.storage import manifest, models, plots, tables

    models.save_classifier(
        model_dir,
        classifier,
        class_names,
        preset.classifier.augmentation,
        sources.fingerprint(preset.classifier.backbone),
    )
    tables.save_csv(model_dir / "train_history.csv", history)
    manifest.save_run(model_dir, "TrainModel", preset, backend.versions())
    plots.save_curves(model_dir / "train_curves.png", history)


def evaluate(
    model_dir: Path,
    classifier: "keras.Model",
    class_names: list[str],
    images: "np.ndarray",
    labels: "np.ndarray",
    rows: "dict[str, np.ndarray]",
    settings: Classifier,
) -> "tuple[str, list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]":
    """Reports on every part, and class by class on the one that it saw least of.

    Returns:
        The name of that part, the class names, all images, the part's row numbers,
        labels and predictions.
    """
    from foldergan.classifier import evaluation
    from foldergan.storage import plots, tables

    table = []
    for part, numbers in rows.items():
        if len(numbers):
            probabilities = evaluation.predict(
                classifier, images, numbers, settings.augmentation
            )
            figures = evaluation.evaluate(labels[numbers], probabilities)
            table.append({"part": part} | figures)
            matrix = evaluation.confusion_matrix(labels[numbers], probabilities)
            last = (part, class_names, images, numbers, labels[numbers], probabilities)
    tables.save_csv(model_dir / "train_evaluation.csv", table)
    print(evaluation.evaluation_report(table))
    plots.save_confusion_matrix(model_dir / "confusion_matrix.png", matrix, class_names)
    print(evaluation.class_report(matrix, class_names))
    return last


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
