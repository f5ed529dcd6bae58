"""The pretrained start: networks that have learned from other photographs.

A generator that reconstructs images from their codes, see `codes`, does so for new
images too, once their codes are mapped on those that it knows. A file holds such a
generator, its upsampler, and what its codes say. The one that comes with the package
was made by tools/pretrain_generator.py.
"""

import keras
import numpy as np
from keras import layers

from foldergan.backbones import sources
from foldergan.errors import report_unreadable
from foldergan.gan import networks, photographs
from foldergan.gan.codes import Codes

_DRAWN = 256  # images that batch normalizations are adapted to
_NETWORKS = ("generator", "upsampler", "upsampler_discriminator")
_COLORS = 3  # channels
_LEAST = 1e-12  # squared length of a direction


def load(spec: str) -> dict[str, np.ndarray]:
    """Reads a start: float32 arrays, by the names that `contents` gives them.

    Raises:
        InputError: the file is missing, damaged, or something else.
    """
    sources.refuse_damaged_start(spec)
    path = sources.start_path(spec)
    with (
        report_unreadable(path, "not a start", sources.OTHER_START, ("start_from",)),
        np.load(path, allow_pickle=False) as arrays,
    ):
        found = {name: arrays[name].astype(np.float32) for name in arrays.files}
        if missing := {"generator/0", "code_means", "code_directions"} - found.keys():
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        return found


def contents(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Picks what a start holds, as float16, from the state of a training.

    Args:
        state: of a training through a backbone, without classes.
    """
    averaged = any(name.startswith("generator_ema/") for name in state)
    known = {name: name for name in _NETWORKS}
    known["generator"] = "generator_ema" if averaged else "generator"
    weights = {
        f"{name}/{number}": state[f"{source}/{number}"]
        for name, source in known.items()
        for number in range(sum(x.startswith(f"{source}/") for x in state))
    }
    of_codes = {name: state[name] for name in ("code_means", "code_directions")}
    return {k: v.astype(np.float16) for k, v in (weights | of_codes).items()}


def apply(
    start: dict[str, np.ndarray],
    parts: photographs.Networks,
    codes: Codes,
    classes: np.ndarray,
    seed: int,
) -> bool:
    """Lets networks begin where those of a start ended.

    The generator draws from a new code what the start's draws from the code that says
    the same, and from a class what it draws from the code of the class's mean image.
    A grey image counts as a colored one of equal red, green and blue.

    Args:
        start: as `load` returns it.
        parts: the networks that are to begin.
        codes: of the new images.
        classes: one-hot float32 array (n, num_classes), of the new images.
        seed: of the latent vectors that batch normalizations are adapted to.

    Returns:
        Whether the start fits; else all is left as it was. An upsampler that does not
        fit is left as it was, too.
    """
    generator = parts.generator
    latent_dim = generator.input_shape[1] - classes.shape[1]
    mapping = _map_inputs(start, codes, latent_dim, classes.shape[1])
    if mapping is None:
        return False
    first = [
        layer.kernel.path
        for layer in generator.layers
        if isinstance(layer, layers.Dense) and layer.input is generator.inputs[0]
    ]
    fitted = {}
    for name, network in _trained(parts).items():
        weights = [start[x] for x in start if x.startswith(f"{name}/")]
        if len(weights) == len(network.weights):
            fitted[name] = [
                _fitted(mapping @ old if new.path in first else old, new.shape)
                for new, old in zip(network.weights, weights, strict=True)
            ]
    fits = {name for name in fitted if all(x is not None for x in fitted[name])}
    if "generator" not in fits:
        return False
    for name in fits:
        _trained(parts)[name].set_weights(fitted[name])
    some = classes[np.linspace(0, len(classes) - 1, _DRAWN).astype(int)]
    latents = np.random.default_rng(seed).standard_normal((_DRAWN, latent_dim))
    adapt_normalization(generator, networks.encode_classes(np.float32(latents), some))
    return True


def adapt_normalization(network: keras.Model, inputs: np.ndarray) -> None:
    """Lets batch normalization by a batch's own statistics give what it gave before.

    A network that has learned from all kinds of images sees others now, whose batches
    have other statistics than its moving ones. Scales and offsets make up for it.

    Args:
        network: of which an output with `training` is to be the one without, before.
        inputs: the batch.
    """
    found = [x for x in network.layers if isinstance(x, layers.BatchNormalization)]
    seen = keras.Model(network.inputs[0], [layer.input for layer in found])
    for layer, values in zip(found, seen(inputs, training=False), strict=True):
        values = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
        mean, variance = values.mean(0), values.var(0)
        gamma, beta, old_mean, old_variance = layer.get_weights()
        slope = gamma / np.sqrt(old_variance + layer.epsilon)
        beta = beta + slope * (mean - old_mean)
        gamma = slope * np.sqrt(variance + layer.epsilon)
        layer.set_weights([gamma, beta, mean, variance])


def _trained(parts: photographs.Networks) -> dict[str, keras.Model]:
    """Names the networks that a start holds."""
    upsampling = parts.upsampling[:2] if parts.upsampling else ()
    return dict(zip(_NETWORKS, (parts.generator, *upsampling), strict=False))


def _map_inputs(
    start: dict[str, np.ndarray], codes: Codes, latent_dim: int, num_classes: int
) -> np.ndarray | None:
    """Computes what a generator's inputs are to a start's; None where it does not fit.

    Returns:
        Array (latent_dim + num_classes, latent_dim of the start).
    """
    directions = start["code_directions"]
    encoder = (directions / np.square(directions).sum(1, keepdims=True).clip(_LEAST)).T
    origin = start["code_means"][0] @ encoder
    encoder = _for_images(encoder, codes.directions.shape[1])
    known, size = start["generator/0"].shape[0], len(codes.directions)
    if encoder is None:
        return None
    mapping = np.zeros((latent_dim + num_classes, known), np.float32)
    mapping[:size, : len(directions)] = codes.directions @ encoder
    noise = min(latent_dim - size, known - len(directions))
    mapping[size : size + noise, len(directions) :][:, :noise] = np.eye(noise)
    if num_classes:
        scale = networks.CLASS_SCALE
        mapping[latent_dim:, : len(directions)] = (
            codes.means @ encoder - origin
        ) / scale
    return mapping


def _for_images(encoder: np.ndarray, size: int) -> np.ndarray | None:
    """Fits what reads a descriptor, (d, n), to one of `size`, perhaps of grey images.

    The last numbers of a descriptor are pixels, which are scaled by their number.
    """
    if len(encoder) == size:
        return encoder
    grey = (len(encoder) - size) // (_COLORS - 1)
    maps, pixels = np.split(encoder, [size - grey])
    if len(pixels) != _COLORS * grey:
        return None
    pixels = pixels.reshape(grey, _COLORS, -1).sum(1) / np.sqrt(_COLORS)
    return np.concatenate([maps, pixels])


def _fitted(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Fits a weight to grey images; None if its shape is another all the same."""
    if weight.ndim == len(shape) == 4 and (weight.shape[2], shape[2]) == (_COLORS, 1):
        weight = weight.sum(2, keepdims=True)
    if (weight.shape[-1], shape[-1]) == (_COLORS, 1):
        weight = weight.mean(-1, keepdims=True)
    return weight if weight.shape == tuple(shape) else None
