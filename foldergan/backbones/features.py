"""Pooled features of images, computed once and kept on disk by content."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from foldergan.errors import InputError
from foldergan.images import Images, Joined, Resized
from foldergan.progress import ImageProgress
from foldergan.storage import arrays

_MOST_VALUES = 2**22  # in the images of one batch


def cached_features(
    trunk: keras.Model,
    images: Images,
    is_mirrored: bool,
    cache: Path | None,
) -> np.ndarray | Joined:
    """Computes features of images, or opens them where they are kept.

    Args:
        trunk: images 0 to 1 in, features (n, d) out.
        images: float32 array (n, height, width, channels), 0 to 1; may lie on disk.
        is_mirrored: whether there is a second view of each image, its mirror image.
        cache: existing folder to keep them in; None keeps nothing.

    Returns:
        float32 array (n, views, d); a memory map of the file that keeps them.

    Raises:
        InputError: a feature is not a finite number.
    """
    if isinstance(images, Joined):  # each part is kept, and found again, by itself
        parts = (cached_features(trunk, p, is_mirrored, cache) for p in images.parts)
        return Joined(*parts)
    blocks = _blocks(trunk, images, is_mirrored)
    if cache is None:
        return np.concatenate(list(blocks))
    path = cache / f"features-{_name(trunk, images, is_mirrored)}.npy"
    kept = arrays.map_sealed(path)
    if kept is not None:
        print(f"features of {len(images)} images are read from {path}")
        return kept
    arrays.save_rows(path, (1 + is_mirrored, trunk.output_shape[-1]), blocks)
    return np.load(path, mmap_mode="r")


def _blocks(
    trunk: keras.Model, images: np.ndarray | Resized, is_mirrored: bool
) -> Iterator[np.ndarray]:
    """Computes features of some images at a time, (some, views, d)."""
    size = int(np.clip(_MOST_VALUES // math.prod(images.shape[1:]), 1, 64))
    progress = ImageProgress(len(images), "features of")
    for start in range(0, len(images), size):
        batch = np.asarray(images[np.arange(start, min(start + size, len(images)))])
        views = [batch, batch[:, :, ::-1]][: 1 + is_mirrored]
        pooled = np.stack([trunk.predict_on_batch(view) for view in views], axis=1)
        if not np.isfinite(pooled).all():
            raise InputError(
                "the backbone's features of these images are NaN or infinite",
                ("backbone",),
            )
        yield pooled
        progress.on_images(len(batch))
    progress.done()


def _name(trunk: keras.Model, images: np.ndarray | Resized, is_mirrored: bool) -> str:
    """Hashes all that the features depend on."""
    views = ("image", "mirror")[: 1 + is_mirrored]
    digest = hashlib.sha256(f"{checksum(trunk)} {images.shape} {views}".encode())
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // 64)):
        digest.update(np.ascontiguousarray(images[rows]).data)
    return digest.hexdigest()[:16]


def checksum(network: keras.Model) -> str:
    """Hashes a network's layers with their settings, how they are joined, and weights.

    Layers count by their places: Keras gives new names in each process.
    """
    place_of = {
        layer.name: f"layer {n}" for n, layer in enumerate(_all_layers(network))
    }

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(part) for key, part in value.items()}
        if isinstance(value, list):
            return [renamed(part) for part in value]
        return place_of.get(value, value) if isinstance(value, str) else value

    architecture = renamed(json.loads(network.to_json()))
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def _all_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yields a network and its layers, those of networks within it too."""
    yield network
    for layer in network.layers:
        yield from _all_layers(layer) if isinstance(layer, keras.Model) else [layer]
