"""The pretrained networks of keras.applications that are known by name."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

_HOST = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Source:
    """One network and the file of its weights, without the classifier at its end.

    Attributes:
        name: of the function in keras.applications.
        url: where Keras downloads the weights from.
        megabytes: size of the file.
        scale: factor from values 0 to 1 to the range that it takes; it normalizes
            images itself.
        license: of the weights.
    """

    name: str
    url: str
    megabytes: float
    scale: float = 255.0
    license: str = "Apache License 2.0"

    @property
    def path(self) -> Path:
        """Where Keras keeps the file, and finds it when offline."""
        return keras_home() / "models" / self.url.rsplit("/", 1)[1]


_MOBILE = f"{_HOST}/tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3"
_V2 = f"{_HOST}/tensorflow/keras-applications/efficientnet_v2"
SOURCES = {
    source.name: source
    for source in (
        Source("MobileNetV3Small", f"{_MOBILE}_small_224_1.0_float_no_top_v2.h5", 4),
        Source("MobileNetV3Large", f"{_MOBILE}_large_224_1.0_float_no_top_v2.h5", 13),
        Source("EfficientNetV2B0", f"{_V2}/efficientnetv2-b0_notop.h5", 24),
        Source(
            "EfficientNetB0", f"{_HOST}/keras-applications/efficientnetb0_notop.h5", 17
        ),
    )
}
# What pictures are compared by; no backbone.
INCEPTION = Source(
    "InceptionV3",
    f"{_HOST}/tensorflow/keras-applications/inception_v3/"
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    88,
)


def keras_home() -> Path:
    """Finds the folder that Keras downloads into."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()


def fingerprint(spec: str) -> str:
    """Names a backbone: its own name, or that of its file and a checksum."""
    path = Path(spec)
    if spec in SOURCES or not path.is_file():
        return spec
    return f"{path.name} {zlib.crc32(path.read_bytes()):08x}"
