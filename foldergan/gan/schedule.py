"""When a GAN training saves, and when it ends."""

import math
import time
from typing import NamedTuple

from foldergan.config.settings import GAN
from foldergan.data.splits import epochs_of


class Schedule(NamedTuple):
    """The lengths of a training on so many images.

    Attributes:
        epochs: of the whole training; None: only time ends it.
        save_every: epochs until the first checkpoint.
        batch_size: images a discriminator step, half real, half fake.
        save_growth: factor from each distance between checkpoints to the next.
    """

    epochs: int | None
    save_every: int
    batch_size: int
    save_growth: float

    def has_save(self, epoch: int) -> bool:
        """Tells whether an epoch, from 1, ends with a checkpoint; the last always does.

        The distances are save_every times 1, save_growth, save_growth squared and so
        on, each rounded. Nothing else counts, so that a resumed run saves at the epochs
        of an unbroken one.
        """
        saved, saves = 0, 0
        while saved < epoch:
            saved += round(self.save_every * self.save_growth**saves)
            saves += 1
        return epoch in (saved, self.epochs)


class TimeLimit:
    """Ends a training at the end of an epoch, the one that is nearest to a time.

    The next epoch is expected to take as long as the last one. The first always runs
    to its end. Time counts from when this is made.

    Args:
        hours: that the training may take; 0: no limit.
    """

    def __init__(self, hours: float) -> None:
        self._last = time.monotonic()  # when the last epoch ended
        self._end = self._last + (hours * 3600 or math.inf)

    def seconds_left(self) -> float:
        """Tells how long it is until then; less than nothing after it."""
        return self._end - time.monotonic()

    def is_reached(self) -> bool:
        """Tells at the end of each epoch whether the training ends there."""
        now = time.monotonic()
        half_epoch = (now - self._last) / 2
        self._last = now
        return now + half_epoch >= self._end


def plan(settings: GAN, num_images: int) -> Schedule:
    """Fits a schedule to the number of images, and says where a batch shrinks."""
    batch_size = min(settings.batch_size, 2 * num_images)
    if batch_size < settings.batch_size:
        print(
            f"{num_images} images are fewer than half a batch of "
            f"{settings.batch_size}: the batch shrinks to {batch_size}"
        )
    of_images = (num_images, batch_size // 2)
    epochs = settings.epochs
    if epochs is not None:
        epochs = epochs_of(epochs, settings.least_steps, *of_images)
    save_every = epochs_of(settings.save_every, settings.save_steps, *of_images)
    return Schedule(epochs, save_every, batch_size, settings.save_growth)
