"""How good a generator is while it trains, by pictures that it never saw."""

import numpy as np

from foldergan.metrics import scores
from foldergan.metrics.features import FeatureExtractor

NUM_FAKE = 2000  # pictures to draw each time
_MOST_TRAINING = 5000  # of those trained on, spread evenly, to look for copies among


class Evaluator:
    """Compares drawn pictures with real ones held out of the generator's training.

    Args:
        extractor: of features.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those that the generator trains on and must not repeat.
        held_out: row numbers of those to compare with, six or more.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        images: np.ndarray,
        rows: np.ndarray,
        held_out: np.ndarray,
    ):
        self._extractor = extractor
        self._real = extractor(images, held_out)
        step = -(-len(rows) // _MOST_TRAINING)
        self._training = extractor(images, rows[::step])

    def measure(self, pictures: np.ndarray) -> dict:
        """Measures drawn pictures.

        Args:
            pictures: float32 array (n, height, width, channels), 0-1.

        Returns:
            One row of figures, as of `scores.evaluate`.
        """
        return scores.evaluate(
            self._real,
            self._extractor(pictures),
            self._extractor.name,
            training=self._training,
        )


def fake_classes(labels: np.ndarray) -> np.ndarray:
    """Decides which classes to draw, so that none is rarer than among the real ones.

    Args:
        labels: one-hot array (n, num_classes), of the pictures to compare with.

    Returns:
        int array (NUM_FAKE,) of class numbers, in the proportions of the labels.
    """
    class_ids = np.sort(labels.argmax(1))
    return class_ids[np.arange(NUM_FAKE) * len(class_ids) // NUM_FAKE]
