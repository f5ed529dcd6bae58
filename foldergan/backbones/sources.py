"""The pretrained networks that are known by name: in the package, or downloaded."""

import os
from dataclasses import dataclass
from pathlib import Path

from foldergan.errors import InputError
from foldergan.storage import seals

_FILE_ENDINGS = (".keras", ".h5")

# In the package, with their weights: name -> number of the EfficientNet-Lite.
SHIPPED = {"EfficientNetLite0": 0, "EfficientNetLite1": 1}

# Where a GAN through a backbone may start from.
SHIPPED_START = "photographs"
START_BACKBONE = "EfficientNetLite0"  # that it has learned through
OTHER_START = (
    f"give none, {SHIPPED_START}, or a file that tools/pretrain_generator.py made"
)
_OF_START = ("start_from",)

_HOST = "https://storage.googleapis.com"
_APPLICATIONS = f"{_HOST}/tensorflow/keras-applications"


@dataclass(frozen=True)
class Source:
    """A network of keras.applications and the file of its weights, without classifier.

    Attributes:
        name: of the function in keras.applications.
        url: where Keras downloads the weights from.
        megabytes: size of the file.
        license: of the weights.
    """

    name: str
    url: str
    megabytes: float
    license: str = "Apache License 2.0"

    @property
    def path(self) -> Path:
        """Where Keras keeps the file, and finds it when offline."""
        home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
        return home / "models" / self.url.rsplit("/", 1)[1]


_MOBILE = f"{_APPLICATIONS}/mobilenet_v3/weights_mobilenet_v3"
_KERNELS = "weights_tf_dim_ordering_tf_kernels_notop.h5"
SOURCES = {
    source.name: source
    for source in (
        Source("MobileNetV3Small", f"{_MOBILE}_small_224_1.0_float_no_top_v2.h5", 4),
        Source("MobileNetV3Large", f"{_MOBILE}_large_224_1.0_float_no_top_v2.h5", 13),
        Source(
            "EfficientNetV2B0",
            f"{_APPLICATIONS}/efficientnet_v2/efficientnetv2-b0_notop.h5",
            24,
        ),
        Source(
            "EfficientNetB0", f"{_HOST}/keras-applications/efficientnetb0_notop.h5", 17
        ),
        Source("ConvNeXtTiny", f"{_APPLICATIONS}/convnext/convnext_tiny_notop.h5", 111),
        Source(
            "ResNet50",
            f"{_APPLICATIONS}/resnet/resnet50_{_KERNELS}",
            95,
            license="MIT License",
        ),
        Source(
            "DenseNet121",
            f"{_APPLICATIONS}/densenet/densenet121_{_KERNELS}",
            29,
            license="BSD 3-Clause License",
        ),
    )
}
NAMES = (*SHIPPED, *SOURCES)
# What images are compared by; no backbone.
INCEPTION = Source(
    "InceptionV3",
    f"{_APPLICATIONS}/inception_v3/inception_v3_{_KERNELS}",
    88,
)


def refuse_missing(spec: str) -> None:
    """Refuses what is neither none, nor a known name, nor a file that may be one.

    Raises:
        InputError: it is missing, a folder, or has another ending.
    """
    path = Path(spec)
    if spec == "none" or spec in NAMES:
        return
    if path.is_file() and path.suffix in _FILE_ENDINGS:
        return
    found = "a folder" if path.is_dir() else f"of the ending {path.suffix!r}"
    raise InputError(
        f"backbone {spec} is {found if path.exists() else 'not there'}; give none, the "
        f"path of a {' or '.join(_FILE_ENDINGS)} file, or one of {', '.join(NAMES)}",
        ("backbone",),
    )


def fingerprint(spec: str) -> str:
    """Names a backbone: its own name, or that of its file and its SHA-256."""
    path = Path(spec)
    if spec in NAMES or not path.is_file():
        return spec
    return f"{path.name} {seals.checksum_of(path)}"


def start_path(spec: str) -> Path:
    """Names the file of a pretrained start of the GAN: the package's, or a path."""
    if spec == SHIPPED_START:
        return Path(__file__).parents[1] / "gan" / "weights" / f"{spec}.npz"
    return Path(spec)


def refuse_damaged_start(spec: str) -> None:
    """Refuses a start, other than none, that is missing or damaged.

    Raises:
        InputError: it is.
    """
    if spec == "none":
        return
    if not start_path(spec).is_file():
        raise InputError(f"{start_path(spec)} not found; {OTHER_START}", _OF_START)
    seals.check(start_path(spec), OTHER_START, _OF_START, is_ours=True)
