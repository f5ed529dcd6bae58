"""What each process but the first does in a training of several."""

import argparse
import sys
from dataclasses import replace

from foldergan import backend, process
from foldergan.config.data_settings import GROUPING
from foldergan.config.presets import Preset
from foldergan.data import training_set
from foldergan.gan import fingerprints, schedule
from foldergan.storage import models
from foldergan.workers.team import Team


def follow(options: argparse.Namespace, preset: Preset, team: Team) -> None:
    """Takes the steps of the first process, and writes nothing.

    Args:
        options: as of GANModel.py: the folders of the arrays, and of the classifier
            where the discriminator looks through one.
        preset: its GAN and its seed.
        team: of which this is not the first process.

    Raises:
        InputError: what is read here is not what the first process has read.
    """
    plan = team.plan()  # comes once that one has made the arrays
    settings = replace(preset.gan, precision=plan["precision"])
    given = {name: plan["key"][name] for name in GROUPING if name in plan["key"]}
    grouping = preset.data.override(given)
    data = training_set.read(options.data_dir, settings, preset.seed, grouping)
    others = fingerprints.of_training(
        options, replace(preset, gan=settings), data, plan["key"]
    )
    backend.start(preset.seed)
    from foldergan.gan.recipe import build_trainer

    classifier = None
    if settings.discriminator_features == "classifier":
        classifier = models.load_classifier(options.model_dir).model
    trainer = build_trainer(
        settings, data.image_shape, data.num_classes, preset.seed, classifier
    )
    team.follow(trainer, schedule.resume_key(settings, **others), plan["key"])
    with process.InterruptRequest() as interrupt:
        for _ in trainer.train(
            data.images,
            sys.maxsize if plan["epochs"] is None else plan["epochs"],
            plan["batch_size"],
            data.rows,
            data.labels,
            should_stop=team.agreed(interrupt),
        ):
            if not team.goes_on():
                return
    team.goes_on()
    if interrupt() and trainer.epoch != plan["epochs"]:
        interrupt.end(f"epoch {trainer.epoch} is complete", "resume")
