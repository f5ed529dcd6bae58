"""Accuracy of a classifier by transfer, and of Keras' own recipe, on held-out images.

    python benchmarks/transfer.py --dataset clothing5/train --backbone lite0.keras

Prints a markdown table. The project's own split holds out 20 % of each class, for each
seed. Then come the same with few images per class, and the recipe of Keras' guide to
transfer learning: the same frozen backbone at the images' size, a dense layer, `fit`.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ALL, RECIPE = "transfer, all", "Keras' recipe, all"


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--few", type=int, default=20, help="images a class in all")
    parser.add_argument(
        "--epochs", type=int, default=20, help="of Keras' recipe; 0: none"
    )
    return parser.parse_args()


def keras_recipe(options, images, labels, train, held_out, seed: int) -> float:
    """Trains a dense layer on the frozen backbone with `fit`; returns its accuracy."""
    import keras
    from keras import layers

    from foldergan.backbones import loading

    keras.utils.set_random_seed(seed)
    backbone = loading.load_backbone(options.backbone, images.shape[1:])
    inputs = keras.Input(images.shape[1:])
    values = layers.RandomFlip("horizontal", seed=seed)(inputs)
    values = backbone(values)[-1]
    values = layers.GlobalAveragePooling2D()(values)
    values = layers.Dropout(0.2, seed=seed)(values)
    outputs = layers.Dense(labels.shape[1], activation="softmax")(values)
    classifier = keras.Model(inputs, outputs)
    classifier.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    classifier.fit(
        images[train], labels[train], epochs=options.epochs, batch_size=32, verbose=0
    )
    return classifier.evaluate(images[held_out], labels[held_out], verbose=0)[1]


def transferred(options, images, labels, train, held_out, seed: int) -> float:
    """Fits the project's head; returns the accuracy of the mean of both views."""
    from foldergan.classifier import transfer
    from foldergan.config.settings import Classifier
    from foldergan.data.splits import LabelledImages

    settings = Classifier(backbone=options.backbone, augmentation=("mirror",))
    classifier = transfer.build_classifier(settings, images.shape[1:], labels.shape[1])
    rows = {"training": train, "validation": held_out}
    cache = Path(options.cache)
    data = LabelledImages(images, labels, rows)
    ((_, logs),) = transfer.train(classifier, data, settings, seed, cache=cache)
    return logs["val_accuracy"]


def of_each_class(labels, rows, count: int, seed: int):
    """Draws so many rows of each class."""
    rng = np.random.default_rng(seed)
    columns = labels[rows].argmax(1)
    drawn = [
        rng.permutation(rows[columns == column])[:count]
        for column in range(labels.shape[1])
    ]
    return np.sort(np.concatenate(drawn))


def main():
    """Measures and prints."""
    options = parse()
    from foldergan import backend
    from foldergan.config.settings import Data
    from foldergan.data import dataset, splits
    from foldergan.storage import arrays

    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        options.cache = folder
        shape = (options.size, options.size, 3)
        names = dataset.build(options.dataset, data_dir, Data(image_shape=shape))
        images = arrays.load_images(data_dir)
        labels = arrays.load_labels(data_dir, len(images))
        backend.start(0)
        few = f"transfer, {options.few} a class"
        measures = {ALL: transferred, few: transferred}
        if options.epochs:
            measures[RECIPE] = keras_recipe
        accuracies = {name: [] for name in measures}
        seconds = dict.fromkeys(measures, 0.0)
        for seed in range(options.seeds):
            train, held_out = splits.split_by_class(labels, 0.2, seed)
            some = of_each_class(labels, train, options.few, seed)
            for name, measure in measures.items():
                rows = some if name == few else train
                start = time.perf_counter()
                accuracy = measure(options, images, labels, rows, held_out, seed)
                seconds[name] += time.perf_counter() - start
                accuracies[name].append(accuracy)
                print(f"seed {seed}  {name}: {accuracy:.1%}", flush=True)
        versions = backend.versions()
        print(
            f"\n{platform.processor() or platform.machine()}, "
            f"{len(os.sched_getaffinity(0))} cores; Keras {versions['keras']}, "
            f"TensorFlow {versions['tensorflow']}; {len(images)} images of "
            f"{len(names)} classes at {options.size} px, {len(held_out)} held out, "
            f"{options.seeds} seeds; {Path(options.backbone).name}\n"
        )
        print("| | mean accuracy | least | most | seconds a seed |")
        print("|---|---|---|---|---|")
        for name, values in accuracies.items():
            print(
                f"| {name} | {np.mean(values):.1%} | {min(values):.1%} | "
                f"{max(values):.1%} | {seconds[name] / len(values):.0f} |"
            )


if __name__ == "__main__":
    main()
