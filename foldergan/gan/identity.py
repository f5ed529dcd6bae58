"""What a training must have in common with what it resumes, or trains with."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from foldergan.backbones import sources
from foldergan.config.settings import GAN, GROUPING
from foldergan.data.training_set import TrainingSet
from foldergan.storage import models

# What may differ when a training resumes.
_MAY_CHANGE = {
    "epochs",
    "least_steps",
    "hours",
    "save_every",
    "save_steps",
    "save_growth",
    "patience",
    "saves",
    "auto_precisions",  # the precision that was chosen says it all
}
# The same, but it changes the bits of what follows, which deserves a line.
RATES = ("discriminator_learning_rate", "generator_learning_rate")
# What says nothing without a backbone; states of before there were any lack them.
_OF_BACKBONE = {
    "backbone",
    "warm_up_steps",
    "reconstruction",
    "guidance",
    "code_size",
    "start_from",
}
# Settings that states of earlier versions lack, and what they were then.
_LATE = {"resize": None, "start_from": "none"}
# Bump when the fixed convolutions behind a backbone change, which no state holds;
# older checkpoints are then rejected.
_MIXING = 2


def of_settings(settings: GAN) -> dict[str, Any]:
    """Names the settings, all but the lengths and what it writes."""
    left_out = set(_MAY_CHANGE)
    if settings.backbone == "none":
        left_out |= _OF_BACKBONE
    left_out |= {
        name for name, value in _LATE.items() if getattr(settings, name) == value
    }
    return {k: v for k, v in asdict(settings).items() if k not in left_out}


def of_training(
    settings: GAN,
    seed: int,
    data: TrainingSet,
    model_dir: Path,
    evaluates: bool = True,
) -> dict[str, Any]:
    """Names everything that must be the same when a training resumes, as JSON values.

    A process that does not evaluate needs less.

    Raises:
        InputError: the classifier that is needed is missing, or the networks in the
            folder are of another backbone.
    """
    key = of_settings(settings) | {"seed": seed, "data": data.identity}
    if settings.held_out:
        key |= {name: getattr(data.grouping, name) for name in GROUPING}
        rows = data.held_out.astype("<i8").tobytes()
        key["held_out_rows"] = hashlib.sha256(rows).hexdigest()[:16]
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
