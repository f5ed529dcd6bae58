"""Learns to draw new images like those in the arrays.

    python GANModel.py
    python GANModel.py --epochs 200 --resume
    python GANModel.py --hours 8
    python GANModel.py --preset gan-128 --dataset ~/photos

Reads   img_data.txt.npy, or makes it from --dataset; where the preset draws by class,
        holds images out or uses features of the classifier, also img_label.txt.npy,
        train.json, train.h5 and classes.json
Writes  in model/, every 10 epochs: generator_model_010.h5, generated_plot_e010.png
        (each preset has its own: see docs/presets.md), and at each, or once a minute,
        resume.npz; every epoch: gan_history.csv, report.html, with --tensorboard its
        log in tensorboard/; at the end: gan_curves.png
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldergan import (
    backend,
    classifier,
    data,
    gan,
    metrics,
    nn,
    process,
    report,
    storage,
)
from foldergan.backbones import sources
from foldergan.config import command_line, commands
from foldergan.config.presets import Preset
from foldergan.config.settings import GROUPING
from foldergan.errors import InputError, differences
from foldergan.progress import EpochProgress
from foldergan.storage import filenames, locking, tables
from foldergan.team import Team

if TYPE_CHECKING:
    import numpy as np


def parse_flags() -> tuple[argparse.Namespace, Preset]:
    parser = command_line.Parser(__doc__, sections=("gan",), of_data=GROUPING)
    parser.add_training_flags()
    parser.add_option(
        "output",
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="folder of the final grid (default: model-dir)",
    )
    parser.add_option(
        "output", "--resume", action="store_true", help="resume from the last state"
    )
    return parser.parse()


def main() -> None:
    options, preset = parse_flags()
    options.output_dir = options.output_dir or options.model_dir
    sources.refuse_missing(preset.gan.backbone)  # before anything is replaced
    if not options.resume:
        sources.refuse_damaged_start(preset.gan.start_from)

    with Team() as team:
        if not team.is_first:
            follow(options, preset, team)
            return
        locking.make_writable_folder(options.output_dir)
        model_dir, has_log = options.model_dir, options.tensorboard
        with (
            locking.training_folder(model_dir),
            report.run.RunReport(model_dir, "GANModel", has_log=has_log) as page,
        ):
            train(options, preset, page, team)


def train(
    options: argparse.Namespace, preset: Preset, page: report.run.RunReport, team: Team
) -> None:
    # Load the images, and the state to resume from if asked to.
    of_user = vars(options).keys()
    data.training_set.make_arrays(
        options.dataset,
        options.data_dir,
        preset,
        of_user,
        strict=options.strict,
        is_resumed=options.resume,
    )
    training_set = data.training_set.load(
        options.data_dir, options.model_dir, preset, of_user
    )
    preset = replace(preset, data=training_set.grouping)
    plan = gan.schedule.plan(preset.gan, len(training_set.rows))
    given, preset = preset.gan.precision, decide_precision(options, preset)
    key = gan.identity.of_training(
        preset.gan, preset.seed, training_set, options.model_dir
    )
    saved = storage.checkpoint.Checkpoint(options.model_dir, key, gan.identity.RATES)
    state = saved.load() if options.resume else None
    history, quality, least = (
        saved.tables.setdefault(name, []) for name in ("history", "quality", "least")
    )

    # Build the networks, and what evaluates and saves them.
    trainer, evaluator, snapshots = build(
        options, preset, training_set, saved.training_id
    )
    say_augmentation(preset)
    restore_or_clear(options, trainer, state, page)
    record(options, preset, given, saved.training_id, training_set, page)
    epochs = epochs_to_reach(plan.epochs, trainer, quality, preset.gan.patience)
    told = {"key": key, "precision": preset.gan.precision, "is_resumed": bool(state)}
    team.from_first(told | {"epochs": epochs, "batch_size": plan.batch_size})
    trainer.prepare(training_set)
    team.bytes_from_first(lambda: storage.checkpoint.as_bytes(trainer.state()))

    # Train, saving every few epochs, and a state to resume from once a minute too.
    limit = gan.schedule.TimeLimit(preset.gan.hours)
    display = EpochProgress(
        epochs, len(training_set.rows), trainer.epoch, limit.seconds_left
    )
    with process.InterruptRequest() as interrupt:
        for epoch, logs in trainer.train(
            training_set,
            epochs,
            plan.batch_size,
            on_step=showing_and_saving(display, saved, trainer),
            should_stop=team.agreed(interrupt),
        ):
            display.on_epoch(epoch, logs)
            history.append({"epoch": epoch, **logs})
            time_is_up = limit.is_reached()
            has_save = time_is_up or plan.has_save(epoch)
            if has_save:
                save_and_evaluate(epoch, snapshots, evaluator, quality, least)
            tables.save_csv(options.model_dir / "gan_history.csv", history)
            if has_save or saved.is_due():
                saved.save(trainer.state())
            page.update()
            patience = preset.gan.patience
            has_stalled = metrics.selection.has_stalled(quality, patience)
            if team.any_ends(time_is_up or has_stalled):
                why = f"no better save in {patience}"
                why = "the time is up" if time_is_up else why
                print(f"{why}: training ends here")
                epochs = epoch
                break
    if interrupt() and (epochs is None or trainer.epoch < epochs):
        saved.save(trainer.state())
        of_epochs = f" of {epochs}" if epochs else ""
        interrupt.end(f"epoch {trainer.epoch}{of_epochs} is complete", "resume")
    finish(options, trainer, snapshots, history)


def follow(options: argparse.Namespace, preset: Preset, team: Team) -> None:
    """Takes the steps of rank 0 on another rank, and writes nothing."""
    told = team.from_first(None)  # comes once that one has made the arrays
    settings = replace(preset.gan, precision=told["precision"])
    given = {name: told["key"][name] for name in GROUPING if name in told["key"]}
    grouping = preset.data.override(given)
    training_set = data.training_set.read(
        options.data_dir, settings, preset.seed, grouping
    )
    key = gan.identity.of_training(
        settings, preset.seed, training_set, options.model_dir, evaluates=False
    )
    key = json.loads(json.dumps(key))
    if others := differences({name: told["key"].get(name) for name in key}, key):
        raise InputError(
            "the processes were not given the same: of the first and of this one "
            f"{'; '.join(others)}"
        )
    backend.start(preset.seed)
    trainer = build_trainer_of(options, replace(preset, gan=settings), training_set)
    if not told["is_resumed"]:
        trainer.prepare(training_set)
    trainer.restore(storage.checkpoint.from_bytes(team.bytes_from_first()))
    with process.InterruptRequest() as interrupt:
        should_stop = team.agreed(interrupt)
        for _ in trainer.train(
            training_set, told["epochs"], told["batch_size"], should_stop=should_stop
        ):
            if team.any_ends(False):
                return
    if interrupt() and trainer.epoch != told["epochs"]:
        interrupt.end(f"epoch {trainer.epoch} is complete", "resume")


def epochs_to_reach(
    epochs: int | None,
    trainer: gan.trainer.Trainer,
    quality: list[dict[str, Any]],
    patience: int,
) -> int | None:
    """Tells which epoch is the last: that of a state which had ended there already."""
    if metrics.selection.has_stalled(quality, patience):
        print("it had ended there; a larger --patience resumes it")
        return trainer.epoch
    return epochs


def showing_and_saving(
    display: EpochProgress,
    saved: storage.checkpoint.Checkpoint,
    trainer: gan.trainer.Trainer,
) -> Callable[[int, int, Callable[[], dict[str, float]]], None]:
    """Makes what is called after each step: a long epoch saves its state on the way."""

    def on_step(
        batch: int, batches: int, means: Callable[[], dict[str, float]]
    ) -> None:
        display.on_step(batch, batches, means)
        if batch < batches and saved.is_due():
            saved.save(trainer.state())

    return on_step


def save_and_evaluate(
    epoch: int,
    snapshots: gan.saves.Snapshots,
    evaluator: gan.evaluation.GeneratorEvaluator | None,
    quality: list[dict[str, Any]],
    least: list[dict[str, Any]],
) -> None:
    """Saves an epoch's networks and images; adds a row to `quality` if evaluated."""
    snapshots.save(epoch)
    if evaluator:
        row, draws = evaluator.evaluate()
        metrics.selection.add_row(quality, least, {"epoch": epoch} | row, draws)
        snapshots.save_quality(quality, evaluator.draw_with_nearest)
        print(metrics.selection.as_text(quality))


