"""How good generated images are, beside real ones that their generator never saw."""

from typing import Any

import numpy as np

from foldergan.errors import InputError
from foldergan.images import Resized
from foldergan.metrics import memorisation, scores
from foldergan.metrics.features import FeatureExtractor
from foldergan.metrics.nearest import Nearest, TrainingImages

_MOST_HELD_OUT = 10_000  # all their pairs are measured
_MOST_SCALED = 1000  # training images that give the scale where none are held out
_LEAST_SPREAD = 1e-6  # of features that tell images apart, in root mean squares
_LARGEST = 1000.0  # root mean square of generated images' features, in those of real


class Evaluator:
    """Compares generated images with real ones held out of the generator's training.

    Features are divided by the root mean square of the real images' features, one
    number for all: so that KID, whose kernel has a constant in it, and the Frechet
    distance do not depend on the unit in which a network happens to give its features.

    Args:
        extractor: of features.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of those that the generator trains on and must not repeat.
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
        self._extractor = extractor
        step = max(1, -(-len(held_out) // _MOST_HELD_OUT))
        if held_out_classes is None:
            held_out_classes = np.zeros(len(held_out), int)
        self._classes = held_out_classes[::step]
        some = held_out[::step] if len(held_out) else rows[:_MOST_SCALED]
        real = extractor(images, some)
        self._scale = _scale_of(real, extractor.name)
        self._real = real / self._scale
        self._training = TrainingImages(self.features_of, images, rows, is_mirrored)
        self._nearest_of_real = self._training.find(self._real)

    def features_of(self, fake_images: np.ndarray) -> np.ndarray:
        """Extracts scaled features, float32 (n, d).

        Args:
            fake_images: float32 array (n, height, width, channels), 0-1.
        """
        return self._extractor(fake_images) / self._scale

    def evaluate(
        self, fake: np.ndarray, fake_classes: np.ndarray | None = None
    ) -> tuple[dict[str, Any], np.ndarray]:
        """Computes the figures of generated images from their features.

        Args:
            fake: float32 array (m, d) of scaled features, m at least 4.
            fake_classes: int array (m,) of their classes, where they were drawn class
                by class.

        Returns:
            One row of figures, as `scores.evaluate` and `memorisation.figures` have
            them, with feature_scale and training, a count; and the draws of KID, as
            `kernel_distance.bootstrap` has them.

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
        row |= {"feature_scale": self._scale, "training": len(self._training)}
        return row | memorisation.figures(self._nearest_of_real, nearest_of_fake), draws

    def nearest(self, fake: np.ndarray) -> Nearest:
        """Finds the image trained on that is nearest to each generated one.

        Args:
            fake: float32 array (n, d) of scaled features.
        """
        return self._training.find(fake)

    def nearest_training(self, fake_images: np.ndarray) -> np.ndarray:
        """Reads the image trained on that is nearest to each generated one.

        Args:
            fake_images: float32 array (n, height, width, channels), 0-1; a few.

        Returns:
            float32 array of shape (n, height, width, channels), 0-1, mirrored where
            the mirror image is nearest.
        """
        return self._training.images(self.nearest(self.features_of(fake_images)))


def _scale_of(real: np.ndarray, name: str) -> float:
    """Computes the root mean square of features, to four digits; refuses odd ones."""
    scale = float(np.sqrt(np.mean(np.square(real, dtype=np.float64))))
    if not np.ptp(real, axis=0).max() > _LEAST_SPREAD * scale:
        raise InputError(
            f"{name}: the features of all real images are the same, and tell nothing",
            ("features",),
        )
    return float(f"{scale:.4g}")  # the same on machines that round otherwise
