"""What a training must have in common with what it goes on from, or trains with."""

import argparse
from typing import Any

from foldergan.backbones import sources
from foldergan.config.presets import Preset
from foldergan.data.training_set import TrainingSet
from foldergan.storage import arrays, models

# Of the random convolutions behind a backbone, which no state holds: another number
# refuses the states of other convolutions.
_MIXING = 2


def of_training(
    options: argparse.Namespace, preset: Preset, data: TrainingSet
) -> dict[str, Any]:
    """Names it beside the settings, as JSON values.

    Raises:
        InputError: the classifier that is needed is missing, or the networks in the
            folder are of another backbone.
    """
    others = {"seed": preset.seed, "pictures": arrays.fingerprint(data.images)}
    if preset.gan.uses_classifier:
        models.require_classifier(options.model_dir)
        others["classifier"] = models.fingerprint_classifier(options.model_dir)
    if preset.gan.backbone != "none":
        backbone = sources.fingerprint(preset.gan.backbone)
        models.refuse_other_backbone(options.model_dir, backbone)
        others |= {"backbone": backbone, "version of the mixing": _MIXING}
    return others
