"""What networks are computed in."""

from dataclasses import dataclass

from foldergan.config import groups
from foldergan.config.fields import Names, Section

PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Computed(Section):
    """What the layers of a network read and write; its weights stay in float32."""

    precision: str = groups.optimization(
        "auto",
        "numeric precision of activations; weights stay in float32; auto: the fastest "
        "of auto_precisions on this processor, as measured once",
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
