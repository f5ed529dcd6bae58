"""EfficientNet-Lite0 and 1, trained on ImageNet: their weights are in the package.

Architecture and weights: Liu, EfficientNet-Lite, 2020, after Tan and Le, EfficientNet:
Rethinking Model Scaling for Convolutional Neural Networks, 2019.
tools/convert_efficientnet_lite.py makes the files of weights.
"""

import math
from pathlib import Path

import keras
import numpy as np
from keras import layers

from foldergan.errors import InputError
from foldergan.storage import seals

# Kernel size, stride, expansion, output channels and repeats of each group of blocks,
# of number 0.
_BLOCKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
DEPTHS = (1.0, 1.1)  # of numbers 0 and 1: multiplies the repeats between the ends


def load(number: int) -> keras.Model:
    """Builds EfficientNet-Lite0 or 1 with the weights, float16, of the package.

    Raises:
        InputError: the file of weights is missing or damaged.
    """
    path = weights_path(number)
    if not seals.is_intact(path):
        problem = "not there"
        if path.exists():
            problem = "damaged: its SHA-256 is another than when it was saved"
        raise InputError(f"{path} is {problem}; install foldergan again", ("backbone",))
    network = build(number)
    with np.load(path, allow_pickle=False) as arrays:
        for weight in network.weights:
            weight.assign(arrays[weight.path].astype(np.float32))
    return network


def weights_path(number: int) -> Path:
    """Names the file of a network's weights: float16 arrays by Keras' paths, sealed."""
    return Path(__file__).with_name("weights") / f"efficientnet_lite{number}.npz"


def build(number: int) -> keras.Model:
    """Builds EfficientNet-Lite0 or 1, batch normalizations folded into convolutions.

    Returns:
        Images (n, height, width, 3), 0-1, of any size in; feature map of 1,280 channels
        and stride 32, values 0-6, out. The ends of its stages are named stage_2 to
        stage_32 by their stride.
    """
    images = keras.Input((None, None, 3), name="images")
    # ImageNet's mean and deviation as the authors took them, of values 0-255.
    values = layers.Rescaling(255 / 128, offset=-127 / 128, name="normalize")(images)
    values = layers.Conv2D(32, 3, strides=2, padding="same", name="stem")(values)
    values = layers.ReLU(6.0, name="stem_relu")(values)
    blocks = []
    for group, (kernel, first, expansion, width, repeats) in enumerate(_BLOCKS):
        if 0 < group < len(_BLOCKS) - 1:
            repeats = math.ceil(DEPTHS[number] * repeats)
        strides = [first, *[1] * (repeats - 1)]
        blocks += [(kernel, stride, expansion, width) for stride in strides]
    strides = [block[1] for block in blocks[1:]] + [2]  # of the block behind each
    stride = 2
    for place, (block, next_stride) in enumerate(zip(blocks, strides, strict=True)):
        stride *= block[1]
        end = f"stage_{stride}" if next_stride == 2 else f"block_{place}"
        values = _block(values, f"block_{place}", end, block)
    values = layers.Conv2D(1280, 1, name="head")(values)
    features = layers.ReLU(6.0, name="features")(values)
    return keras.Model(images, features, name=f"lite{number}")


def _block(
    inputs: keras.KerasTensor, name: str, end: str, sizes: tuple[int, ...]
) -> keras.KerasTensor:
    """Expands, convolves each channel, projects; adds the input where shapes allow."""
    kernel, stride, expansion, width = sizes
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
