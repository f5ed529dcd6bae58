"""A first convolution that starts from what the images' patches are made of.

Neighbouring pixels say nearly the same; filters that begin at random mostly see the
mean of them all. These begin as the directions in which patches differ, each scaled so
that its answers vary alike, and training goes on from there. The idea is that of Page,
How to Train Your ResNet 8: Bag of Tricks, 2019.
"""

import math

import keras
import numpy as np

from foldergan.images import Images

_MOST_IMAGES = 250  # spread evenly over all
_MOST_PIXELS = 2**22  # of these together
_STRIDE = 4  # pixels between patches
_NOISE = 0.01  # variance below which an axis is not amplified


def whiten(classifier: keras.Model, images: Images, rows: np.ndarray) -> None:
    """Sets the first convolution's weights by the principal axes of patches.

    Half of the filters are axes, those of the largest variance, the other half the
    same with their signs turned, for a rectifier passes one sign only. Filters that
    are left, where patches have fewer axes than that, stay as they are.

    Args:
        classifier: begins with a convolution, after layers without weights.
        images: float32 array (n, height, width, channels), 0-1; may lie on disk.
        rows: row numbers of the images that it will be trained on.
    """
    convolution = next(
        layer for layer in classifier.layers if isinstance(layer, keras.layers.Conv2D)
    )
    kernel, *bias = convolution.get_weights()
    height, width, channels, num_filters = kernel.shape
    most = max(1, min(_MOST_IMAGES, _MOST_PIXELS // math.prod(images.shape[1:3])))
    some = images[rows[:: -(-len(rows) // most)]]
    seen = keras.Model(classifier.inputs, convolution.input).predict_on_batch(some)
    windows = np.lib.stride_tricks.sliding_window_view(seen, (height, width), (1, 2))
    windows = windows[:, ::_STRIDE, ::_STRIDE].transpose(0, 1, 2, 4, 5, 3)
    patches = windows.reshape(-1, height * width * channels)
    variances, axes = np.linalg.eigh(np.cov(patches, rowvar=False, dtype=np.float64))
    scaled = (axes / np.sqrt(variances + _NOISE))[:, ::-1]  # the largest first
    scaled = scaled[:, : num_filters // 2]
    filters = np.concatenate([scaled, -scaled], axis=1)
    kernel[..., : filters.shape[1]] = filters.reshape(height, width, channels, -1)
    convolution.set_weights([kernel, *bias])