def decide_precision(options: argparse.Namespace, preset: Preset) -> Preset:
    """Replaces a precision of auto by the one that it comes to."""
    settings = preset.gan
    if options.resume:
        before = storage.checkpoint.precision_of(options.model_dir)
    else:
        folder = storage.run_directory.RunDirectory(options.model_dir)
        before = folder.chosen_before("GANModel", preset)
    chosen = nn.precision.choose(settings, before)
    return replace(preset, gan=replace(settings, precision=chosen))


def build(
    options: argparse.Namespace,
    preset: Preset,
    training_set: data.training_set.TrainingSet,
    training_id: str,
) -> tuple[
    gan.trainer.Trainer, gan.evaluation.GeneratorEvaluator | None, gan.saves.Snapshots
]:
    """Builds trainer, `Evaluator` (None where nothing is held out) and snapshots."""
    # This takes seconds, so only once the input is good.
    settings, model_dir = preset.gan, options.model_dir
    backend.start(preset.seed)

    trainer = build_trainer_of(options, preset, training_set)
    generator = trainer.inference_generator
    evaluator = None
    if settings.held_out:
        extractor = metrics.features.load_extractor(
            settings.features, model_dir, max(training_set.image_shape[:2])
        )
        uses = trainer.feature_network
        if uses is not None and not hasattr(options, "features"):
            metrics.features.refuse_network_of(extractor, uses)
        is_mirrored = "mirror" in settings.augmentation
        evaluator = gan.evaluation.GeneratorEvaluator(
            generator, extractor, training_set, preset.seed + 1, is_mirrored
        )
    snapshots = gan.saves.Snapshots(
        settings.saves, trainer, training_set.class_names, model_dir, training_id
    )
    return trainer, evaluator, snapshots


