"""Training the upsampler: real images, made small, are to become themselves again.

What it learns is supervised, and needs no generator, so that detail comes within
hundreds of steps where adversarial training alone takes many thousands.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from foldergan.gan import losses, mixing
from foldergan.gan.reconstruction import feature_distance
from foldergan.gan.steps import apply_gradients
from foldergan.nn.fast_twin import fast_twin

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
        self._feature_network = feature_network
        self._seed = seed
        self._twin = fast_twin(upsampler, precision)
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
        mixing.calibrate(self._feature_network, images)

    def shrink(self, images: tf.Tensor) -> tf.Tensor:
        """Averages the pixels that the upsampler makes of one.

        Args:
            images: float tensor (n, height, width, channels).
        """
        return tf.nn.avg_pool2d(images, self.factor, self.factor, "VALID")

    def take_step(self, images: tf.Tensor, step: tf.Tensor) -> None:
        """Moves the upsampler and its discriminator by some images of a batch.

        Args:
            images: float32 tensor (n, height, width, channels), -1-1, real ones.
            step: its number, which the noise depends on.
        """
        images = images[::_EVERY]
        small = self.shrink(images)
        noise = tf.random.stateless_normal(tf.shape(small), [self._seed, step])
        weight = _ADVERSARIAL * tf.minimum(1.0, tf.cast(step, tf.float32) / _FADE_IN)
        discriminator_loss, generator_loss = losses.LOSSES["hinge"]
        with tf.GradientTape() as tape:
            enlarged = self._twin(small + _NOISE * noise, training=True)
            self._update_discriminator(
                images, tf.stop_gradient(enlarged), discriminator_loss
            )
            loss = (
                _distance(images, enlarged)
                + _distance(small, self.shrink(enlarged))
                + feature_distance(
                    self._feature_network(images, training=False),
                    self._feature_network(enlarged, training=False),
                )
                + weight * generator_loss(self.discriminator(enlarged))
            )
        apply_gradients(tape, loss, self.upsampler, self._optimizers[1])

    def _update_discriminator(
        self, real_images: tf.Tensor, fake_images: tf.Tensor, loss_of: Any
    ) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(
                self.discriminator(real_images), self.discriminator(fake_images)
            )
        apply_gradients(tape, loss, self.discriminator, self._optimizers[0])


def _distance(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Computes the L1 distance, as a mean."""
    return tf.reduce_mean(tf.abs(one - other))
