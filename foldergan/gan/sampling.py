"""Latent vectors and classes -> generated images."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from foldergan.config.memory import require_memory
from foldergan.images import to_unit_range
from foldergan.storage.models import num_classes_of

# Latent vectors (n, latent_dim), or these and class numbers (n,).
GeneratorInputs = np.ndarray | list[np.ndarray]


def sample_latents(count: int, latent_dim: int, seed: int) -> np.ndarray:
    """Samples latent vectors from the standard normal distribution.

    Returns:
        float32 array of shape (count, latent_dim).

    Raises:
        InputError: there is not the memory for them.
    """
    _require_memory(count * latent_dim, f"{count} latent vectors")
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, latent_dim), dtype=np.float32)


def sample_inputs(
    generator: keras.Model,
    count: int,
    seed: int,
    class_ids: Sequence[int] | np.ndarray | None = None,
) -> GeneratorInputs:
    """Samples what a generator takes.

    Args:
        generator: Keras model, latent vectors and perhaps class numbers in.
        count: images to draw.
        seed: of the latent vectors.
        class_ids: to draw in turn; all in turn where left out.

    Returns:
        For `generate`: latent vectors, or a list of these and of class numbers.
    """
    latents = sample_latents(count, generator.inputs[0].shape[1], seed)
    num_classes = num_classes_of(generator)
    if not num_classes:
        return latents
    if class_ids is None:
        class_ids = np.arange(num_classes)
    return [latents, np.resize(class_ids, count)]


def sample_grid_inputs(
    generator: keras.Model, columns: int, seed: int
) -> GeneratorInputs:
    """Samples what a generator takes for a grid.

    Returns:
        As of `sample_inputs`, for a row of images each class, from the same latent
        vectors; without classes for as many rows as columns.
    """
    num_classes = num_classes_of(generator)
    if not num_classes:
        return sample_inputs(generator, columns**2, seed)
    latents = sample_latents(columns, generator.inputs[0].shape[1], seed)
    class_ids = np.arange(num_classes).repeat(columns)
    return [np.tile(latents, (num_classes, 1)), class_ids]


def generate(generator: keras.Model, inputs: GeneratorInputs) -> np.ndarray:
    """Generates one image for each latent vector.

    Args:
        generator: Keras model, latent vectors, and class numbers where it has
            classes, in; images -1-1 out.
        inputs: float32 array of shape (n, latent_dim); or a list of that and of class
            numbers (n,).

    Returns:
        float32 array of shape (n, height, width, channels), values 0-1.

    Raises:
        InputError: there is not the memory for them.
    """
    count = len(inputs[0] if isinstance(inputs, list) else inputs)
    shape = generator.output_shape[1:]
    _require_memory(count * math.prod(shape), f"{count} images")
    return to_unit_range(generator.predict(inputs, batch_size=256, verbose=0))


def _require_memory(numbers: int, what: str) -> None:
    require_memory(4 * numbers, what, ("count",))
