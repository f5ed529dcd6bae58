"""Generated images beside held-out ones, and beside the nearest trained on."""

from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from foldergan.errors import InputError
from foldergan.images import Resized
from foldergan.metrics import memorisation, scores
from foldergan.metrics.features import FeatureExtractor
from foldergan.metrics.memorisation import Nearest

_MOST_HELD_OUT = 10_000  # all their pairs are measured
_MOST_SCALED = 1000  # training images that give the scale where none are held out
_LEAST_SPREAD = 1e-6  # of features that tell images apart, in root mean squares
_LARGEST = 1000.0  # root mean square of generated images' features, in those of real


class Evaluator:
    """Compares generated images with held-out ones, and with those trained on.

    Features are divided by the root mean square of the real images' features, one
    number for all: KID, whose kernel has a constant in it, and the Fréchet distance
    then do not depend on the unit in which a network gives its features.

    Args:
        extractor: of features.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those trained on.
        held_out: row numbers of those to compare with, six or more, or none; of very
            many some, spread evenly, are taken.
        held_out_classes: int array, the class of each that is held out, where they were
            drawn class by class.
        is_mirrored: whether the generator trains on mirror images too.

    Raises:
        InputError: the features do not tell the real images apart.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        images: np.ndarray | Resized,
        rows: np.ndarray,
        held_out: np.ndarray,
        held_out_classes: np.ndarray | None = None,
        is_mirrored: bool = False,
    ) -> None:
        self._extractor, self._images, self._rows = extractor, images, rows
        step = max(1, -(-len(held_out) // _MOST_HELD_OUT))
        if held_out_classes is None:
            held_out_classes = np.zeros(len(held_out), int)
        self._classes = held_out_classes[::step]
        self._training = extractor(images, rows, is_mirrored)
        real = self._training[: len(rows)][:_MOST_SCALED]
        if len(held_out):
            real = extractor(images, held_out[::step])
        self._scale = _scale_of(real, extractor.name)
        self._real = real / self._scale
        self._training /= self._scale
        self._neighbors = NearestNeighbors(algorithm="brute").fit(self._training)
        if len(held_out):
            self._nearest_of_real = self.nearest(self._real)

    def features_of(self, fake_images: np.ndarray) -> np.ndarray:
        """Extracts scaled features, float32 (n, d), of images 0-1."""
        return self._extractor(fake_images) / self._scale

    def evaluate(
        self, fake: np.ndarray, fake_classes: np.ndarray | None = None
    ) -> tuple[dict[str, Any], np.ndarray]:
        """Computes the figures of generated images beside held-out ones.

        Args:
            fake: float32 array (m, d) of scaled features, m at least 4.
            fake_classes: int array (m,) of their classes, where they were drawn class
                by class.

        Returns:
            One row of figures, as `scores.evaluate` and `memorisation.figures` have
            them, with feature_scale and training, a count; and the draws of KID.

        Raises:
            InputError: the features are absurdly large.
        """
        name = self._extractor.name
        if (size := float(np.sqrt(np.mean(np.square(fake, dtype=float))))) > _LARGEST:
            raise InputError(
                f"{name}: the features of generated images are {size:.0e} times as "
                "large as those of real ones, and no figure of them means anything",
                ("features",),
            )
        nearest_of_fake, real, classes = self.nearest(fake), self._real, self._classes
        if fake_classes is not None:  # of a class on one side there is nothing to say
            is_real = np.isin(classes, fake_classes)
            is_fake = np.isin(fake_classes, classes)
            real, classes = real[is_real], classes[is_real]
            fake, fake_classes = fake[is_fake], fake_classes[is_fake]
        row, draws = scores.evaluate(real, fake, name, classes, fake_classes)
        row |= {"feature_scale": self._scale, "training": len(self._rows)}
        return row | memorisation.figures(self._nearest_of_real, nearest_of_fake), draws

    def nearest(self, features: np.ndarray) -> Nearest:
        """Finds the training image nearest to each image, by scaled features (n, d)."""
        found = self._neighbors.kneighbors(features, 1, return_distance=False)[:, 0]
        distances = self._distances(features, found)
        numbers, is_mirrored = found % len(self._rows), found >= len(self._rows)
        unique, of_unique = np.unique(numbers, return_inverse=True)
        is_repeat = distances < self._to_others(unique)[of_unique] / 2
        return Nearest(self._rows[numbers], is_mirrored, distances, is_repeat)

    def nearest_training(self, fake_images: np.ndarray) -> np.ndarray:
        """Reads the training image nearest to each of a few images.

        Returns:
            float32 array of shape (n, height, width, channels), 0-1, mirrored where
            the mirror image is nearest.
        """
        nearest = self.nearest(self.features_of(fake_images))
        images = np.array(self._images[nearest.rows])
        images[nearest.is_mirrored] = images[nearest.is_mirrored, :, ::-1]
        return images

    def _to_others(self, numbers: np.ndarray) -> np.ndarray:
        """Measures how far training images are from the nearest other one."""
        views = len(self._training) // len(self._rows)
        count = min(views + 1, len(self._training))  # itself and its mirror image too
        features = self._training[numbers]
        found = self._neighbors.kneighbors(features, count, return_distance=False)
        distances = np.stack([self._distances(features, x) for x in found.T], axis=1)
        distances[found % len(self._rows) == numbers[:, None]] = np.inf
        return distances.min(1)

    def _distances(self, features: np.ndarray, found: np.ndarray) -> np.ndarray:
        """Measures exactly: the search rounds, and equals are 0 apart."""
        apart = features.astype(np.float64) - self._training[found]
        return np.linalg.norm(apart, axis=1)


def _scale_of(real: np.ndarray, name: str) -> float:
    """Computes the root mean square of features, to four digits; refuses odd ones."""
    scale = float(np.sqrt(np.mean(np.square(real, dtype=np.float64))))
    if not np.ptp(real, axis=0).max() > _LEAST_SPREAD * scale:
        raise InputError(
            f"{name}: the features of all real images are the same, and tell nothing",
            ("features",),
        )
    return float(f"{scale:.4g}")  # the same on machines that round otherwise
