"""Learns to tell the images' classes apart.

    python TrainModel.py
    python TrainModel.py --dataset ~/photos --epochs 20
    python TrainModel.py --augment-with more

Reads   dataset/<class>/*; --augment-with DIR also DIR/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, img_data.txt.json, and in model/
        train.json, train.h5, classes.json, train_history.csv, train_evaluation.csv,
        train_classes.csv, train_curves.png, confusion_matrix.png,
        train_reliability.csv, train_reliability.png, report.html; --export-onnx also
        train.onnx; --tensorboard its log in tensorboard/; --augment-with also arrays of
        those images in extra_images/
"""

import argparse
import functools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldergan import process
from foldergan.backbones import sources
from foldergan.config import command_line, commands
from foldergan.config.presets import Preset
from foldergan.config.settings import Classifier
from foldergan.storage import locking

if TYPE_CHECKING:
    import keras
    import numpy as np

    from foldergan.data.splits import Parts
    from foldergan.images import Images
    from foldergan.report.run import RunReport


def parse_flags() -> tuple[argparse.Namespace, Preset]:
    parser = command_line.Parser(__doc__, sections=("data", "classifier"))
    parser.add_training_flags()
    parser.add_onnx_flag("the classifier as train.onnx")
    parser.add_option(
        "data",
        "--augment-with",
        type=Path,
        metavar="DIR",
        help="folder of further images of these classes, such as an export of "
        "GeneratePredict.py, for the training part alone",
    )
    return parser.parse()


def main() -> None:
    options, preset = parse_flags()
    sources.refuse_missing(preset.classifier.backbone)  # before anything is replaced
    from foldergan.report.run import RunReport
    from foldergan.storage import onnx

    if options.export_onnx:
        onnx.require()
    with (
        locking.training_folder(options.model_dir),
        RunReport(
            options.model_dir, "TrainModel", has_log=options.tensorboard
        ) as report,
    ):
        train(options, preset, report)
        if options.export_onnx:
            print(f"saved {onnx.export_classifier(options.model_dir)}")
        print(f"next: {commands.of('GANModel')}")


def train(options: argparse.Namespace, preset: Preset, report: "RunReport") -> None:
    from foldergan import backend
    from foldergan.storage import arrays, filenames

    # Read the images and save them as arrays.
    class_names, images, labels = read_dataset(options, preset)

    # Hold out a fraction of each class.
    rows = hold_out(options.data_dir, preset, labels)

    # Add images of another folder to the training part alone, where there is one.
    seen, labels, rows, about = add_extra_images(
        options, class_names, images, labels, rows
    )

    # Build the classifier. This takes seconds, so only once the images are good.
    given = preset.classifier.precision
    preset = decide_settings(options.model_dir, preset, images.shape[1:])
    settings = preset.classifier
    backend.start(preset.seed)
    from foldergan.classifier import training, transfer
    from foldergan.classifier.network import build_classifier
    from foldergan.progress import EpochProgress

    classifier = build_classifier(settings, images.shape[1:], len(class_names))

    # Train it.
    report.add_dataset(options.data_dir, images, class_names)
    num_images = len(rows["training"])
    display = EpochProgress(training.num_epochs(settings, num_images), num_images)
    history = []
    through_backbone = functools.partial(transfer.train, cache=options.data_dir)
    fit = training.train if settings.backbone == "none" else through_backbone
    epochs = fit(
        classifier, seen, labels, rows, settings, preset.seed, on_step=display.on_step
    )
    for epoch, logs in epochs:
        display.on_epoch(epoch, logs)
        history.append({"epoch": epoch, **logs})
        report.update(history)

    # Save and evaluate it.
    about = about | {"data": arrays.identify(options.data_dir)}
    save_results(
        options.model_dir, preset, given, classifier, class_names, history, about
    )
    results = evaluate(
        options.model_dir, classifier, class_names, seen, labels, rows, settings
    )
    report.add_confusions(*results)
    print(f"saved {options.model_dir / filenames.CLASSIFIER_H5}")


def read_dataset(
    options: argparse.Namespace, preset: Preset
) -> "tuple[list[str], np.ndarray, np.ndarray]":
    """Makes the arrays; returns class names, images and labels."""
    from foldergan.data import dataset
    from foldergan.storage import arrays

    # Another run could replace the arrays between making and loading them.
    with locking.arrays_folder(options.data_dir):
        class_names = dataset.build(
            options,
            preset.data.source,
            preset.data.image_shape,
            most_classes=2 if preset.classifier.output == "sigmoid" else None,
        )
        images = arrays.load_images(options.data_dir)
        return class_names, images, arrays.load_labels(options.data_dir, len(images))


