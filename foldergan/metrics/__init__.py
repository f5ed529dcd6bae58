"""How good generated images are: features, distances, scores, the best checkpoint."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.metrics import features, memorisation, selection
else:
    __getattr__ = modules_of(__name__)
