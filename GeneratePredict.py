"""Draws new pictures and lets the classifier say what they show.

    python GeneratePredict.py
    python GeneratePredict.py --generator generator_model_050.h5 --count 100 --show

Reads   in model/: generator_model_080.h5 (else the newest), train.json, train.h5,
        classes.json
Writes  in model/: predictions.png, predictions.csv
"""

import sys

from foldergan import process
from foldergan.config import command_line
from foldergan.storage import locking


def parse_flags():
    parser = command_line.Parser("Draw new pictures and classify them.", ("generate",))
    parser.add_argument(
        "--only", help="class to draw, of a generator that was trained with classes"
    )
    parser.add_argument(
        "--show", action="store_true", help="open a window with the pictures"
    )
    return parser.parse()


def main():
    options, preset = parse_flags()
    from foldergan import backend
    from foldergan.storage import models, tables

    # Find both networks, and load them.
    model_dir = options.model_dir
    models.require_classifier(model_dir)
    path = models.find_generator(
        model_dir, getattr(options, "generator", None), preset.generate.generator
    )
    locking.make_writable_folder(model_dir)
    backend.start(preset.seed)
    from foldergan import images
    from foldergan.classifier import evaluation, predictions
    from foldergan.gan import networks, sampling
    from foldergan.storage import plots

    classifier, class_names = models.load_classifier(model_dir)
    generator = models.load_generator(path)

    # Draw pictures from seeded latent vectors.
    wanted = predictions.wanted_classes(
        options.only,
        class_names,
        networks.num_classes_of(generator),
        models.load_drawn_classes(path),
    )
    inputs = sampling.sample_inputs(
        generator, preset.generate.count, preset.seed, wanted
    )
    pictures = sampling.generate(generator, inputs)
    print(f"drew {len(pictures)} pictures with {path}")

    # Classify them at the size that the classifier was trained on.
    resized = images.resize_all(pictures, classifier.input_shape[1:])
    probabilities = evaluation.predict(
        classifier, resized, augmented=preset.classifier.augmentation
    )

    # Show and save what it says.
    intended = [class_names[number] for number in inputs[1]] if wanted else None
    rows = predictions.table(probabilities, class_names, intended)
    print(predictions.as_text(rows))
    tables.save_csv(model_dir / "predictions.csv", rows)
    plots.save_predictions(model_dir / "predictions.png", pictures, rows)
    print(f"saved {model_dir / 'predictions.png'} and {model_dir / 'predictions.csv'}")
    if options.show and not plots.show(model_dir / "predictions.png"):
        print("warning: --show needs a screen and there is none")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
