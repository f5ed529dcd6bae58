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
from foldergan.images import Images, Joined, Resized, resize_all
from foldergan.progress import ImageProgress
from foldergan.storage import arrays

# Views of an image, each a row of features: whether it is mirrored, and the corner
# that a crop keeps, if it is cropped.
VIEWS = {
    "image": (False, None),
    "mirror": (True, None),
    "top-left": (False, (0, 0)),
    "top-right": (True, (0, 1)),
    "bottom-left": (True, (1, 0)),
    "bottom-right": (False, (1, 1)),
}
CROPPED = 0.125  # fraction of height and of width
_MOST_VALUES = 2**22  # in the images of one batch


def cached_features(
    backbone: keras.Model,
    images: Images,
    views: tuple[str, ...],
    cache: Path | None,
) -> np.ndarray | Joined:
    """Computes pooled features of images, or opens them where they are kept.

    Args:
        backbone: images 0 to 1 in; out features (n, d), or feature maps, of which
            the last is pooled.
        images: float32 array (n, height, width, channels), 0 to 1; may lie on disk.
        views: of `VIEWS`.
        cache: existing folder to keep them in; None keeps nothing.

    Returns:
        float32 array (n, views, d); a memory map of the file that keeps them.

    Raises:
        InputError: a feature is not a finite number.
    """
    if isinstance(images, Joined):  # each part is kept, and found again, by itself
        parts = [cached_features(backbone, p, views, cache) for p in images.parts]
        return Joined(*parts)
    path = None
    if cache is not None:
        path = cache / f"features-{_name(backbone, images, views)}.npy"
        kept = _read(path, len(images), len(views))
        if kept is not None:
            print(f"features of {len(images)} images are read from {path}")
            return kept
    model = _pooled(backbone)
    blocks = feature_blocks(model, images, views)
    if path is None:
        return np.concatenate(list(blocks))
    arrays.save_rows(path, (len(views), model.output_shape[-1]), blocks)
    return np.load(path, mmap_mode="r")


def _pooled(backbone: keras.Model) -> keras.Model:
    """Pools what a backbone gives last, where that is feature maps."""
    output = backbone.outputs[-1]
    if len(output.shape) == 4:
        output = keras.layers.GlobalAveragePooling2D()(output)
    return keras.Model(backbone.inputs, output)


def feature_blocks(
    model: keras.Model, images: np.ndarray | Resized, views: tuple[str, ...]
) -> Iterator[np.ndarray]:
    """Computes the features of each view of each image, some images at a time.

    Args:
        model: images 0 to 1 in, features (n, d) out.
        images: as of `cached_features`.
        views: the same.

    Yields:
        float32 arrays (some, views, d), in the order of the images.

    Raises:
        InputError: a feature is not a finite number.
    """
    size = int(np.clip(_MOST_VALUES // math.prod(images.shape[1:]), 1, 64))
    progress = ImageProgress(len(images), "features of")
    for start in range(0, len(images), size):
        batch = np.asarray(images[np.arange(start, min(start + size, len(images)))])
        pooled = [model.predict_on_batch(view_of(batch, name)) for name in views]
        if not np.isfinite(pooled).all():
            raise InputError(
                "the backbone's features of these images are NaN or infinite",
                ("backbone",),
            )
        yield np.stack(pooled, axis=1)
        progress.on_images(len(batch))
    progress.done()


def view_of(images: np.ndarray, name: str) -> np.ndarray:
    """Computes one of `VIEWS` of images.

    Args:
        images: float32 array (n, height, width, channels).
        name: of the view.

    Returns:
        Array of the same shape; a crop is resized to it.
    """
    is_mirrored, corner = VIEWS[name]
    if is_mirrored:
        images = images[:, :, ::-1]
    if corner is None:
        return images
    cuts = []
    for size, at_end in zip(images.shape[1:3], corner, strict=True):
        cut = max(1, round(size * CROPPED))
        cuts.append(slice(cut, size) if at_end else slice(0, size - cut))
    return resize_all(images[:, cuts[0], cuts[1]], images.shape[1:])


def checksum(backbone: keras.Model) -> str:
    """Hashes a backbone's layers with their settings, how they are joined, and weights.

    Layers count by their places: Keras gives new names in each process.
    """
    place_of = {
        layer.name: f"layer {n}" for n, layer in enumerate(_all_layers(backbone))
    }

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(part) for key, part in value.items()}
        if isinstance(value, list):
            return [renamed(part) for part in value]
        return place_of.get(value, value) if isinstance(value, str) else value

    architecture = renamed(json.loads(backbone.to_json()))
    digest = hashlib.sha256(json.dumps(architecture, sort_keys=True).encode())
    for weight in backbone.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def _all_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yields a network and its layers, those of networks within it too."""
    yield network
    for layer in network.layers:
        yield from _all_layers(layer) if isinstance(layer, keras.Model) else [layer]


def _name(
    backbone: keras.Model, images: np.ndarray | Resized, views: tuple[str, ...]
) -> str:
    """Hashes all that the features depend on."""
    digest = hashlib.sha256(f"{checksum(backbone)} {images.shape} {views}".encode())
    for rows in np.array_split(np.arange(len(images)), -(-len(images) // 64)):
        digest.update(np.ascontiguousarray(images[rows]).data)
    return digest.hexdigest()[:16]


def _read(path: Path, num_images: int, num_views: int) -> np.ndarray | None:
    """Opens a kept array; None where there is none or a damaged one."""
    kept = arrays.map_sealed(path)
    if kept is None:
        return None
    fits = kept.ndim == 3 and kept.shape[:2] == (num_images, num_views)
    return kept if fits and kept.dtype == np.float32 else None
