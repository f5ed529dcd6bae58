"""A folder of models as the three scripts leave it, made without training."""

from collections import Counter
from pathlib import Path

import numpy as np

from foldergan.config.presets import find_preset
from foldergan.report.run import RunReport
from foldergan.storage import arrays, filenames, plots, tables
from foldergan.storage.run_directory import RunDirectory

NASTY = '<script>alert("1")</script>'
CLASSES = ["boat", NASTY, 'it\'s & "so"']
COUNT = 12  # images a class
TRAINING = "of this folder"


def pictures(count: int, side: int = 16) -> np.ndarray:
    """Makes images of noise, each of another colour."""
    rng = np.random.default_rng(0)
    colours = rng.random((count, 1, 1, 3), np.float32)
    noise = rng.random((count, side, side, 3), np.float32)
    return (colours + noise) / 2


def confusions(class_names: list[str], of_each: int, side: int = 16) -> tuple:
    """Makes what `add_confusions` takes: each class once taken for the next one."""
    num_classes = len(class_names)
    true = np.arange(num_classes).repeat(of_each)
    predicted = true.copy()
    predicted[::of_each] = (predicted[::of_each] + 1) % num_classes
    probabilities = np.full((len(true), num_classes), 0.1 / num_classes)
    probabilities[np.arange(len(true)), predicted] = np.linspace(0.5, 0.9, len(true))
    rows = np.arange(len(true))
    images = pictures(len(true), side)
    labels = np.eye(num_classes)[true]
    return "validation", class_names, images, rows, labels, probabilities


def add_dataset(report: RunReport, data_dir: Path, class_names: list[str]) -> None:
    """Adds pictures of each class, of which one file was skipped."""
    images = pictures(COUNT * len(class_names))
    class_ids = np.arange(len(class_names)).repeat(COUNT)
    counts = dict.fromkeys(class_names, COUNT)
    skipped = [f"dataset/boat/{NASTY}.png is no image"]
    origin = {"dataset": "/pictures"}
    with arrays.writing(data_dir, images.shape[1:]) as writer:
        writer.append(images)
        found = {"counts": counts, "skipped": skipped}
        writer.finish(class_ids.tolist(), origin, found)
    report.add_dataset(data_dir, images, class_names)


def add_classifier(model_dir: Path, report: RunReport, class_names: list[str]) -> None:
    """Adds what TrainModel.py leaves."""
    history = [
        {"epoch": n, "accuracy": 1 - 1 / n, "loss": 1 / n, "val_loss": 2 / n}
        for n in (1, 2, 3)
    ]
    tables.save_csv(model_dir / "train_history.csv", history)
    row = {"part": "validation", "pictures": 36, "loss": 0.5, "accuracy": 0.9}
    row |= {"accuracy_low": 0.751, "accuracy_high": 0.969, "balanced_accuracy": 0.8}
    row |= {"headline": "balanced_accuracy"}
    tables.save_csv(model_dir / "train_evaluation.csv", [row])
    of_classes = [
        {"part": "validation", "class": name, "pictures": 12, "predicted": predicted}
        for name, predicted in zip(class_names, (0, 12, 24), strict=False)
    ]
    tables.save_csv(model_dir / "train_classes.csv", of_classes)
    tables.save_json(model_dir / filenames.CLASS_NAMES, class_names)
    report.add_confusions(*confusions(class_names, COUNT))


def add_gan(model_dir: Path, epochs: list[int]) -> None:
    """Adds what GANModel.py leaves: a page and figures at each of these epochs."""
    history = [
        {"epoch": n, "d_loss": 0.6, "g_loss": 0.7 + n / 10, "real_accuracy": 0.5}
        for n in range(1, epochs[-1] + 1)
    ]
    tables.save_csv(model_dir / "gan_history.csv", history)
    quality = [
        {
            "epoch": epoch,
            "extractor": "classifier train.h5, 8 features",
            "real": 120,
            "fake": 2000,
            "kernel_distance": abs(epoch - epochs[1]) + 1,
            "kernel_distance_low": abs(epoch - epochs[1]) + 0.9,
            "kernel_distance_high": abs(epoch - epochs[1]) + 1.1,
            "kernel_distance_floor": 0.25,
            "frechet_distance": 5.0,
            "near_copy_share": 0.05,
        }
        for epoch in epochs
    ]
    tables.save_csv(model_dir / filenames.QUALITY, quality)
    tables.save_json(model_dir / filenames.BEST_FIGURES, quality[1])
    for epoch in epochs:
        path = model_dir / filenames.GENERATED_PLOT.format(epoch=epoch)
        plots.save_image_grid(path, pictures(49), 7, TRAINING)
    nearest = pictures(21)
    plots.save_with_nearest(model_dir / filenames.NEAREST, nearest, nearest, 7)


def add_predictions(report: RunReport, class_names: list[str], count: int = 12) -> None:
    """Adds what GeneratePredict.py leaves: every third picture is not as intended."""
    rows = []
    for number in range(count):
        intended = number % len(class_names)
        predicted = 0 if number % 3 == 0 else intended
        names = {"intended": class_names[intended], "predicted": class_names[predicted]}
        probability = round(0.99 - (7 * number % count) / (2 * count), 4)
        rows.append({"picture": number + 1, **names, "probability": probability})
    pairs = Counter((row["intended"], row["predicted"]) for row in rows)
    counts = [(*pair, each) for pair, each in pairs.items()]
    report.add_predictions("generator_best.h5", pictures(count), rows, counts)


def add_does_it_help(model_dir: Path, class_names: list[str]) -> None:
    """Adds the table of benchmarks/does_it_help.py."""
    rows = []
    for arm, *beside in (
        ("nothing", "", "", ""),
        ("class weights", 0.02, -0.01, 0.05),
        ("drawn, 1 to 1", 0.031, 0.0125, 0.05),
        ("drawn images alone", -0.3, -0.35, -0.25),
    ):
        row = {"network": "own", "arm": arm, "n": 15, "drawn": 40, "mean_recall": 0.7}
        row |= dict(zip(("difference", "low", "high"), beside, strict=True))
        rows.append(row | {f"recall of {name}": 0.625 for name in class_names})
    tables.save_csv(model_dir / filenames.DOES_IT_HELP, rows)


def fill(folder: Path) -> Path:
    """Fills folder/model with all of it, and returns its page."""
    model_dir, preset = folder / "model", find_preset("smoke")
    model_dir.mkdir(parents=True)
    with RunReport(model_dir, "TrainModel") as report:
        add_dataset(report, folder, CLASSES)
        add_classifier(model_dir, report, CLASSES)
        RunDirectory(model_dir).save_run("TrainModel", preset, {"numpy": "2"}, "auto")
    with RunReport(model_dir, "GANModel"):
        versions = {"numpy": "2"}
        RunDirectory(model_dir).save_run(
            "GANModel", preset, versions, "auto", training=TRAINING
        )
        add_gan(model_dir, [1, 2, 3, 4])
    with RunReport(model_dir, "GeneratePredict") as report:
        add_predictions(report, CLASSES)
        add_does_it_help(model_dir, CLASSES)
    return model_dir / filenames.REPORT
