"""Learns to tell the images' classes apart.

    python TrainModel.py
    python TrainModel.py --inspect --dataset ~/photos
    python TrainModel.py --preset auto --dataset ~/photos
    python TrainModel.py --dataset ~/photos --epochs 20
    python TrainModel.py --augment-with more
    python TrainModel.py --dataset scans --group-by "patient[0-9]+"
    python TrainModel.py --dataset train --validation valid --test test

Reads   dataset/<class>/*; --augment-with, --validation and --test DIR also
        DIR/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, img_data.txt.json, img_files.txt,
        near_duplicates.json, and in model/
        train.json, train.h5, classes.json, train_history.csv, train_evaluation.csv,
        train_classes.csv, train_curves.png, confusion_matrix.png,
        train_reliability.csv, train_reliability.png, report.html; --export-onnx also
        train.onnx; --tensorboard its log in tensorboard/; --augment-with, --validation
        and --test also arrays of those images in extra_images/, validation_images/ and
        test_images/
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldergan import backend, classifier, data, gan, nn, process, report, storage
from foldergan.backbones import sources
from foldergan.config import command_line, commands
from foldergan.config.presets import PRESETS, Preset
from foldergan.config.settings import Classifier
from foldergan.errors import InputError
from foldergan.progress import EpochProgress, about
from foldergan.storage import filenames, locking, tables

if TYPE_CHECKING:
    import keras
    import numpy as np

    from foldergan.images import Images


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
    parser.add_option(
        "data",
        "--inspect",
        action="store_true",
        help="say what the dataset holds, which preset fits and how long each script "
        "takes; write nothing",
    )
    for part in ("validation", "test"):
        parser.add_option(
            "data",
            f"--{part}",
            type=Path,
            metavar="DIR",
            help=f"folder of the {part} images, of these classes or some of them, in "
            "place of a fraction of the dataset",
        )
    options, preset = parser.parse()
    for part in ("validation", "test"):
        folder: Path | None = getattr(options, part)
        if folder is None:
            continue
        if getattr(options, f"{part}_split", 0):
            parser.error(f"--{part} goes without --{part}-split")
        if folder.resolve() == (options.dataset or Path("dataset")).resolve():
            parser.error(f"{folder} is the dataset itself; --{part} needs another")
        without = {f"{part}_split": 0.0}
        preset = replace(preset, data=preset.data.override(without))
    return options, preset


def main() -> None:
    choose_preset()
    options, preset = parse_flags()
    if options.inspect:
        inspect(options.dataset or Path("dataset"))
        return
    sources.refuse_missing(preset.classifier.backbone)  # before anything is replaced

    if options.export_onnx:
        storage.onnx.require()
    with (
        locking.training_folder(options.model_dir),
        report.run.RunReport(
            options.model_dir, "TrainModel", has_log=options.tensorboard
        ) as page,
    ):
        train(options, preset, page)
        if options.export_onnx:
            print(f"saved {storage.onnx.export_classifier(options.model_dir)}")
        print(f"next: {commands.of('GANModel')}")


def choose_preset() -> None:
    """Puts the preset that fits the dataset in place of --preset auto."""
    given = commands.peek("preset", "dataset")
    if given.preset != "auto":
        return
    if "--inspect" in sys.argv:  # which says what fits
        name_preset("dcgan-32")
        return

    found = data.inspection.inspect(Path(given.dataset or "dataset"))
    advice = data.inspection.advise(found)
    print(f"preset auto: {advice.preset}, for {advice.why}", flush=True)
    name_preset(advice.preset)
    if not found.can_be_told_apart:
        command = commands.of("GANModel", dataset=found.dataset)
        raise InputError(f"no classifier can be trained there; run: {command}")


def name_preset(name: str) -> None:
    """Gives --preset this value, for this command and those that follow from it."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument("--preset", nargs="?")
    sys.argv[1:] = ["--preset", name, *peek.parse_known_args()[1]]


