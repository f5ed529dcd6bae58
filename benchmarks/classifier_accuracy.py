"""How often a preset's classifier is right about images that it never saw.

    python benchmarks/classifier_accuracy.py --train ~/train --test ~/test

Trains on all images of one folder and measures on another, with the same classes.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import side_by_side


def main():
    """Trains, measures, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--preset", default="best-32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    from foldergan import backend
    from foldergan.config.presets import find_preset
    from foldergan.config.settings import Data
    from foldergan.data import dataset
    from foldergan.storage import arrays

    preset = find_preset(options.preset)
    given = {"epochs": options.epochs} if options.epochs else {}
    settings = preset.classifier.override(given)
    parts = {}
    with tempfile.TemporaryDirectory() as name:
        for part in ("train", "test"):
            folder = Path(name) / part
            folder.mkdir()
            source = getattr(options, part)
            class_names = dataset.build(
                source, folder, Data(image_shape=preset.data.image_shape)
            )
            images = np.array(arrays.load_images(folder))
            parts[part] = images, arrays.load_labels(folder, len(images))
    backend.start(options.seed)
    from foldergan.classifier import evaluation, training
    from foldergan.classifier.network import build_classifier
    from foldergan.data.splits import LabelledImages
    from foldergan.nn import precision

    chosen = precision.choose(settings)
    settings = replace(settings, precision=chosen)
    images, labels = parts["train"]
    classifier = build_classifier(settings, images.shape[1:], len(class_names))
    rows = {"training": np.arange(len(images)), "validation": np.arange(0)}
    data = LabelledImages(images, labels, rows)
    start, cpu = time.perf_counter(), time.process_time()
    history = [
        logs for _, logs in training.train(classifier, data, settings, options.seed)
    ]
    minutes = (time.perf_counter() - start) / 60
    cpu_minutes = (time.process_time() - cpu) / 60
    images, labels = parts["test"]
    row = [options.preset, options.seed, len(history)]
    row += [f"{minutes:.1f}", f"{cpu_minutes:.1f}"]
    for augmentation in ((), settings.augmentation):
        said = evaluation.predict(classifier, images, augmentation=augmentation)
        figures = evaluation.evaluate(labels, said)
        row.append(f"{figures['accuracy']:.2%}")
    print(side_by_side.machine(), side_by_side.versions("keras", "tensorflow"))
    headings = ["preset", "seed", "epochs", "minutes", "CPU minutes"]
    headings += ["accuracy", "shifted and mirrored too"]
    side_by_side.table(headings, [row])


if __name__ == "__main__":
    main()
