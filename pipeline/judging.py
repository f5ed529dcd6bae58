"""How good a generator is while it trains, by pictures that it never saw."""

import keras
import numpy as np

from pipeline import metrics
from pipeline.features import FeatureExtractor
from pipeline.generation import generate

NUM_FAKE = 2000  # pictures drawn each time
_MOST_TRAINING = 5000  # of those trained on, spread evenly, to look for copies among


class Judge:
    """Compares what a generator draws with real pictures held out of its training.

    Args:
        extractor: of features.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers that it trains on; it must not repeat them.
        held_out: row numbers of those to compare with, six or more.
        inputs: what the generator takes, as of `generation.sample_inputs`, the same
            each time.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        images: np.ndarray,
        rows: np.ndarray,
        held_out: np.ndarray,
        inputs,
    ):
        self._extractor, self._inputs = extractor, inputs
        self._real = extractor(images, held_out)
        step = -(-len(rows) // _MOST_TRAINING)
        self._training = extractor(images, rows[::step])

    def measure(self, generator: keras.Model) -> dict:
        """Returns one row of figures, as of `metrics.evaluate`."""
        fake = self._extractor(generate(generator, self._inputs))
        return metrics.evaluate(
            self._real, fake, self._extractor.name, training=self._training
        )


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
