"""Training the upsampler: downsampled real images are to become themselves again.

What it learns is supervised, and needs no generator, so that detail comes within
hundreds of steps where adversarial training alone takes many thousands.
"""

from typing import Any

import keras
from keras import ops

from foldergan import engine
from foldergan.gan import losses, photographs
from foldergan.images import Tensor

_UPSAMPLER_RATE = 1e-3  # learning rate
_DISCRIMINATOR_RATE = 4e-4
_ADVERSARIAL = 0.1  # weight of the adversarial loss
_FADE_IN = 200  # steps until it has that weight
_EVERY = 4  # of a batch's images one in so many: each costs as much as a generated one
_NOISE = 0.05  # standard deviation of what is added to small images, against trust


class Upsampling:
    """Trains an upsampler beside a generator.

    Its loss is the L1 distance of pixels, of downsampled pixels, and of the mixed
    maps of a backbone (a perceptual loss: Johnson et al., Perceptual Losses for
    Real-Time Style Transfer and Super-Resolution, 2016), and an adversarial one of
    patches.

    The networks are those of `photographs.Networks.upsampling`; the seed is of noise.
    """

    def __init__(
        self,
        upsampler: keras.Model,
        discriminator: keras.Model,
        feature_network: keras.Model,
        seed: int,
    ) -> None:
        self.upsampler, self.discriminator = upsampler, discriminator
        self.feature_network = feature_network
        self._seed = seed
        self._factor = upsampler.output_shape[1] // upsampler.input_shape[1]
        self._discriminator_optimizer, self._optimizer = (
            keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99)
            for rate in (_DISCRIMINATOR_RATE, _UPSAMPLER_RATE)
        )
        self._discriminator_optimizer.build(discriminator.trainable_variables)
        self._optimizer.build(upsampler.trainable_variables)

    def parts(self) -> dict[str, Any]:
        """Names all that training changes."""
        return {
            "upsampler": self.upsampler,
            "upsampler_discriminator": self.discriminator,
            "upsampler_discriminator_optimizer": self._discriminator_optimizer,
            "upsampler_optimizer": self._optimizer,
        }

    def shrink(self, images: Tensor) -> Tensor:
        """Averages the pixels, float (n, height, width, channels), that become one."""
        return ops.average_pool(images, self._factor, self._factor)

    def step(self, images: Tensor, number: Tensor) -> None:
        """Updates the upsampler and its discriminator by some real images of a batch.

        The noise depends on the number of the step.
        """
        images = every(_EVERY, images)
        small = self.shrink(images)
        noise = engine.normal(ops.shape(small), ops.stack([self._seed, number]))
        weight = _ADVERSARIAL * ops.minimum(1.0, ops.cast(number, "float32") / _FADE_IN)
        discriminator_loss, generator_loss = losses.LOSSES["hinge"]

        def loss_of_discriminator(enlarged: Tensor) -> tuple[Tensor, None]:
            real_logits = self.discriminator(images)
            return discriminator_loss(real_logits, self.discriminator(enlarged)), None

        def loss() -> tuple[Tensor, None]:
            enlarged = self.upsampler(small + _NOISE * noise, training=True)
            fixed = ops.stop_gradient(enlarged)
            engine.minimize(
                lambda: loss_of_discriminator(fixed),
                self.discriminator,
                self._discriminator_optimizer,
            )
            distance = (
                _distance(images, enlarged)
                + _distance(small, self.shrink(enlarged))
                + feature_distance(
                    self.feature_network(images, training=False),
                    self.feature_network(enlarged, training=False),
                )
            )
            adversarial = generator_loss(self.discriminator(enlarged))
            return distance + weight * adversarial, None

        engine.minimize(loss, self.upsampler, self._optimizer)


def every(number: int, rows: Tensor) -> Tensor:
    """Takes each `number`-th row from the first on; slices have slow gradients."""
    return ops.take(rows, ops.arange(0, ops.shape(rows)[0], number), axis=0)


def feature_distance(reals: list[Tensor], fakes: list[Tensor]) -> Tensor:
    """Computes the L1 distance of mixed maps; all maps weigh the same."""
    pairs = zip(photographs.maps_of(reals), photographs.maps_of(fakes), strict=True)
    return losses.mean_of([_distance(*pair) for pair in pairs])


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return ops.mean(ops.abs(one - other))
