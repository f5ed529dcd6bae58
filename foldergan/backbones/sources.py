"""The pretrained networks of keras.applications that are known by name."""

import contextlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from foldergan.errors import InputError

FILE_ENDINGS = (".keras", ".h5")

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


def refuse_missing(spec: str) -> None:
    """Refuses what is neither none, nor a known name, nor a file that may be one.

    Raises:
        InputError: it is missing, a folder, or has another ending.
    """
    path = Path(spec)
    if spec == "none" or spec in SOURCES:
        return
    if path.is_file() and path.suffix in FILE_ENDINGS:
        return
    found = "a folder" if path.is_dir() else f"of the ending {path.suffix!r}"
    raise InputError(
        f"backbone {spec} is {found if path.exists() else 'not there'}; give none, the "
        f"path of a {' or '.join(FILE_ENDINGS)} file, or one of {', '.join(SOURCES)}",
        ("backbone",),
    )


@contextlib.contextmanager
def kept(path: Path) -> Iterator[None]:
    """Puts a file back that Keras removes: of another checksum, without a network."""
    if not path.is_file():
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy2(path, folder)
        try:
            yield
        finally:
            if not path.exists():
                shutil.copy2(copy, path)


def fingerprint(spec: str) -> str:
    """Names a backbone: its own name, or that of its file and a checksum."""
    path = Path(spec)
    if spec in SOURCES or not path.is_file():
        return spec
    return f"{path.name} {zlib.crc32(path.read_bytes()):08x}"
