"""An epoch of the classifier of dcgan-32 at batch 32, against Keras' own fit.

python benchmarks/classifier_epoch.py --images 3200

fit            model.fit on arrays, as most scripts call it
fit, 32 steps  the same with steps_per_execution=32
ours           training.train
"""

import numpy as np
import side_by_side


def prepare(options):
    """Starts Keras and makes images."""
    from foldergan import backend
    from foldergan.classifier.network import build_classifier
    from foldergan.config import presets

    backend.start(0)
    preset = presets.PRESETS["dcgan-32"]
    settings = preset.classifier
    rng = np.random.default_rng(0)
    images = rng.random((options.images, *preset.data.image_shape), np.float32)
    labels = np.eye(5, dtype=np.float32)[rng.integers(0, 5, options.images)]
    classifier = build_classifier(settings, images.shape[1:], 5)
    return settings, images, labels, classifier


def fit(options, steps_together):
    """What most scripts do."""
    settings, images, labels, classifier = prepare(options)
    classifier.compile(
        "adam",
        "categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_together,
    )

    def work():
        classifier.fit(images, labels, batch_size=settings.batch_size, verbose=0)
        return options.images

    work()
    return work


def ours(options):
    """What TrainModel.py does; every call compiles again, which is not counted."""
    import dataclasses
    import time

    from foldergan.classifier import training
    from foldergan.data.splits import LabelledImages

    settings, images, labels, classifier = prepare(options)
    rows = {"training": np.arange(len(images)), "validation": np.arange(0)}
    settings = dataclasses.replace(settings, epochs=2)

    data = LabelledImages(images, labels, rows)

    def work():
        epochs = training.train(classifier, data, settings, 0)
        first, second = (time.perf_counter() for _ in epochs)
        return second - first

    return work


CONTENDERS = {
    "fit": lambda options: fit(options, 1),
    "fit, 32 steps": lambda options: fit(options, 32),
    "ours": ours,
}


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument("--images", type=int, default=3200)


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments, rounds=7)
    replies = side_by_side.compare(CONTENDERS, options, "keras", "tensorflow")
    for reply in replies["ours"]:
        reply["seconds"] = reply["result"]
    rows = side_by_side.rows_against(
        "fit", replies, options.images, 32e3 / options.images
    )
    side_by_side.table(
        ["classifier", "ms a step", "seconds an epoch", "images/s", "times fit"], rows
    )


if __name__ == "__main__":
    main()
