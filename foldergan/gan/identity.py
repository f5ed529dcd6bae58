"""What a training must have in common with what it goes on from, or trains with."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from foldergan.backbones import sources
from foldergan.config.settings import GAN, GROUPING
from foldergan.data.training_set import TrainingSet
from foldergan.storage import models

# What may be another when a training goes on.
_MAY_CHANGE = (
    "epochs",
    "least_steps",
    "hours",
    "save_every",
    "save_steps",
    "save_growth",
    "patience",
    "saves",
    "auto_precisions",  # the precision that was chosen says it all
)
# The same, but it changes the bits of what follows, so that it is said.
RATES = ("discriminator_learning_rate", "generator_learning_rate")
# What says nothing without a backbone; states of before there were any lack them.
_OF_BACKBONE = (
    "backbone",
    "warm_up_steps",
    "reconstruction",
    "guidance",
    "code_size",
)
# Of the random convolutions behind a backbone, which no state holds: another number
# refuses the states of other convolutions.
_MIXING = 2


def of_settings(settings: GAN) -> dict[str, Any]:
    """Names the settings, all but the lengths and what it writes."""
    left_out = set(_MAY_CHANGE)
    if settings.backbone == "none":
        left_out |= set(_OF_BACKBONE)
    if settings.resize is None:  # states of before it was there lack it
        left_out.add("resize")
    return {k: v for k, v in asdict(settings).items() if k not in left_out}


def of_training(
    settings: GAN,
    seed: int,
    data: TrainingSet,
    model_dir: Path,
    evaluates: bool = True,
) -> dict[str, Any]:
    """Names everything that must be the same when a training goes on, as JSON values.

    Args:
        settings: of the GAN.
        seed: of the training.
        data: to train on.
        model_dir: folder of the classifier, where one is needed, and of the networks.
        evaluates: whether this process evaluates too, and does not only train.

    Raises:
        InputError: the classifier that is needed is missing, or the networks in the
            folder are of another backbone.
    """
    key = of_settings(settings) | {"seed": seed, "data": data.identity}
    if settings.held_out:
        key |= {name: getattr(data.grouping, name) for name in GROUPING}
        key["held_out_rows"] = _checksum(data.held_out)
    looks_through = settings.discriminator_features == "classifier"
    if looks_through or (evaluates and settings.uses_classifier):
        models.require_classifier(model_dir)
        key["classifier"] = models.fingerprint_classifier(model_dir)
    judge = sources.fingerprint(settings.features)
    if evaluates and settings.held_out and judge != settings.features:  # of a file
        key["network of features"] = judge
    if settings.backbone != "none":
        backbone = sources.fingerprint(settings.backbone)
        if evaluates:
            models.refuse_other_backbone(model_dir, backbone)
        key |= {"backbone": backbone, "version of the mixing": _MIXING}
    return key


def _checksum(rows: np.ndarray) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16]
