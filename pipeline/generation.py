"""Latent vectors -> pictures."""

import numpy as np

from pipeline.images import to_unit_range


def sample_latents(count: int, latent_dim: int, seed: int) -> np.ndarray:
    """Draws latent vectors from the standard normal distribution.

    Returns:
        float32 array of shape (count, latent_dim).
    """
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, latent_dim), dtype=np.float32)


def generate(generator, latents: np.ndarray) -> np.ndarray:
    """Draws one picture for each latent vector.

    Args:
        generator: Keras model, latent vectors in, pictures -1-1 out.
        latents: float32 array of shape (n, latent_dim).

    Returns:
        float32 array of shape (n, height, width, channels), values 0-1.
    """
    return to_unit_range(generator.predict(latents, batch_size=256, verbose=0))
