"""Learns to tell the pictures' classes apart.

    python TrainModel.py
    python TrainModel.py --dataset ~/pictures --epochs 20

Reads   dataset/<class>/*
Writes  img_data.txt.npy, img_label.txt.npy, img_data.txt.json, and in model/
        train.json, train.h5, classes.json, train_history.csv, train_evaluation.csv,
        train_curves.png, confusion_matrix.png
"""

import sys

from pipeline import errors, files, flags


def parse_flags():
    parser = flags.Parser("Learn to tell classes apart.", ("data", "classifier"))
    parser.add_dataset_flags()
    return parser.parse()


def main():
    options, preset = parse_flags()
    with files.training_folder(options.model_dir):
        train(options, preset)


def train(options, preset):
    from pipeline import backend, batches, dataset
    from pipeline.artifacts import arrays, models, names, records

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
    parts = batches.split_in_three(labels, preset.data, preset.seed)
    print("  ".join(f"{name} {len(rows)}" for name, rows in parts.items()))

    # This takes seconds, so only once the pictures are good.
    backend.start(preset.seed, preset.classifier.precision)
    from pipeline import assembly, classification, plots, reports

    # Build the classifier.
    settings, model_dir = preset.classifier, options.model_dir
    classifier = assembly.build_classifier(settings, images.shape[1:], len(class_names))

    # Train it.
    history = classification.train(
        classifier,
        images,
        labels,
        parts["training"],
        parts["validation"],
        settings,
        preset.seed,
    )

    # Save it.
    models.save_classifier(model_dir, classifier, class_names)
    records.save_csv(model_dir / "train_history.csv", history)
    records.record_run(model_dir, "TrainModel", preset, backend.versions())
    plots.save_curves(model_dir / "train_curves.png", history)

    # Report on every part, and class by class on the one that it has seen least of.
    evaluation = []
    for name, rows in parts.items():
        if len(rows):
            probabilities = classification.predict(
                classifier, images, rows, settings.augmentation
            )
            figures = reports.evaluate(labels[rows], probabilities)
            evaluation.append({"part": name} | figures)
            matrix = reports.confusion_matrix(labels[rows], probabilities)
    records.save_csv(model_dir / "train_evaluation.csv", evaluation)
    print(reports.evaluation_report(evaluation))
    plots.save_confusion_matrix(model_dir / "confusion_matrix.png", matrix, class_names)
    print(reports.class_report(matrix, class_names))
    print(f"saved {model_dir / names.CLASSIFIER_H5}; next: GANModel.py")


if __name__ == "__main__":
    sys.exit(errors.exit_code_of(main))
