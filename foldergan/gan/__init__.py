"""Discriminator and generator: built, trained against each other, sampled, saved."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.gan import (
        balanced_set,
        drawing,
        evaluation,
        identity,
        photograph_trainer,
        sampling,
        saves,
        schedule,
        timing,
        trainer,
    )
else:
    __getattr__ = modules_of(__name__)
