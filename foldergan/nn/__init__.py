"""What the networks share: fast layers, augmentation, precision."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.nn import augmentation, convolutions, inference, precision
else:
    __getattr__ = modules_of(__name__)
