"""Draws new images and lets the classifier say what they show.

    python GeneratePredict.py
    python GeneratePredict.py --generator generator_model_050.h5 --count 100 --show
    python GeneratePredict.py --per-class 1000 --evaluate --save-images drawn
    python GeneratePredict.py --export more --per-class 5000 --min-confidence 0.9
    python GeneratePredict.py --classify holiday.jpg
    python GeneratePredict.py --classify ~/photos/test

Reads   in model/: generator_model_080.h5 (else the newest), train.json, train.h5,
        classes.json; --evaluate also run_GANModel.json and the arrays; --export without
        --per-class run_TrainModel.json and the labels; --classify no generator, but the
        images of a file, a folder, or a folder with one folder a class
Writes  in model/: predictions.png, predictions.csv, report.html; of a generator with
        classes predictions_confusion.png; --evaluate also predictions_nearest.png and,
        where its training held images out, predictions_quality.csv; --export-onnx
        train.onnx and, of the generator, generator_model_080.onnx. Or, with --export
        DIR, only DIR/<class>/gen_000001.png ..., DIR/export.json and DIR/SHA256SUMS.
        Or, with --classify, only classified.csv, classified.png and, of a folder with
        class folders, classified_classes.csv and classified_confusion.png
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from foldergan import (
    backend,
    child,
    classifier,
    data,
    gan,
    metrics,
    nn,
    process,
    report,
    storage,
)
from foldergan.config import command_line, commands
from foldergan.config.presets import Preset
from foldergan.errors import InputError, RunError
from foldergan.progress import ImageProgress
from foldergan.storage import filenames, locking, tables

if TYPE_CHECKING:
    import numpy as np


def parse_flags() -> tuple[argparse.Namespace, Preset]:
    parser = command_line.Parser(__doc__, sections=("generate",))
    parser.add_option(
        "data",
        "--only",
        metavar="CLASS",
        help="class to draw, of a generator that was trained with classes",
    )
    parser.add_option(
        "evaluation",
        "--evaluate",
        action="store_true",
        help="compare these images with held-out ones, and with those trained on",
    )
    parser.add_option(
        "output",
        "--save-images",
        type=Path,
        metavar="DIR",
        help="folder to save each image in as a file of its own; empty or new",
    )
    parser.add_onnx_flag("train.onnx and, beside it, the generator")
    parser.add_option(
        "output", "--show", action="store_true", help="open a window with the images"
    )
    parser.add_option(
        "output",
        "--refuse-near-copies",
        action="store_true",
        help="with --export: leave out images that are nearer to an image trained on "
        "than half of its distance to any other; needs the arrays",
    )
    parser.add_option(
        "output",
        "--export",
        type=Path,
        metavar="DIR",
        help="fill a dataset folder with images of each class that the classifier "
        "accepts, and do nothing else; the same command resumes where it stopped",
    )
    parser.add_option(
        "data",
        "--classify",
        type=Path,
        metavar="FILE|DIR",
        help="classify images of your own, and do nothing else; predictions are "
        "compared with class folders, where there are any",
    )
    options, preset = parser.parse()
    if options.classify:
        refuse_idle(parser, options, preset)
    others = [options.evaluate, options.save_images, options.show, options.export_onnx]
    if options.export and (any(others) or hasattr(options, "count")):
        parser.error(
            "--export goes with --per-class, --only and --min-confidence, not with "
            "--count, --evaluate, --save-images, --export-onnx or --show"
        )
    if options.refuse_near_copies and not options.export:
        parser.error("--refuse-near-copies goes with --export")
    return options, preset


def refuse_idle(
    parser: command_line.Parser, options: argparse.Namespace, preset: Preset
) -> None:
    """Ends the process where a flag is given that --classify leaves without effect."""
    names = [field.name for field in dataclasses.fields(preset.generate)]
    names += ["only", "evaluate", "save_images", "export_onnx", "show", "export"]
    given = [name for name in names if getattr(options, name, None)]
    if given:
        flags = ", ".join(map(command_line.flag_of, given))
        parser.error(f"--classify draws nothing and goes without {flags}")


def main() -> None:
    options, preset = parse_flags()
    if options.classify:
        classify(options, preset)
        return

    if options.export_onnx:
        storage.onnx.require()
    page = report.run.RunReport(options.model_dir, "GeneratePredict")
    networks = load_networks(options, preset)
    if options.export:
        with locking.export_folder(options.export):
            export(options, preset, networks)
    else:
        with page:
            judge(options, preset, networks, page)
            if options.export_onnx:
                path = storage.onnx.export_generator(
                    networks.generator_path, options.model_dir
                )
                classifier_path = storage.onnx.export_classifier(options.model_dir)
                print(f"saved {classifier_path} and {path}")


def load_networks(options: argparse.Namespace, preset: Preset) -> gan.drawing.Networks:
    """Finds generator and classifier, and loads them."""
    storage.models.require_classifier(options.model_dir)
    path = storage.run_directory.RunDirectory(options.model_dir).find_generator(
        getattr(options, "generator", None), preset.generate.generator
    )
    locking.make_writable_folder(options.model_dir)
    checksums = None
    if options.export:
        storage.exports.read_record(options.export)  # refuses what is no export
        checksums = storage.exports.checksums_of(path, options.model_dir)
    if options.save_images:
        locking.make_empty_folder(options.save_images, "save_images")
    child.start_server()
    backend.start(preset.seed)

    return gan.drawing.load_networks(
        options.model_dir, path, preset.classifier.augmentation, checksums
    )


def judge(
    options: argparse.Namespace,
    preset: Preset,
    networks: gan.drawing.Networks,
    page: report.run.RunReport,
) -> None:
    """Draws images, and reports what the classifier says of them."""
    import numpy as np

    # Decide what to draw.
    class_ids = gan.drawing.classes_to_draw(networks, options.only)
    count = preset.generate.count
    if preset.generate.per_class:
        gan.drawing.require_conditioning(networks, "per_class")
        count = preset.generate.per_class * len(class_ids)
    evaluator = None
    if options.evaluate:
        evaluator = gan.evaluation.of_generator(
            options.data_dir,
            options.model_dir,
            networks.generator_path,
            count,
            preset.seed,
            class_ids,
        )

    # Draw it from seeded latent vectors and classify it, in a stream.
    inputs = gan.sampling.input_batches(
        networks.generator, count, preset.seed, class_ids or None
    )
    found = classifier.predictions.Predictions(
        networks.class_names, kept=storage.plots.MOST_ON_PAGE
    )
    shown: list[np.ndarray] = []
    progress = ImageProgress(count, "drew")
    table = options.model_dir / filenames.PREDICTIONS
    outdated = [options.model_dir / name for name in filenames.OF_PREDICTIONS]
    with tables.writing_csv(table, outdated) as append:
        for drawn in gan.drawing.draw(networks, inputs):
            rows = found.add(drawn.probabilities, drawn.class_ids)
            nearest = evaluator.add(drawn.images) if evaluator else [{}] * len(rows)
            append([row | of for row, of in zip(rows, nearest, strict=True)])
            shown += list(
                drawn.images[: storage.plots.MOST_ON_PAGE - len(shown)].copy()
            )
            for row, image in zip(rows, drawn.images, strict=True):
                if options.save_images:
                    name = filenames.SINGLE.format(number=row["picture"])
                    storage.plots.save_image(options.save_images / name, image)
            progress.on_images(len(rows))
    progress.done()
    print(f"drew {count} images with {networks.generator_path}")

    # Show and save what it says.
    print(found.as_text())
    images = np.stack(shown)
    save_pages(options, images, found, networks.class_names)
    page.add_predictions(
        networks.generator_path.name, images, found.rows, found.counts()
    )
    if evaluator:
        save_evaluation(options.model_dir, evaluator)


def save_pages(
    options: argparse.Namespace,
    images: np.ndarray,
    found: classifier.predictions.Predictions,
    class_names: list[str],
) -> None:
    """Saves the first images with their classes, and the confusion matrix."""
    page = options.model_dir / filenames.PREDICTIONS_PAGE
    storage.plots.save_predictions(page, images, found.rows)
    if found.matrix.any():
        storage.plots.save_confusion_matrix(
            options.model_dir / filenames.PREDICTIONS_MATRIX,
            found.matrix,
            class_names,
            down="intended",
        )
    print(f"saved {page} and {options.model_dir / filenames.PREDICTIONS}")
    if options.show and not storage.plots.show(page):
        print("warning: --show needs a screen and there is none")


def save_evaluation(model_dir: Path, evaluator: gan.evaluation.StreamEvaluator) -> None:
    """Saves the figures, and some images above the nearest ones trained on."""
    page = model_dir / filenames.PREDICTIONS_NEAREST
    storage.plots.save_with_nearest(
        page, *evaluator.shown_with_nearest(), storage.plots.GRID_COLUMNS
    )
    print(f"saved {page}: each image above the nearest one trained on")
    row = evaluator.figures()
    if row is None:
        print("no figures: the generator's training held out too few of these images")
        return
    tables.save_csv(model_dir / filenames.PREDICTIONS_QUALITY, [row])
    if matching := evaluator.matching():
        print(matching)
    print(metrics.selection.figures_as_text(row))
    print(metrics.memorisation.as_text(row))


def export(
    options: argparse.Namespace, preset: Preset, networks: gan.drawing.Networks
) -> None:
    """Fills a dataset folder with accepted images of each class, or resumes that."""
    import numpy as np

    # Decide how many of each class, and find out how far it is.
    names, settings = networks.class_names, preset.generate
    wanted = np.full(len(names), settings.per_class)
    if not settings.per_class:
        counts = data.splits.training_counts(options.data_dir, options.model_dir)
        wanted = gan.balanced_set.missing(counts, names)
    if options.only:
        wanted *= np.arange(len(names)) == gan.drawing.class_number(
            networks, options.only
        )
    asked = {"min_confidence": settings.min_confidence}
    if options.refuse_near_copies:
        asked["refuse_near_copies"] = True
    folder = storage.exports.open_export(
        options.export,
        networks.generator_path,
        options.model_dir,
        networks.checksums,
        {
            "seed": preset.seed,
            **asked,
            "images": dict(zip(names, wanted.tolist(), strict=True)),
        },
        backend.versions(),
    )
    drawn = gan.balanced_set.BalancedSet(
        names, wanted, settings.min_confidence, folder.load()
    )
    print(f"{drawn.kept.sum()} of {wanted.sum()} images are in {options.export}")
    are_copies = None
    if options.refuse_near_copies:
        are_copies = gan.evaluation.near_copy_finder(
            options.data_dir, options.model_dir, networks.generator_path
        )

    # Draw, and keep what the classifier accepts, batch by batch.
    progress = ImageProgress(int((wanted - drawn.kept).sum()), "kept")
    folder.save_state(drawn.state())
    with process.InterruptRequest() as interrupt:
        for accepted in drawn.batches(networks, preset.seed, are_copies):
            for each in accepted:
                folder.save_image(names[each.class_id], each.number, each.image)
            folder.save_state(drawn.state())
            progress.on_images(len(accepted))
            if interrupt():
                interrupt.end(f"{drawn.kept.sum()} images are kept")
    progress.done()

    # Leave checksums, and tell what is there and what is not.
    folder.save_checksums(drawn.state()["kept"])
    print("  ".join(f"{name} {n}" for name, n in drawn.state()["kept"].items()))
    if problems := drawn.problems():
        raise RunError(
            f"{options.export} lacks images: {'; '.join(problems)}; train longer",
            ("min_confidence",),
        )
    print(f"done: {options.export} is a dataset folder")
    print(f"next: {command_to_augment(options)}")


def command_to_augment(options: argparse.Namespace) -> str:
    """Writes the command of a training with the export, in a folder of its own."""
    source = Path(storage.arrays.load_source(options.data_dir).source)
    return commands.of(
        "TrainModel",
        dataset=source if source.is_dir() else None,  # it may be CIFAR-10
        augment_with=options.export,
        model_dir=f"{options.model_dir}-more",
    )


def classify(options: argparse.Namespace, preset: Preset) -> None:
    """Says what images of a person's own show, and how often that is right."""
    # Find images and classifier.
    storage.models.require_classifier(options.model_dir)
    files = classifier.image_files.ImageFiles(options.classify)
    print(f"classifying {len(files.paths)} files of {options.classify}")
    locking.make_writable_folder(options.model_dir)
    child.start_server()
    backend.start(preset.seed)

    network, names, augmentation = storage.models.load_classifier(options.model_dir)
    if augmentation is None:  # of a version before 0.2, or of others
        augmentation = preset.classifier.augmentation
    folder = storage.run_directory.RunDirectory(options.model_dir)
    network = nn.convolutions.in_precision(network, folder.precision("TrainModel"))
    if remark := files.remark(names):
        print(remark)

    # Classify them in a stream.
    shape = network.input_shape[1:]
    found = classifier.predictions.Classified(
        files, names, shown=storage.plots.GRID_COLUMNS**2
    )
    path = options.model_dir / filenames.CLASSIFIED
    outdated = [options.model_dir / name for name in filenames.OF_CLASSIFIED]
    with tables.writing_csv(path, outdated) as append:
        for numbers, images in files.batches(
            shape,
            nn.inference.images_at_once(network, shape),
            folder.resize(),
        ):
            said = classifier.evaluation.predict(
                network, images, augmentation=augmentation
            )
            append(found.add(numbers, images, said))
        data.dataset.list_problems(files.skipped, files.doubtful, len(files.paths))
        if not found.rows:
            raise InputError(
                f"no file of {options.classify} is an image that can be read",
                ("classify",),
            )

    print(found.as_text())
    save_classified(options.model_dir, found, names)


def save_classified(
    model_dir: Path, found: classifier.predictions.Classified, class_names: list[str]
) -> None:
    """Saves the sheet and, where classes are known, how often it is right."""
    import numpy as np

    page = model_dir / filenames.CLASSIFIED_PAGE
    storage.plots.save_predictions(page, np.stack(found.images), found.rows)
    print(f"saved {model_dir / filenames.CLASSIFIED} and {page}")
    measured = found.figures()
    if measured:
        print(classifier.figures.part_as_text("images", measured.total))
        print(classifier.figures.as_text(measured))
        table = model_dir / filenames.CLASSIFIED_CLASSES
        tables.save_csv(table, measured.classes)
        matrix = model_dir / filenames.CLASSIFIED_MATRIX
        storage.plots.save_confusion_matrix(matrix, measured.matrix, class_names)
        print(f"saved {table} and {matrix}")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
