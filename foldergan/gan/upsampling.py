"""Training the upsampler: real images, made small, are to become themselves again.

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

    Its loss is the L1 distance of pixels, of pixels made small again, and of the mixed
    maps of a backbone (a perceptual loss: Johnson et al., Perceptual Losses for
    Real-Time Style Transfer and Super-Resolution, 2016), and an adversarial one of
    patches.

    Args:
        upsampler: as of `photographs.build_upsampler`.
        discriminator: as of `photographs.build_patch_head`, without classes.
        feature_network: as of `photographs.build_feature_network`, of large images.
        seed: of the noise.
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
        self.factor = upsampler.output_shape[1] // upsampler.input_shape[1]
        self._discriminator_optimizer, self._optimizer = (
            keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99)
            for rate in (_DISCRIMINATOR_RATE, _UPSAMPLER_RATE)
        )
        self._discriminator_optimizer.build(discriminator.trainable_variables)
        self._optimizer.build(upsampler.trainable_variables)

    @classmethod
    def of(cls, parts: photographs.Networks, seed: int) -> "Upsampling | None":
        """Takes those networks that it trains; None where there are none."""
        if parts.upsampler is None:
            return None
        return cls(
            parts.upsampler,
            parts.upsampler_discriminator,
            parts.upsampler_features,
            seed,
        )

    def parts(self) -> dict[str, Any]:
        """Names all that training changes."""
        return {
            "upsampler": self.upsampler,
            "upsampler_discriminator": self.discriminator,
            "upsampler_discriminator_optimizer": self._discriminator_optimizer,
            "upsampler_optimizer": self._optimizer,
        }

    def shrink(self, images: Tensor) -> Tensor:
        """Averages the pixels that the upsampler makes of one.

        Args:
            images: float tensor (n, height, width, channels).
        """
        return ops.average_pool(images, self.factor, self.factor)

    def step(self, images: Tensor, number: Tensor) -> None:
        """Moves the upsampler and its discriminator by some images of a batch.

        Args:
            images: float32 tensor (n, height, width, channels), -1-1, real ones.
            number: of the step, which the noise depends on.
        """
        images = engine.every(_EVERY, images)
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
            return distance + weight * generator_loss(
                self.discriminator(enlarged)
            ), None

        engine.minimize(loss, self.upsampler, self._optimizer)


def feature_distance(reals: list[Tensor], fakes: list[Tensor]) -> Tensor:
    """Computes the L1 distance of mixed maps, which weigh the same.

    Args:
        reals: what a feature network returns for real images.
        fakes: the same, for generated ones.
    """
    pairs = zip(photographs.maps_of(reals), photographs.maps_of(fakes), strict=True)
    return losses.mean_of([_distance(*pair) for pair in pairs])


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """Computes the L1 distance, as a mean."""
    return ops.mean(ops.abs(one - other))
