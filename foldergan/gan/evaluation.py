"""How good a generator is while it trains."""

from typing import Any

import keras
import numpy as np

from foldergan.data.training_set import TrainingSet
from foldergan.gan import sampling
from foldergan.metrics.evaluator import NUM_FAKE, Evaluator
from foldergan.metrics.features import FeatureExtractor

NUM_SHOWN = 21  # generated images beside the nearest ones trained on


class GeneratorEvaluator:
    """Compares what a generator draws with held-out images, the same way each time.

    Args:
        generator: as of `networks.inference_generator`; is read at each call.
        extractor: of the features to compare in.
        data: that the generator trains on, with held-out rows.
        seed: of the latent vectors.
    """

    def __init__(
        self,
        generator: keras.Model,
        extractor: FeatureExtractor,
        data: TrainingSet,
        seed: int,
    ) -> None:
        self._generator = generator
        self._evaluator = Evaluator(extractor, data.images, data.rows, data.held_out)
        self._inputs = sampling.sample_inputs(
            generator, NUM_FAKE, seed, fake_classes(data.held_out_labels)
        )

    def evaluate(self) -> dict[str, Any]:
        """Returns one row of figures, as of `scores.evaluate`."""
        fake_images = sampling.generate(self._generator, self._inputs)
        return self._evaluator.evaluate(fake_images)

    def draw_with_nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Draws a few of the images that are evaluated, to be looked at.

        Returns:
            Generated images and the nearest ones trained on, two float32 arrays of
            shape (NUM_SHOWN, height, width, channels), values 0-1.
        """
        inputs = inputs_to_show(self._inputs)
        fake_images = sampling.generate(self._generator, inputs)
        return fake_images, self._evaluator.nearest_training(fake_images)


def inputs_to_show(inputs: sampling.GeneratorInputs) -> sampling.GeneratorInputs:
    """Takes NUM_SHOWN of the NUM_FAKE inputs, spread evenly over the classes."""
    rows = (np.arange(NUM_SHOWN) * NUM_FAKE + NUM_FAKE // 2) // NUM_SHOWN
    return [each[rows] for each in inputs] if isinstance(inputs, list) else inputs[rows]


def fake_classes(labels: np.ndarray) -> np.ndarray:
    """Decides which classes to draw, so that none is rarer than among the real ones.

    Args:
        labels: one-hot array (n, num_classes), of the images to compare with.

    Returns:
        int array (NUM_FAKE,) of class numbers, in the proportions of the labels.
    """
    class_ids = np.sort(labels.argmax(1))
    return class_ids[np.arange(NUM_FAKE) * len(class_ids) // NUM_FAKE]
