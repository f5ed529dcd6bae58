"""Latent vectors and classes -> generated images."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from foldergan.images import to_unit_range
from foldergan.nn.inference import drawn_at_once
from foldergan.storage.models import num_classes_of

# Latent vectors, float32 (n, latent_dim), or these and class numbers (n,).
GeneratorInputs = np.ndarray | list[np.ndarray]
Seed = int | np.random.SeedSequence


def sample_latents(count: int, latent_dim: int, seed: int) -> np.ndarray:
    """Samples standard normal latent vectors, float32 (count, latent_dim)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, latent_dim), dtype=np.float32)


def sample_inputs(
    generator: keras.Model,
    count: int,
    seed: Seed,
    class_ids: Sequence[int] | np.ndarray | None = None,
) -> GeneratorInputs:
    """Samples what a generator takes for `count` images.

    Classes come in turn: those that are given, else all.
    """
    return next(input_batches(generator, count, seed, class_ids, size=count))


def input_batches(
    generator: keras.Model,
    count: int,
    seed: Seed,
    class_ids: Sequence[int] | np.ndarray | None = None,
    size: int | None = None,
) -> Iterator[GeneratorInputs]:
    """Samples the very numbers of `sample_inputs`, a batch at a time.

    The last batch may be shorter than `size`, which by default bounds the memory.
    """
    rng = np.random.default_rng(seed)
    latent_dim = generator.inputs[0].shape[1]
    num_classes = num_classes_of(generator)
    in_turn = np.arange(num_classes) if class_ids is None else np.asarray(class_ids)
    size = size or drawn_at_once(generator)
    for start in range(0, count, size):
        numbers = np.arange(start, min(start + size, count))
        latents = rng.standard_normal((len(numbers), latent_dim), dtype=np.float32)
        yield [latents, in_turn[numbers % len(in_turn)]] if num_classes else latents


def sample_grid_inputs(
    generator: keras.Model, columns: int, seed: int
) -> GeneratorInputs:
    """Samples what a generator takes for a grid.

    Each class has a row, all from the same latent vectors; without classes there are
    as many rows as columns.
    """
    num_classes = num_classes_of(generator)
    if not num_classes:
        return sample_inputs(generator, columns**2, seed)
    latents = sample_latents(columns, generator.inputs[0].shape[1], seed)
    class_ids = np.arange(num_classes).repeat(columns)
    return [np.tile(latents, (num_classes, 1)), class_ids]


def generate(generator: keras.Model, inputs: GeneratorInputs) -> np.ndarray:
    """Generates images, float32 (n, height, width, channels), 0-1, of a generator."""
    batch_size = drawn_at_once(generator)
    return to_unit_range(generator.predict(inputs, batch_size=batch_size, verbose=0))
