"""Training the upsampler: real images, made small, are to become themselves again.

What it learns is supervised, and needs no generator, so that detail comes within
hundreds of steps where adversarial training alone takes many thousands.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from foldergan import engine
from foldergan.gan import losses, mixing
from foldergan.gan.reconstruction import feature_distance
from foldergan.gan.steps import minimize
from foldergan.images import Tensor
from foldergan.nn import routes

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
        upsampler: as of `upsampler.build_upsampler`.
        discriminator: as of `projected_heads.build_patch_head`, without classes.
        feature_network: as of `mixing.build_feature_network`, of the large images.
        seed: of the noise.
        precision: "float32", or "bfloat16" for convolutions.

    Attributes:
        upsampler: as given.
        discriminator: the same.
        feature_network: the same.
        factor: by which images are enlarged.
    """

    def __init__(
        self,
        upsampler: keras.Model,
        discriminator: keras.Model,
        feature_network: keras.Model,
        seed: int,
        precision: str = "float32",
    ) -> None:
        self.upsampler = upsampler
        self.discriminator = discriminator
        self.feature_network = feature_network
        self._seed = seed
        self._enlarge = routes.trained(upsampler, precision)
        self.factor = upsampler.output_shape[1] // upsampler.input_shape[1]
        self._optimizers = [
            keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.99)
            for rate in (_DISCRIMINATOR_RATE, _UPSAMPLER_RATE)
        ]
        for optimizer, network in zip(
            self._optimizers, (discriminator, upsampler), strict=True
        ):
            optimizer.build(network.trainable_variables)

    def parts(self) -> dict[str, Any]:
        """Names all that training changes."""
        return {
            "upsampler": self.upsampler,
            "upsampler_discriminator": self.discriminator,
            "upsampler_discriminator_optimizer": self._optimizers[0],
            "upsampler_optimizer": self._optimizers[1],
        }

    def calibrate(self, images: np.ndarray) -> None:
        """Calibrates the feature network, as `mixing.calibrate` does."""
        mixing.calibrate(self.feature_network, images)

    def shrink(self, images: Tensor) -> Tensor:
        """Averages the pixels that the upsampler makes of one.

        Args:
            images: float tensor (n, height, width, channels).
        """
        return ops.average_pool(images, self.factor, self.factor)

    def take_step(self, images: Tensor, step: Tensor) -> None:
        """Moves the upsampler and its discriminator by some images of a batch.

        Args:
            images: float32 tensor (n, height, width, channels), -1-1, real ones.
            step: its number, which the noise depends on.
        """
        images = engine.every(_EVERY, images)
        small = self.shrink(images)
        noise = engine.normal(ops.shape(small), ops.stack([self._seed, step]))
        weight = _ADVERSARIAL * ops.minimum(1.0, ops.cast(step, "float32") / _FADE_IN)
        discriminator_loss, generator_loss = losses.LOSSES["hinge"]

        def loss() -> tuple[Tensor, None]:
            enlarged = self._enlarge(small + _NOISE * noise)
            self._update_discriminator(
                images, ops.stop_gradient(enlarged), discriminator_loss
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

        minimize(loss, self.upsampler, self._optimizers[1])

    def _update_discriminator(
        self, real_images: Tensor, fake_images: Tensor, loss_of: Any
    ) -> None:
        def loss() -> tuple[Tensor, None]:
            real_logits = self.discriminator(real_images)
            return loss_of(real_logits, self.discriminator(fake_images)), None

        minimize(loss, self.discriminator, self._optimizers[0])


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """Computes the L1 distance, as a mean."""
    return ops.mean(ops.abs(one - other))
