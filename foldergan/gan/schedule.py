"""How long a GAN training is, how often it saves, and what it may go on with."""

from dataclasses import asdict
from typing import Any, NamedTuple

from foldergan.config.settings import GAN
from foldergan.data.batches import epochs_of

# What may be another when a training goes on.
_MAY_CHANGE = (
    "epochs",
    "least_steps",
    "save_every",
    "save_steps",
    "patience",
    "saves",
)
# What says nothing without a backbone; states of before there were any lack them.
_OF_BACKBONE = (
    "backbone",
    "warm_up_steps",
    "blur_steps",
    "reconstruction",
    "guidance",
    "code_size",
)


class Schedule(NamedTuple):
    """The lengths of a training on so many images.

    Attributes:
        epochs: of the whole training.
        save_every: epochs between saves.
        batch_size: images a discriminator step, half real, half fake.
    """

    epochs: int
    save_every: int
    batch_size: int

    def has_save(self, epoch: int) -> bool:
        """Tells whether an epoch, from 1, ends with a save; the last always does."""
        return epoch == self.epochs or epoch % self.save_every == 0


def plan(settings: GAN, num_images: int) -> Schedule:
    """Fits a schedule to the number of images, and says where a batch shrinks.

    Args:
        settings: its epochs, save_every, least_steps, save_steps and batch_size.
        num_images: to train on.
    """
    batch_size = min(settings.batch_size, 2 * num_images)
    if batch_size < settings.batch_size:
        print(
            f"{num_images} images are fewer than half a batch of "
            f"{settings.batch_size}: the batch shrinks to {batch_size}"
        )
    of_images = (num_images, batch_size // 2)
    return Schedule(
        epochs_of(settings.epochs, settings.least_steps, *of_images),
        epochs_of(settings.save_every, settings.save_steps, *of_images),
        batch_size,
    )


def resume_key(settings: GAN, **others: Any) -> dict[str, Any]:
    """Names everything that must be the same when a training goes on.

    Args:
        settings: all of them but its lengths and what it writes.
        others: further JSON values, such as a fingerprint of the images.
    """
    left_out = set(_MAY_CHANGE)
    if settings.backbone == "none":
        left_out |= set(_OF_BACKBONE)
    return {k: v for k, v in asdict(settings).items() if k not in left_out} | others
