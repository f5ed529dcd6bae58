"""Learns to tell the pictures' classes apart.

    python TrainModel.py
    python TrainModel.py --dataset ~/pictures --epochs 20

Reads   dataset/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, img_data.txt.json, and in model/
        train.json, train.h5, classes.json, train_history.csv, train_evaluation.csv,
        train_curves.png, confusion_matrix.png
"""

import sys

from foldergan import process
from foldergan.config import command_line
from foldergan.storage import locking


def parse_flags():
    parser = command_line.Parser("Learn to tell classes apart.", ("data", "classifier"))
    parser.add_dataset_flags()
    return parser.parse()


def main():
    options, preset = parse_flags()
    with locking.training_folder(options.model_dir):
        train(options, preset)


def train(options, preset):
    from foldergan import backend
    from foldergan.data import dataset, splits
    from foldergan.storage import arrays, filenames, manifest, models, tables

    # Read the pictures and save them as arrays.
    class_names = dataset.build(
        options,
        preset.data.source,
        preset.data.image_shape,
        most_classes=2 if preset.classifier.output == "sigmoid" else None,
    )
    images = arrays.load_images(options.data_dir)
    labels = arrays.load_labels(options.data_dir, len(images))

    # Hold out a part of each class.
    parts = splits.split_in_three(labels, preset.data, preset.seed)
    print("  ".join(f"{name} {len(rows)}" for name, rows in parts.items()))

    # This takes seconds, so only once the pictures are good.
    backend.start(preset.seed, preset.classifier.precision)
    from foldergan.classifier import evaluation, training, transfer
    from foldergan.classifier.network import build_classifier
    from foldergan.storage import plots

    # Build the classifier and train it.
    settings, model_dir = preset.classifier, options.model_dir
    rows = parts["training"], parts["validation"]
    if settings.network == "transfer":
        classifier, history = transfer.train(
            images, labels, *rows, settings, preset.seed, cache=options.data_dir
        )
    else:
        classifier = build_classifier(settings, images.shape[1:], len(class_names))
        history = training.train(
            classifier, images, labels, *rows, settings, preset.seed
        )

    # Save it.
    models.save_classifier(model_dir, classifier, class_names)
    tables.save_csv(model_dir / "train_history.csv", history)
    manifest.save_run(model_dir, "TrainModel", preset, backend.versions())
    plots.save_curves(model_dir / "train_curves.png", history)

    # Report on every part, and class by class on the one that it has seen least of.
    figures_of_parts = []
    for name, rows in parts.items():
        if len(rows):
            probabilities = evaluation.predict(
                classifier, images, rows, settings.augmentation
            )
            figures = evaluation.evaluate(labels[rows], probabilities)
            figures_of_parts.append({"part": name} | figures)
            matrix = evaluation.confusion_matrix(labels[rows], probabilities)
    tables.save_csv(model_dir / "train_evaluation.csv", figures_of_parts)
    print(evaluation.evaluation_report(figures_of_parts))
    plots.save_confusion_matrix(model_dir / "confusion_matrix.png", matrix, class_names)
    print(evaluation.class_report(matrix, class_names))
    print(f"saved {model_dir / filenames.CLASSIFIER_H5}; next: GANModel.py")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main))
