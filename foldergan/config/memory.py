"""What settings take of memory, and what there is."""

import os
from pathlib import Path

from foldergan.config.checks import MisfitError

_BYTES = 4  # of a float32
# A weight, its gradient, and the two running means of Adam.
_OF_A_WEIGHT = 4


def check_memory(wanted: int, what: str, options: tuple[str, ...]) -> None:
    """Raises MisfitError when something takes more memory than there is.

    Args:
        wanted: bytes.
        what: takes them.
        options: names of the settings to change.
    """
    known = machine_memory()
    if known is not None and wanted > known:
        raise MisfitError(
            f"{what} would take {_gigabytes(wanted)} of memory, and this machine has "
            f"{_gigabytes(known)}",
            options,
        )


def check_batch(shape: tuple[int, ...], batch_size: int) -> None:
    """Raises MisfitError when not even a batch of images goes into the memory."""
    check_memory(
        _BYTES * batch_size * shape[0] * shape[1] * shape[2],
        f"a batch of {batch_size} images of {'x'.join(map(str, shape))}",
        ("image_shape", "batch_size"),
    )


def check_latents(latent_dim: int, filters: int) -> None:
    """Raises MisfitError when a generator's first weights do not go into the memory.

    Args:
        latent_dim: length of a latent vector.
        filters: of the generator's first block, which each number of a vector has a
            weight for, at one pixel at least.
    """
    check_memory(
        _BYTES * _OF_A_WEIGHT * latent_dim * filters,
        f"a generator from latent vectors of {latent_dim} numbers, with gradient and "
        "optimizer,",
        ("latent_dim",),
    )


def machine_memory() -> int | None:
    """Bytes of memory of this machine or container; None if it does not tell."""
    known = []
    if hasattr(os, "sysconf"):
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    container = Path("/sys/fs/cgroup/memory.max")
    if container.is_file() and (text := container.read_text().strip()).isdecimal():
        known.append(int(text))
    return min(known, default=None)


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
