"""Learns to tell the pictures' classes apart.

    python TrainModel.py
    python TrainModel.py --dataset ~/pictures --epochs 20

Reads   dataset/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, and in model/ train.json, train.h5,
        classes.json, train_history.csv, train_curves.png, confusion_matrix.png
"""

import sys
from pathlib import Path

from pipeline import errors, files, flags


def parse_flags():
    parser = flags.Parser("Learn to tell classes apart.", ("data", "classifier"))
    parser.add_argument(
        "--dataset", type=Path, default=Path("dataset"), help="one folder a class"
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first unreadable picture"
    )
    return parser.parse()


def main():
    options, preset = parse_flags()
    files.make_writable_folder(options.data_dir)
    with files.training_folder(options.model_dir):
        train(options, preset)


def train(options, preset):
    from pipeline import artifacts, backend, dataset

    # Read the pictures and save them as arrays.
    class_names = dataset.build_arrays(
        options.dataset, options.data_dir, preset.data.image_shape, options.strict
    )
    images = artifacts.load_images(options.data_dir)
    labels = artifacts.load_labels(options.data_dir, len(images))

    backend.start(preset.seed)  # slow: seconds, so only once the pictures are good
    from pipeline import batches, classification, metrics, networks, plots

    # Hold out a part of each class.
    train_rows, held_out_rows = batches.split_by_class(
        labels, preset.data.validation_split, preset.seed
    )
    print(f"training on {len(train_rows)}, holding out {len(held_out_rows)}")

    # Build the classifier and train it.
    classifier = networks.build_classifier(
        images.shape[1:],
        len(class_names),
        preset.classifier.filters,
        preset.classifier.dense_units,
    )
    history = classification.train(
        classifier,
        images,
        labels,
        train_rows,
        held_out_rows,
        preset.classifier,
        preset.seed,
    )

    # Save it.
    artifacts.save_classifier(options.model_dir, classifier, class_names)
    artifacts.save_csv(options.model_dir / "train_history.csv", history)
    artifacts.record_run(options.model_dir, "TrainModel", preset, backend.versions())

    # Report, on pictures that it has not seen if there are any.
    rows = held_out_rows if len(held_out_rows) else train_rows
    probabilities = classification.predict(classifier, images[rows])
    matrix = metrics.confusion_matrix(labels[rows], probabilities)
    print(metrics.class_report(matrix, class_names))
    plots.save_curves(options.model_dir / "train_curves.png", history)
    plots.save_confusion_matrix(
        options.model_dir / "confusion_matrix.png", matrix, class_names
    )
    print(f"saved {options.model_dir / artifacts.CLASSIFIER_H5}; next: GANModel.py")


if __name__ == "__main__":
    sys.exit(errors.exit_code_of(main))
