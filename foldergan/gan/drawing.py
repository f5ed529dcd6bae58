"""Images drawn and classified as they stream by, so that any number fits in memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from foldergan.classifier import evaluation
from foldergan.errors import InputError
from foldergan.gan import sampling
from foldergan.images import Resized
from foldergan.nn import convolutions
from foldergan.storage import models, run_directory
from foldergan.storage.run_directory import RunDirectory


class Networks(NamedTuple):
    """A generator, and the classifier that says what it draws.

    Attributes:
        generator: takes what `sampling.input_batches` samples.
        classifier: images 0-1 in, probabilities out.
        class_names: in the order of the probabilities.
        augmentation: that predictions are averaged over.
        num_classes: that the generator takes the numbers of; 0 where it takes none.
        generator_path: file of the generator.
        checksums: of the files, which an export needs.
    """

    generator: keras.Model
    classifier: keras.Model
    class_names: list[str]
    augmentation: tuple[str, ...]
    num_classes: int
    generator_path: Path
    checksums: dict[str, str] | None = None


class Drawn(NamedTuple):
    """Some images, and what the classifier says of them.

    Attributes:
        images: float32 array (n, height, width, channels), 0-1, as they were drawn.
        probabilities: float32 array (n, classes).
        class_ids: int array (n,) of intended classes; None where none were.
    """

    images: np.ndarray
    probabilities: np.ndarray
    class_ids: np.ndarray | None


def load_networks(
    model_dir: Path,
    generator_path: Path,
    augmentation: tuple[str, ...],
    checksums: dict[str, str] | None = None,
) -> Networks:
    """Loads both networks.

    The augmentation counts where the classifier's file does not tell its own.

    Raises:
        InputError: one is damaged, or they are of different classes.
    """
    classifier, class_names, known = models.load_classifier(model_dir)
    generator = models.load_generator(generator_path)
    num_classes = models.num_classes_of(generator)
    if num_classes not in (0, len(class_names)):
        raise InputError(
            f"the generator draws {num_classes} classes and the classifier tells "
            f"{len(class_names)} apart; train both on the same images"
        )
    drawn = models.load_generator_classes(generator_path)
    if num_classes and drawn not in (None, class_names):
        raise InputError(
            f"the generator draws {', '.join(drawn)} and the classifier tells "
            f"{', '.join(class_names)} apart; train both on the same images"
        )
    folder = RunDirectory(model_dir)
    folder.warn_of_other_data(generator_path)
    if known is not None:  # else of a version before 0.2, or of others
        augmentation = known
    drawn_in = run_directory.precision_of_generator(generator_path)
    judged_in = folder.precision("TrainModel")
    print(f"precision as in training: generator {drawn_in}, classifier {judged_in}")
    return Networks(
        convolutions.in_precision(generator, drawn_in),
        convolutions.in_precision(classifier, judged_in),
        class_names,
        augmentation,
        num_classes,
        generator_path,
        checksums,
    )


def classes_to_draw(networks: Networks, only: str | None) -> list[int]:
    """Decides which classes to draw: one by its name, or all.

    Returns:
        Class numbers, to draw in turn; none where the generator takes none.

    Raises:
        InputError: there is no such class, or no conditioning on classes.
    """
    if only is None:
        return list(range(networks.num_classes))
    require_conditioning(networks, "only")
    return [class_number(networks, only)]


def class_number(networks: Networks, name: str) -> int:
    """Finds the number of a class; raises InputError where there is none."""
    if name not in networks.class_names:
        known = ", ".join(networks.class_names)
        raise InputError(f"no class {name!r}; there are {known}")
    return networks.class_names.index(name)


def require_conditioning(networks: Networks, option: str) -> None:
    """Raises InputError, about an option, where the generator takes no classes."""
    if not networks.num_classes:
        raise InputError(
            "the generator was not trained with conditioning on classes", (option,)
        )


def draw(
    networks: Networks, batches: Iterable[sampling.GeneratorInputs]
) -> Iterator[Drawn]:
    """Draws and classifies images, a batch of `sampling.input_batches` at a time.

    Yields:
        The images of a batch, which nothing here keeps.

    Raises:
        InputError: the classifier takes images of other channels.
    """
    for inputs in batches:
        images = sampling.generate(networks.generator, inputs)
        # At the size that the classifier was trained on.
        resized = Resized(images, networks.classifier.input_shape[1:])
        probabilities = evaluation.predict(
            networks.classifier, resized, augmentation=networks.augmentation
        )
        yield Drawn(
            images, probabilities, inputs[1] if isinstance(inputs, list) else None
        )
        del images, resized
