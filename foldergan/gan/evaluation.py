"""How good a generator is while it trains, and what it draws later."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from foldergan.config.settings import GAN
from foldergan.data import splits, training_set
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError
from foldergan.gan import sampling
from foldergan.metrics.evaluator import Evaluator
from foldergan.metrics.features import FeatureExtractor, load_extractor
from foldergan.progress import ImageProgress
from foldergan.storage import arrays
from foldergan.storage.models import num_classes_of

NUM_SHOWN = 21  # generated images beside the nearest ones trained on
MOST_COMPARED = 10_000  # of images that stream by; their pairs take seconds
# Generated images that a checkpoint is evaluated by: a few for each held-out one, for
# those alone decide how exact the figures are, and features cost time.
_FAKE_A_REAL = 5
_FEWEST_EVALUATED, _MOST_EVALUATED = 500, 2000
_LEAST_FAKE = 4  # precision and recall look at three neighbours of each


class GeneratorEvaluator:
    """Compares what a generator draws with held-out images, the same way each time.

    Args:
        generator: takes what `sampling.sample_inputs` samples; is read at each call.
        extractor: of the features to compare in.
        data: that the generator trains on, with held-out rows.
        seed: of the latent vectors.
        is_mirrored: whether it trains on mirror images too.
    """

    def __init__(
        self,
        generator: keras.Model,
        extractor: FeatureExtractor,
        data: TrainingSet,
        seed: int,
        is_mirrored: bool = False,
    ) -> None:
        self._generator = generator
        self._evaluator = _evaluator_of(data, extractor, data.held_out, is_mirrored)
        class_ids = fake_classes(data.held_out_labels)
        self._drawn = len(class_ids), seed, class_ids

    def evaluate(self) -> tuple[dict[str, Any], np.ndarray]:
        """Returns a row of figures and draws of KID, as `Evaluator.evaluate` does."""
        features = []
        progress = ImageProgress(self._drawn[0], "evaluated")
        for inputs in sampling.input_batches(self._generator, *self._drawn):
            fake_images = sampling.generate(self._generator, inputs)
            features.append(self._evaluator.features_of(fake_images))
            progress.on_images(len(fake_images))
        progress.done()
        class_ids = self._drawn[2] if num_classes_of(self._generator) else None
        return self._evaluator.evaluate(np.concatenate(features), class_ids)

    def draw_with_nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Draws a few of the images that are evaluated, to be looked at.

        Returns:
            Generated images and the nearest ones trained on, two float32 arrays of
            shape (NUM_SHOWN, height, width, channels), values 0-1.
        """
        all_inputs = sampling.sample_inputs(self._generator, *self._drawn)
        inputs = inputs_to_show(all_inputs)
        fake_images = sampling.generate(self._generator, inputs)
        return fake_images, self._evaluator.nearest_training(fake_images)


class StreamEvaluator:
    """Evaluates images that stream by, as the checkpoints of a training are evaluated.

    Of many images some are compared, drawn at random, so that memory does not grow with
    their number. Of a generator with classes they are as many of each class as makes
    the proportions those of the held-out images, which are of the drawn classes alone:
    else a perfect generator would be far from them.

    Args:
        extractor: of the features to compare in.
        data: that their generator was trained on.
        count: of all images to come.
        seed: of the choice among them.
        class_ids: of the images to come, in turn; none of a generator without classes.
        is_mirrored: whether their generator was trained on mirror images too.

    Attributes:
        files: paths of the images in the arrays, in turn; empty where not known.

    Raises:
        InputError: the images are too few to be compared.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        data: TrainingSet,
        count: int,
        seed: int,
        class_ids: Sequence[int] = (),
        is_mirrored: bool = False,
    ) -> None:
        rng = np.random.default_rng(seed)
        held_out, comparable, alike = data.held_out, np.arange(count), ""
        drawn = np.resize(class_ids, count if len(class_ids) else 0)
        of_real = data.held_out_labels.argmax(1)
        if len(drawn):
            held_out = held_out[np.isin(of_real, drawn)]
        self._has_held_out = len(held_out) >= splits.FEWEST_HELD_OUT
        if len(drawn) and self._has_held_out:
            comparable = _in_proportions_of(of_real, drawn, rng)
            alike = ", in the proportions of the held-out classes,"
        if len(comparable) < _LEAST_FAKE:
            raise InputError(
                f"{len(comparable)} images{alike} are too few to be compared with "
                f"others; at least {_LEAST_FAKE} are needed",
                ("count",),
            )
        if not self._has_held_out:
            held_out = held_out[:0]
        self._evaluator = _evaluator_of(data, extractor, held_out, is_mirrored)
        self._compared = comparable[_some_of(len(comparable), MOST_COMPARED, rng)]
        self._compared.sort()
        self._class_ids = drawn[self._compared] if len(drawn) else None
        self._count, self._alike = count, alike
        self._shown = _some_of(count, NUM_SHOWN, rng)
        self._seen = 0
        self.files: list[str] = []
        self._features: list[np.ndarray] = []
        self._images: list[np.ndarray] = []

    def add(self, fake_images: np.ndarray) -> list[dict[str, Any]]:
        """Takes the next images, float32 (n, height, width, channels), 0-1.

        Returns:
            A row each: nearest_training, the row number of the nearest image trained
            on in the arrays; nearest_distance, of features in root mean squares of
            those of real images; where files are known nearest_file, its path.
        """
        numbers = np.arange(self._seen, self._seen + len(fake_images))
        self._seen += len(fake_images)
        features = self._evaluator.features_of(fake_images)
        if self._has_held_out:
            self._features.append(features[np.isin(numbers, self._compared)])
        self._images.append(fake_images[np.isin(numbers, self._shown)])
        nearest = self._evaluator.nearest(features)
        return [
            {"nearest_training": int(row), "nearest_distance": float(f"{distance:.6g}")}
            | ({"nearest_file": self.files[row]} if self.files else {})
            for row, distance in zip(nearest.rows, nearest.distances, strict=True)
        ]

    def figures(self) -> dict[str, Any] | None:
        """Returns figures as `Evaluator.evaluate`; None where none were held out."""
        if not self._has_held_out:
            return None
        features = np.concatenate(self._features)
        return self._evaluator.evaluate(features, self._class_ids)[0]

    def matching(self) -> str:
        """Writes which of the images were compared, where these are not all."""
        compared = len(self._compared)
        if not self._has_held_out or compared == self._count:
            return ""
        return f"{compared} of {self._count} images{self._alike} are compared"

    def shown_with_nearest(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns a few of the images, and the nearest ones trained on.

        Returns:
            Two float32 arrays (up to NUM_SHOWN, height, width, channels), 0-1.
        """
        fake_images = np.concatenate(self._images)
        return fake_images, self._evaluator.nearest_training(fake_images)