def inspect(dataset: Path) -> None:
    """Says what a dataset holds, which preset fits and how long that takes here."""
    start = time.monotonic()
    found = data.inspection.inspect(dataset)
    seconds_to_read = time.monotonic() - start
    for line in data.inspection.report(found):
        print(line)
    advice = data.inspection.advise(found)
    preset = PRESETS[advice.preset]
    print(f"preset that fits: {preset.name}, for {advice.why}")
    print(f"timing some steps of {preset.name} on this machine ...", flush=True)

    backend.start(preset.seed)

    shape = data.inspection.array_shape(found, preset.data)
    counts = list(found.classes.values()) or [found.looks.images]
    seconds = gan.timing.measure(preset, shape, counts)
    if seconds is None:
        print("not measured: weights of its backbone are not on this machine")
    name_preset(preset.name)
    for number, script in enumerate(data.inspection.scripts(found)):
        takes = "under a minute"  # a few images are drawn
        if script != "GeneratePredict":
            to_read = seconds_to_read if number == 0 else 0.0
            takes = about(to_read + seconds[script]) if seconds else "not measured"
        given = {} if number else {"dataset": dataset}
        print(f"  {commands.of(script, **given)}  ({takes})")


def train(
    options: argparse.Namespace, preset: Preset, page: report.run.RunReport
) -> None:
    # Read the images and save them as arrays.
    class_names, images, labels = read_dataset(options, preset)
    identity = storage.arrays.identify(options.data_dir)

    # Hold out a fraction of each class.
    rows = hold_out(options.data_dir, preset, identity, class_names, images, labels)

    # Add images of other folders, where there are any: to the training part alone, or
    # to those that are held out.
    of_arrays = data.splits.LabelledImages(images, labels, rows)
    seen, about = add_extra_images(options, identity, class_names, of_arrays)

    # Build the classifier. This takes seconds, so only once the images are good.
    given = preset.classifier.precision
    preset = decide_settings(options.model_dir, preset, images.shape[1:])
    settings = preset.classifier
    backend.start(preset.seed)

    network = classifier.network.build_classifier(
        settings, images.shape[1:], len(class_names)
    )

    # Train it.
    page.add_dataset(options.data_dir, images, class_names)
    num_images = len(seen.rows["training"])
    display = EpochProgress(
        classifier.training.num_epochs(settings, num_images), num_images
    )
    history = []

    def on_step(batch: int, batches: int, logs: dict[str, float]) -> None:
        display.on_step(batch, batches, lambda: logs)

    fit = functools.partial(classifier.training.train, on_step=on_step)
    if settings.backbone != "none":
        fit = functools.partial(classifier.transfer.train, cache=options.data_dir)
    epochs = fit(network, seen, settings, preset.seed)
    for epoch, logs in epochs:
        display.on_epoch(epoch, logs)
        history.append({"epoch": epoch, **logs})
        page.update(history)

    # Save and evaluate it.
    save_results(options.model_dir, preset, network, class_names, history)
    storage.run_directory.RunDirectory(options.model_dir).save_run(
        "TrainModel", preset, backend.versions(), given, **about
    )
    charts = storage.plots.curves(history)
    storage.plots.save_charts(options.model_dir / filenames.CLASSIFIER_CURVES, charts)
    results = evaluate(options.model_dir, network, class_names, seen, settings)
    page.add_confusions(*results)
    print(f"saved {options.model_dir / filenames.CLASSIFIER_H5}")


