"""Every setting of every preset, as frozen data. Imports nothing of ours.

A preset covers the whole pipeline, one section a script, so that the same
``--preset NAME`` goes to all three. Each field is declared once, with its
default, its help text and its bounds; the flag of its name is made from that.
The defaults are those of `dcgan-32`; another preset states only what differs.
"""

import math
import re
from dataclasses import dataclass, field, fields
from typing import Any


def image_shape(text: str) -> tuple[int, int, int]:
    """Reads ``32x32x3`` as (height, width, channels)."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    if not match:
        raise ValueError(f"expected HEIGHTxWIDTHxCHANNELS such as 32x32x3, got {text}")
    return tuple(map(int, match.groups()))


def widths(text: str) -> tuple[int, ...]:
    """Reads ``64,128`` as one width a layer."""
    if not re.fullmatch(r"\d+(,\d+)*", text):
        raise ValueError(f"expected whole numbers such as 64,128,128, got {text}")
    return tuple(map(int, text.split(",")))


def setting(default: Any, help: str, parse=None, least=None, below=None, choices=None):
    """Declares one field.

    Args:
        default: its value in `dcgan-32`.
        help: one line for ``--help``.
        parse: reads the flag's text; the type of `default` where left out.
        least: smallest value allowed, of each entry where there are several.
        below: first value too large.
        choices: the only values allowed.
    """
    metadata = {
        "help": help,
        "parse": parse or type(default),
        "least": least,
        "below": below,
        "choices": choices,
    }
    return field(default=default, metadata=metadata)


class Section:
    """A group of settings that checks its own bounds."""

    def __post_init__(self):
        for declared in fields(self):
            check_value(declared, getattr(self, declared.name))


def check_value(declared, value) -> None:
    """Raises ValueError with one sentence when `value` is out of bounds."""
    least, below = declared.metadata["least"], declared.metadata["below"]
    choices = declared.metadata["choices"]
    if choices and value not in choices:
        raise ValueError(f"{declared.name} must be one of {choices}, not {value!r}")
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise ValueError(f"{declared.name} must be a finite number, not {number}")
        if least is not None and number < least:
            raise ValueError(f"{declared.name} must be at least {least}, not {number}")
        if below is not None and number >= below:
            raise ValueError(f"{declared.name} must be below {below}, not {number}")


def check_image_shape(shape: tuple[int, ...]) -> None:
    """Raises ValueError unless `shape` is (height, width, 1 or 3)."""
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1:
        raise ValueError(
            "image_shape must be height x width x channels with 1 or 3 channels, "
            f"such as 32x32x3, not {'x'.join(map(str, shape))}"
        )


@dataclass(frozen=True)
class Data(Section):
    """Where pictures come from and what array they become."""

    image_shape: tuple[int, int, int] = setting(
        (32, 32, 3), "shape that pictures are resized to", parse=image_shape
    )
    validation_split: float = setting(
        0.2, "part of each class held out; 0 trains on everything", least=0, below=1
    )

    def __post_init__(self):
        super().__post_init__()
        check_image_shape(self.image_shape)


@dataclass(frozen=True)
class Classifier(Section):
    """The network of TrainModel.py and how it is trained."""

    epochs: int = setting(50, "passes over the training pictures", least=1)
    batch_size: int = setting(32, "pictures a step", least=1)
    learning_rate: float = setting(1e-3, "step size of Adam", least=1e-12)
    filters: tuple[int, ...] = setting(
        (32, 64), "width of each 3x3 convolution", parse=widths, least=1
    )
    dense_units: int = setting(256, "width of the dense layer", least=1)


@dataclass(frozen=True)
class GAN(Section):
    """The networks of GANModel.py and how they are trained."""

    epochs: int = setting(100, "passes over the pictures", least=1)
    batch_size: int = setting(128, "pictures a step, half real, half fake", least=2)
    save_every: int = setting(10, "epochs between saved generators", least=1)
    latent_dim: int = setting(200, "length of a latent vector", least=1)
    discriminator_filters: tuple[int, ...] = setting(
        (64, 128, 128, 256),
        "width of each 3x3 convolution; all but the first halve the size",
        parse=widths,
        least=1,
    )
    generator_filters: tuple[int, ...] = setting(
        (256, 128, 128, 128),
        "width of the first block, then of each doubling of the size",
        parse=widths,
        least=1,
    )
    dropout: float = setting(
        0.4, "part of the discriminator's features dropped", least=0, below=1
    )
    discriminator_learning_rate: float = setting(2e-4, "step size", least=1e-12)
    generator_learning_rate: float = setting(2e-4, "step size", least=1e-12)
    # At Adam's usual 0.9 the two networks chase each other's past.
    beta_1: float = setting(0.5, "memory of Adam's mean gradient", least=0, below=1)

    def __post_init__(self):
        super().__post_init__()
        if self.batch_size % 2:
            raise ValueError(
                f"batch_size must be even, half real, half fake, not {self.batch_size}"
            )


@dataclass(frozen=True)
class Generate(Section):
    """What GeneratePredict.py draws."""

    generator: str = setting(
        "generator_model_080.h5", "generator file, a path or a name in the model folder"
    )
    count: int = setting(49, "pictures to generate", least=1)


@dataclass(frozen=True)
class Preset:
    """One system, from a folder of pictures to judged new ones."""

    name: str
    description: str
    seed: int = 0
    data: Data = Data()
    classifier: Classifier = Classifier()
    gan: GAN = GAN()
    generate: Generate = Generate()

    def __post_init__(self):
        height, width, _ = self.data.image_shape
        size = min(height, width)
        for _ in self.classifier.filters:
            size = (size - 2) // 2  # what a 3x3 convolution and a pooling leave
        if size < 1:
            raise ValueError(
                f"pictures of {height}x{width} are too small for "
                f"{len(self.classifier.filters)} convolutions; use a larger "
                "--image-shape or fewer --filters"
            )


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("dcgan-32", "class folders at 32x32: CNN classifier and DCGAN"),
        Preset(
            "smoke",
            "eight pictures and tiny networks for one epoch: does it run at all?",
            data=Data(validation_split=0.25),  # one of four pictures a class
            classifier=Classifier(epochs=1, batch_size=4, filters=(4,), dense_units=8),
            gan=GAN(
                epochs=1,
                batch_size=8,
                save_every=1,
                latent_dim=8,
                discriminator_filters=(4, 4, 4, 4),
                generator_filters=(4, 4, 4, 4),
            ),
            generate=Generate(generator="generator_model_001.h5", count=4),
        ),
    )
}
