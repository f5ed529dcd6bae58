"""A folder of images -> arrays on disk -> batches."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.data import (
        dataset,
        extra_images,
        groups,
        inspection,
        splits,
        training_set,
    )
else:
    __getattr__ = modules_of(__name__)