def read_dataset(
    options: argparse.Namespace, preset: Preset
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Makes the arrays; returns class names, images and labels."""
    # Another run could replace the arrays between making and loading them.
    with locking.arrays_folder(options.data_dir):
        class_names = data.dataset.build(
            options.dataset,
            options.data_dir,
            preset.data,
            strict=options.strict,
            most_classes=2 if preset.classifier.output == "sigmoid" else None,
        )
        images = storage.arrays.load_images(options.data_dir)
        return (
            class_names,
            images,
            storage.arrays.load_labels(options.data_dir, len(images)),
        )


def hold_out(
    data_dir: Path,
    preset: Preset,
    identity: str,
    class_names: list[str],
    images: np.ndarray,
    labels: np.ndarray,
) -> data.splits.Parts:
    """Splits the rows; says what stays together, and what is on both sides."""
    if not (preset.data.validation_split or preset.data.test_split):
        return data.splits.split_in_three(labels, preset.data, preset.seed)
    grouping = data.groups.load(data_dir, identity, preset.data, images)
    rows, at_random = data.groups.split(
        grouping,
        lambda group_of: data.splits.split_in_three(
            labels, preset.data, preset.seed, group_of
        ),
    )
    data.groups.tell(
        grouping, preset.data, rows, at_random, labels.argmax(1), class_names
    )
    print("  ".join(f"{part} {len(numbers)}" for part, numbers in rows.items()))
    return rows


def decide_settings(
    model_dir: Path, preset: Preset, image_shape: tuple[int, int, int]
) -> Preset:
    """Replaces a precision of auto, and what a backbone leaves idle."""
    settings = preset.classifier
    if settings.backbone != "none":
        if "shift" in settings.augmentation:
            print("note: beside a backbone images are not shifted")
        return replace(preset, classifier=settings.beside_backbone())
    before = storage.run_directory.RunDirectory(model_dir).chosen_before(
        "TrainModel", preset
    )
    chosen = nn.precision.choose(settings, before)
    return replace(preset, classifier=replace(settings, precision=chosen))


def add_extra_images(
    options: argparse.Namespace,
    identity: str,
    class_names: list[str],
    of_arrays: data.splits.LabelledImages,
) -> tuple[data.splits.LabelledImages, dict[str, Any]]:
    """Adds the images of other folders; returns all, and what to record of them."""

    def load(option: str, name: str) -> data.extra_images.ExtraImages:
        own_dir, shape = options.data_dir / name, of_arrays.image_shape
        folder = getattr(options, option)
        return data.extra_images.load(
            folder, own_dir, class_names, shape, options.strict, option
        )

    seen = of_arrays
    about: dict[str, Any] = {"data": identity}
    if options.augment_with:
        extra = load("augment_with", filenames.EXTRA)
        added, folder = len(extra.images), options.augment_with
        print(f"{added} of {folder} are added to the training")
        data.extra_images.warn_of_leak(extra, options.data_dir, identity, of_arrays)
        seen = data.extra_images.add(extra, "training", seen)
        about["augmented_with"] = extra.about
    for part, name in filenames.HELD_OUT.items():
        if getattr(options, part):
            extra = load(part, name)
            print(f"{part} {len(extra.images)}: all of {getattr(options, part)}")
            if missing := [n for n, k in extra.about["images"].items() if not k]:
                print(f"note: it has no image of {', '.join(missing)}")
            data.extra_images.warn_of_duplicates(
                extra, options.data_dir / name, of_arrays.images, identity
            )
            seen = data.extra_images.add(extra, part, seen)
            about.setdefault("held_out_folders", {})[part] = extra.about
    return seen, about


def save_results(
    model_dir: Path,
    preset: Preset,
    network: keras.Model,
    class_names: list[str],
    history: list[dict[str, float]],
) -> None:
    """Writes the classifier, and how its training went."""
    storage.models.save_classifier(
        model_dir,
        network,
        class_names,
        preset.classifier.augmentation,
        sources.fingerprint(preset.classifier.backbone),
    )
    tables.save_csv(model_dir / filenames.CLASSIFIER_HISTORY, history)


def evaluate(
    model_dir: Path,
    network: keras.Model,
    class_names: list[str],
    seen: data.splits.LabelledImages,
    settings: Classifier,
) -> tuple[str, list[str], Images, np.ndarray, np.ndarray, np.ndarray]:
    """Reports on every part, and class by class on the one that it saw least of.

    Returns:
        The name of that part, the class names, all images, the part's row numbers,
        labels and predictions.
    """
    table, of_classes = [], []
    for part, numbers in seen.rows.items():
        if len(numbers):
            labels = seen.labels[numbers]
            probabilities = classifier.evaluation.predict(
                network, seen.images, numbers, settings.augmentation
            )
            found = classifier.figures.measure(labels, probabilities, class_names)
            table.append({"part": part} | found.total)
            of_classes += [{"part": part} | row for row in found.classes]
            print(classifier.figures.part_as_text(part, found.total))
            last = part, class_names, seen.images, numbers, labels, probabilities
    print(classifier.figures.as_text(found))
    tables.save_csv(model_dir / filenames.CLASSIFIER_EVALUATION, table)
    tables.save_csv(model_dir / filenames.CLASSIFIER_CLASSES, of_classes)
    storage.plots.save_confusion_matrix(
        model_dir / filenames.CLASSIFIER_MATRIX, found.matrix, class_names
    )
    tables.save_csv(model_dir / filenames.CLASSIFIER_RELIABILITY, found.reliability)
    chart = storage.plots.reliability(found.reliability)
    storage.plots.save_charts(
        model_dir / filenames.CLASSIFIER_RELIABILITY_PLOT, [chart]
    )
    return last


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
