"""What networks are computed in, and which convolutions most of that is."""

from dataclasses import dataclass
from typing import NamedTuple

from foldergan.config import groups
from foldergan.config.fields import Names, Section, Shape

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Computed(Section):
    """What the layers of a network read and write; its weights stay in float32."""

    precision: str = groups.optimization(
        "auto",
        "what layers read and write; weights are kept in float32; auto: whichever of "
        "auto_precisions is found to be the fastest on this processor",
        choices=("auto", *PRECISIONS),
    )
    auto_precisions: Names = groups.optimization(
        ("float32",),
        "what precision auto chooses from: those whose quality was measured",
        choices=PRECISIONS,
    )

    @property
    def computed_in(self) -> str:
        """The precision; float32 where auto has not been decided."""
        return "float32" if self.precision == "auto" else self.precision


class Convolution(NamedTuple):
    """One convolution of a network, padded as "same" does.

    Attributes:
        height: of the images or maps that it reads.
        width: the same.
        channels: that it reads.
        filters: that it writes.
        kernel: height and width of its kernel.
        stride: of a transposed one, by which it enlarges.
        is_transposed: whether it is a transposed one.
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: int = 3
    stride: int = 1
    is_transposed: bool = False

    @property
    def operations(self) -> int:
        """Floating point operations for an image."""
        places = self.height * self.width
        if not self.is_transposed:  # it does its work at each place of its output
            places = -(-self.height // self.stride) * -(-self.width // self.stride)
        return 2 * places * self.kernel**2 * self.channels * self.filters


def classifier_convolutions(
    shape: Shape, filters: tuple[int, ...], network: str
) -> list[Convolution]:
    """Lists those of a classifier of its own, as of `classifier.network`.

    Args:
        shape: (height, width, channels) of the images.
        filters: of its settings.
        network: of its settings.
    """
    height, width, channels = shape
    listed = []
    for number, count in enumerate(filters):
        listed.append(Convolution(height, width, channels, count))
        channels = count
        if network == "plain" or number:  # "residual" halves from the second on
            height, width = max(1, height // 2), max(1, width // 2)
        if network == "residual" and number in (1, len(filters) - 1):
            listed += [Convolution(height, width, count, count)] * 2
    return listed


def gan_convolutions(
    shape: Shape,
    generator_filters: tuple[int, ...],
    discriminator_filters: tuple[int, ...],
) -> list[Convolution]:
    """Lists those of a GAN, as of `gan.networks`; of other networks they stand for all.

    Args:
        shape: (height, width, channels) of the images.
        generator_filters: of its settings.
        discriminator_filters: of its settings.
    """
    height, width, channels = shape
    listed = []
    for number, count in enumerate(discriminator_filters):
        stride = 1 if number == 0 else 2
        listed.append(Convolution(height, width, channels, count, stride=stride))
        channels = count
        height, width = -(-height // stride), -(-width // stride)
    scale = 2 ** (len(generator_filters) - 1)
    height, width, channels = shape[0] // scale, shape[1] // scale, generator_filters[0]
    for count in generator_filters[1:]:
        listed.append(Convolution(height, width, channels, count, 4, 2, True))
        height, width, channels = 2 * height, 2 * width, count
    return listed
