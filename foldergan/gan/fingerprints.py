"""What a training must have in common with what it goes on from, or trains with."""

import argparse
import hashlib
from typing import Any

import numpy as np

from foldergan.backbones import sources
from foldergan.config.data_settings import GROUPING
from foldergan.config.presets import Preset
from foldergan.data.training_set import TrainingSet
from foldergan.storage import models

# Of the random convolutions behind a backbone, which no state holds: another number
# refuses the states of other convolutions.
_MIXING = 2
# What the first process alone evaluates by, and only it need have.
_EVALUATES = ("classifier", "network of features")


def of_training(
    options: argparse.Namespace,
    preset: Preset,
    data: TrainingSet,
    led_by: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Names it beside the settings, as JSON values.

    Args:
        options: the flags: model_dir.
        preset: its GAN and its seed.
        data: to train on.
        led_by: the same of the first process, in each other one.

    Raises:
        InputError: the classifier that is needed is missing, or the networks in the
            folder are of another backbone.
    """
    gan, is_first = preset.gan, led_by is None
    others = {"seed": preset.seed, "data": data.identity}
    if gan.held_out:
        others |= {name: getattr(data.grouping, name) for name in GROUPING}
        others["held_out_rows"] = _checksum(data.held_out)
    if gan.discriminator_features == "classifier" or (is_first and gan.uses_classifier):
        models.require_classifier(options.model_dir)
        others["classifier"] = models.fingerprint_classifier(options.model_dir)
    judge = sources.fingerprint(gan.features)
    if is_first and gan.held_out and judge != gan.features:  # that of a file
        others["network of features"] = judge
    if led_by is not None:
        others = {n: led_by[n] for n in _EVALUATES if n in led_by} | others
    if gan.backbone != "none":
        backbone = sources.fingerprint(gan.backbone)
        if is_first:
            models.refuse_other_backbone(options.model_dir, backbone)
        others |= {"backbone": backbone, "version of the mixing": _MIXING}
    return others


def _checksum(rows: np.ndarray) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()[:16]
