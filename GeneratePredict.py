"""Draws new images and lets the classifier say what they show.

    python GeneratePredict.py
    python GeneratePredict.py --generator generator_model_050.h5 --count 100 --show

Reads   in model/: generator_model_080.h5 (else the newest), train.json, train.h5,
        classes.json
Writes  in model/: predictions.png, predictions.csv, report.html
"""

import argparse
import sys

from foldergan import process
from foldergan.config import command_line
from foldergan.config.presets import Preset
from foldergan.storage import generators, locking


def parse_flags() -> tuple[argparse.Namespace, Preset]:
    parser = command_line.Parser(__doc__, sections=("generate",))
    parser.add_option(
        "data",
        "--only",
        metavar="CLASS",
        help="class to draw, of a generator that was trained with classes",
    )
    parser.add_option(
        "output", "--show", action="store_true", help="open a window with the images"
    )
    return parser.parse()


def main() -> None:
    options, preset = parse_flags()
    from foldergan import backend
    from foldergan.report.run import RunReport
    from foldergan.storage import models, tables

    # Find both networks, and load them.
    model_dir = options.model_dir
    report = RunReport(model_dir, "GeneratePredict")
    models.require_classifier(model_dir)
    path = generators.find_generator(
        model_dir, getattr(options, "generator", None), preset.generate.generator
    )
    locking.make_writable_folder(model_dir)
    backend.start(preset.seed)
    from foldergan import images
    from foldergan.classifier import evaluation, predictions
    from foldergan.gan import sampling
    from foldergan.storage import plots

    classifier, class_names, augmentation = models.load_classifier(model_dir)
    if augmentation is None:  # of a version before 0.2, or of others
        augmentation = preset.classifier.augmentation
    generator = models.load_generator(path)

    # Draw images from seeded latent vectors.
    class_ids = predictions.classes_to_draw(
        options.only,
        class_names,
        models.num_classes_of(generator),
        models.load_generator_classes(path),
    )
    inputs = sampling.sample_inputs(
        generator, preset.generate.count, preset.seed, class_ids
    )
    fake_images = sampling.generate(generator, inputs)
    print(f"drew {len(fake_images)} images with {path}")

    # Classify them at the size that the classifier was trained on.
    resized = images.resize_all(fake_images, classifier.input_shape[1:])
    probabilities = evaluation.predict(classifier, resized, augmentation=augmentation)

    # Show and save what it says.
    intended = [class_names[number] for number in inputs[1]] if class_ids else None
    rows = predictions.table(probabilities, class_names, intended)
    print(predictions.as_text(rows))
    tables.save_csv(model_dir / "predictions.csv", rows)
    plots.save_predictions(model_dir / "predictions.png", fake_images, rows)
    with report:
        report.add_predictions(path.name, fake_images, rows)
    print(f"saved {model_dir / 'predictions.png'} and {model_dir / 'predictions.csv'}")
    if options.show and not plots.show(model_dir / "predictions.png"):
        print("warning: --show needs a screen and there is none")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