def hold_out(data_dir: Path, preset: Preset, labels: "np.ndarray") -> "Parts":
    """Splits the rows; warns of images that are trained on and held out as well."""
    from foldergan.data import duplicates, splits

    rows = splits.split_in_three(labels, preset.data, preset.seed)
    print("  ".join(f"{part} {len(numbers)}" for part, numbers in rows.items()))
    duplicates.warn_of_parts(duplicates.load(data_dir), rows)
    return rows


def decide_settings(
    model_dir: Path, preset: Preset, image_shape: tuple[int, int, int]
) -> Preset:
    """Replaces a precision of auto, and what a backbone leaves idle."""
    from foldergan.nn import precision
    from foldergan.storage import runs

    settings = preset.classifier
    if settings.backbone != "none":
        if "shift" in settings.augmentation:
            print("note: beside a backbone images are not shifted")
        return replace(preset, classifier=settings.beside_backbone())
    before = runs.chosen_before(model_dir, "TrainModel", preset)
    chosen = precision.choose(settings, settings.convolutions(image_shape), before)
    return replace(preset, classifier=replace(settings, precision=chosen))


def add_extra_images(
    options: argparse.Namespace,
    class_names: list[str],
    images: "np.ndarray",
    labels: "np.ndarray",
    rows: "Parts",
) -> "tuple[Images, np.ndarray, Parts, dict[str, Any]]":
    """Adds the images of --augment-with; returns all, and what to record of them."""
    if not options.augment_with:
        return images, labels, rows, {}
    from foldergan.data import extra_images
    from foldergan.storage import arrays

    extra = extra_images.load(
        options.augment_with,
        options.data_dir,
        class_names,
        images.shape[1:],
        options.strict,
    )
    print(f"{len(extra.images)} of {options.augment_with} are added to the training")
    extra_images.warn_of_leak(extra, arrays.identify(options.data_dir), labels, rows)
    added = extra_images.add_to_training(extra, images, labels, rows)
    return *added, {"augmented_with": extra.about}


def save_results(
    model_dir: Path,
    preset: Preset,
    given_precision: str,
    classifier: "keras.Model",
    class_names: list[str],
    history: list[dict[str, float]],
    about: dict[str, Any],
) -> None:
    """Writes the classifier, and how its training went."""
    from foldergan import backend
    from foldergan.backbones import sources
    from foldergan.storage import filenames, models, plots, runs, tables

    models.save_classifier(
        model_dir,
        classifier,
        class_names,
        preset.classifier.augmentation,
        sources.fingerprint(preset.classifier.backbone),
    )
    tables.save_csv(model_dir / filenames.CLASSIFIER_HISTORY, history)
    runs.save_run(
        model_dir, "TrainModel", preset, backend.versions(), given_precision, **about
    )
    plots.save_curves(model_dir / filenames.CLASSIFIER_CURVES, history)


def evaluate(
    model_dir: Path,
    classifier: "keras.Model",
    class_names: list[str],
    images: "Images",
    labels: "np.ndarray",
    rows: "dict[str, np.ndarray]",
    settings: Classifier,
) -> "tuple[str, list[str], Images, np.ndarray, np.ndarray, np.ndarray]":
    """Reports on every part, and class by class on the one that it saw least of.

    Returns:
        The name of that part, the class names, all images, the part's row numbers,
        labels and predictions.
    """
    from foldergan.classifier import evaluation, figures
    from foldergan.storage import filenames, plots, tables

    table, of_classes = [], []
    for part, numbers in rows.items():
        if len(numbers):
            probabilities = evaluation.predict(
                classifier, images, numbers, settings.augmentation
            )
            found = figures.measure(labels[numbers], probabilities, class_names)
            table.append({"part": part} | found.total)
            of_classes += [{"part": part} | row for row in found.classes]
            print(figures.part_as_text(part, found.total))
            last = (part, class_names, images, numbers, labels[numbers], probabilities)
    print(figures.as_text(found))
    tables.save_csv(model_dir / filenames.CLASSIFIER_EVALUATION, table)
    tables.save_csv(model_dir / filenames.CLASSIFIER_CLASSES, of_classes)
    plots.save_confusion_matrix(
        model_dir / filenames.CLASSIFIER_MATRIX, found.matrix, class_names
    )
    tables.save_csv(model_dir / filenames.CLASSIFIER_RELIABILITY, found.reliability)
    plots.save_reliability(
        model_dir / filenames.CLASSIFIER_RELIABILITY_PLOT, found.reliability
    )
    return last


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
