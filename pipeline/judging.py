"""How good a generator is while it trains, by pictures that it never saw."""

import numpy as np

from pipeline import metrics
from pipeline.features import FeatureExtractor

NUM_FAKE = 2000  # pictures to draw each time
_MOST_TRAINING = 5000  # of those trained on, spread evenly, to look for copies among


class Judge:
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
            One row of figures, as of `metrics.evaluate`.
        """
        return metrics.evaluate(
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


def best_row(rows: list[dict]) -> dict:
    """Finds the row of the least kernel distance.

    Of rows that the error of the least does not tell apart, the newest, which was
    trained longest: what the distance no longer shows may still get better.
    """
    least = min(rows, key=lambda row: row["kernel_distance"])
    most = least["kernel_distance"] + least["kernel_distance_error"]
    return [row for row in rows if row["kernel_distance"] <= most][-1]


def as_text(rows: list[dict]) -> str:
    """Writes the newest row's figures, and how it compares with the others."""
    row, best = rows[-1], best_row(rows)
    verdict = "kept as the best" if row is best else f"epoch {best['epoch']} was better"
    return (
        f"kernel distance {row['kernel_distance']:.4g} +- "
        f"{row['kernel_distance_error']:.1g}, Frechet distance "
        f"{row['frechet_distance']:.4g}, {row['copying_close_share']:.0%} close to a "
        f"picture trained on ({row['extractor']}; {row['real']} real, {row['fake']} "
        f"fake): {verdict}"
    )


def has_stalled(rows: list[dict], patience: int) -> bool:
    """Tells whether the best row is `patience` rows old; 0 is patient for ever."""
    return bool(patience and rows) and best_row(rows) not in rows[-patience:]
