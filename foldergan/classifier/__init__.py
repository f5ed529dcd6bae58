"""The classifier: built, trained, evaluated."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.classifier import (
        evaluation,
        figures,
        image_files,
        network,
        predictions,
        training,
        transfer,
    )
else:
    __getattr__ = modules_of(__name__)