def of_generator(
    data_dir: Path,
    model_dir: Path,
    generator_path: Path,
    count: int,
    seed: int,
    class_ids: Sequence[int],
) -> StreamEvaluator:
    """Builds what evaluates the images of a generator beside its training's record.

    Raises:
        InputError: what the generator was trained on or evaluated by is missing, or the
            images are too few to be compared.
    """
    data, settings, extractor = _training_of(data_dir, model_dir, generator_path)
    evaluator = StreamEvaluator(
        extractor, data, count, seed, class_ids, "mirror" in settings.augmentation
    )
    evaluator.files = arrays.load_files(data_dir) or []
    return evaluator


def near_copy_finder(
    data_dir: Path, model_dir: Path, generator_path: Path
) -> Callable[[np.ndarray], np.ndarray]:
    """Builds what tells near copies of the images that a generator was trained on.

    Returns:
        A function, images (n, height, width, channels), 0-1, to bool (n,): whether an
        image is nearer to a training image than half of its distance to any other.

    Raises:
        InputError: what the generator was trained on or evaluated by is missing.
    """
    data, settings, extractor = _training_of(data_dir, model_dir, generator_path)
    is_mirrored = "mirror" in settings.augmentation
    evaluator = _evaluator_of(data, extractor, data.held_out[:0], is_mirrored)
    return lambda images: evaluator.nearest(evaluator.features_of(images)).is_repeat


def _training_of(
    data_dir: Path, model_dir: Path, generator_path: Path
) -> tuple[TrainingSet, GAN, FeatureExtractor]:
    """Reads what a saved generator was trained on, and loads its features."""
    data, settings = training_set.of_generator(generator_path, data_dir)
    try:
        size = max(data.image_shape[:2])
        extractor = load_extractor(settings.features, model_dir, size)
    except InputError as error:  # whose flags are of the training
        raise InputError(
            f"{generator_path} was evaluated in its training by {settings.features}, "
            f"which is needed once more: {error}"
        ) from error
    return data, settings, extractor


def _evaluator_of(
    data: TrainingSet,
    extractor: FeatureExtractor,
    held_out: np.ndarray,
    is_mirrored: bool,
) -> Evaluator:
    """Builds an `Evaluator` by some of the rows that were held out class by class."""
    classes = data.held_out_labels.argmax(1)[np.isin(data.held_out, held_out)]
    return Evaluator(extractor, data.images, data.rows, held_out, classes, is_mirrored)


def _in_proportions_of(
    real: np.ndarray, drawn: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Chooses drawn images, as many as can be, in the proportions of the real ones.

    Both are told by their class numbers, and have a class in common at least.
    """
    class_ids, of_real = np.unique(real[np.isin(real, drawn)], return_counts=True)
    rows_of = [np.flatnonzero(drawn == number) for number in class_ids]
    scale = min(len(rows) / n for rows, n in zip(rows_of, of_real, strict=True))
    return np.concatenate(
        [
            rng.permutation(rows)[: max(1, round(n * scale))]
            for rows, n in zip(rows_of, of_real, strict=True)
        ]
    )


def _some_of(count: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Chooses numbers below `count` at random; steps would miss classes in turn."""
    return rng.choice(count, min(count, most), replace=False)


def inputs_to_show(inputs: sampling.GeneratorInputs) -> sampling.GeneratorInputs:
    """Takes NUM_SHOWN of the inputs, spread evenly over the classes."""
    count = len(inputs[0] if isinstance(inputs, list) else inputs)
    rows = (np.arange(NUM_SHOWN) * count + count // 2) // NUM_SHOWN
    return [each[rows] for each in inputs] if isinstance(inputs, list) else inputs[rows]


def fake_classes(labels: np.ndarray) -> np.ndarray:
    """Decides which classes to draw, so that none is rarer than among the real ones.

    Args:
        labels: one-hot array (n, num_classes), of the images to compare with.

    Returns:
        int array of class numbers in the proportions of the labels: 500 to 2,000, five
        for each label.
    """
    class_ids = np.sort(labels.argmax(1))
    wanted = _FAKE_A_REAL * len(class_ids)
    count = min(max(wanted, _FEWEST_EVALUATED), _MOST_EVALUATED)
    return class_ids[np.arange(count) * len(class_ids) // count]
