"""How good generated images are, beside real ones that their generator never saw."""

from typing import Any

import numpy as np

from foldergan.images import Resized
from foldergan.metrics import scores
from foldergan.metrics.distances import nearest
from foldergan.metrics.features import FeatureExtractor

NUM_FAKE = 2000  # images to generate each time
_MOST_TRAINING = 5000
_MOST_HELD_OUT = 10_000  # all their pairs are measured


class Evaluator:
    """Compares generated images with real ones held out of the generator's training.

    Args:
        extractor: of features.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those that the generator trains on and must not repeat.
        held_out: row numbers of those to compare with, six or more; of very many some,
            spread evenly, are taken.
        most_training: how many of `rows`, spread evenly, to look for copies among.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        images: np.ndarray | Resized,
        rows: np.ndarray,
        held_out: np.ndarray,
        most_training: int = _MOST_TRAINING,
    ) -> None:
        self._extractor = extractor
        self._images = images
        self._rows = rows[:: -(-len(rows) // most_training)]
        step = max(1, -(-len(held_out) // _MOST_HELD_OUT))
        self._real = extractor(images, held_out[::step])
        self._training = extractor(images, self._rows)

    def features_of(self, fake_images: np.ndarray) -> np.ndarray:
        """Extracts features of generated images, as `FeatureExtractor` does."""
        return self._extractor(fake_images)

    def evaluate(self, fake: np.ndarray) -> dict[str, Any]:
        """Computes the figures of generated images from their features.

        Args:
            fake: float32 array (n, d), n at least 4.

        Returns:
            One row of figures, as of `scores.evaluate`.
        """
        name = self._extractor.name
        return scores.evaluate(self._real, fake, name, training=self._training)

    def nearest_training(self, fake_images: np.ndarray) -> np.ndarray:
        """Finds the image trained on that is nearest to each generated one.

        Args:
            fake_images: float32 array (n, height, width, channels), 0-1; a few.

        Returns:
            float32 array of shape (n, height, width, channels), 0-1.
        """
        features = self._extractor(fake_images).astype(np.float64)
        found, _ = nearest(features, self._training.astype(np.float64))
        return self._images[self._rows[found]]