def build_trainer_of(
    options: argparse.Namespace,
    preset: Preset,
    training_set: data.training_set.TrainingSet,
) -> gan.trainer.Trainer:
    """Builds the networks, and what trains them."""
    network = None
    if preset.gan.discriminator_features == "classifier":
        network = storage.models.load_classifier(options.model_dir).model
    trainer = gan.photograph_trainer.build_trainer(
        preset.gan,
        training_set.image_shape,
        training_set.num_classes,
        preset.seed,
        network,
    )
    if network and training_set.labels is not None:
        classifier.evaluation.warn_if_guessing(
            network, training_set.images, training_set.labels
        )
    return trainer


def say_augmentation(preset: Preset) -> None:
    """Prints what is done to the images before the discriminator."""
    changes = preset.gan.augmentation
    said = f"images are {nn.augmentation.as_text(changes)} before the discriminator"
    if "mirror" in changes:
        said += "; if left and right matter, leave mirror out of --augmentation"
    print(said)


def restore_or_clear(
    options: argparse.Namespace,
    trainer: gan.trainer.Trainer,
    state: dict[str, np.ndarray] | None,
    page: report.run.RunReport,
) -> None:
    """Restores a state, or clears the way for a new run."""
    if state:
        page.go_on()
        trainer.restore(state)
        print(f"resuming after epoch {trainer.epoch}")
        folder = storage.run_directory.RunDirectory(options.model_dir)
        folder.warn_of_other_versions("GANModel", backend.versions())
    else:
        gan.saves.back_up_earlier(options.model_dir)


def record(
    options: argparse.Namespace,
    preset: Preset,
    given_precision: str,
    training_id: str,
    training_set: data.training_set.TrainingSet,
    page: report.run.RunReport,
) -> None:
    """Records the settings beside the networks, and the data in the report."""
    page.add_dataset(options.data_dir, training_set.images, training_set.class_names)
    storage.run_directory.RunDirectory(options.model_dir).save_run(
        "GANModel",
        preset,
        backend.versions(),
        given_precision,
        data=training_set.identity,
        training=training_id,
    )


def finish(
    options: argparse.Namespace,
    trainer: gan.trainer.Trainer,
    snapshots: gan.saves.Snapshots,
    history: list[dict[str, float]],
) -> None:
    """Draws the last grid and the curves."""
    snapshots.save_final(options.output_dir)
    if history:
        charts = storage.plots.curves(history)
        storage.plots.save_charts(options.model_dir / "gan_curves.png", charts)
    print(f"done: {trainer.epoch} epochs in {options.model_dir}")
    if (options.model_dir / filenames.CLASSIFIER_H5).exists():
        print(f"next: {commands.of('GeneratePredict')}")
    elif (options.data_dir / filenames.LABELS).exists():
        print(f"next: {commands.of('TrainModel')}")


if __name__ == "__main__":
    sys.exit(process.exit_code_of(main, takes_several=True))
