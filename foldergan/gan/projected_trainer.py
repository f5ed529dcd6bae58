"""Training through a backbone: heads over it, a light generator, an upsampler.

The features of a backbone tell generated images from real ones by the least detail, and
a light generator of large images learns for long to hide what is fine before it learns
what is coarse. This one draws small images, and an upsampler, which is trained on the
real ones, enlarges them. The features also tell classes apart, and guide the generator
to the class that it is conditioned on.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from foldergan.classifier import linear_head
from foldergan.config.settings import GAN
from foldergan.gan import losses, mixing, networks, upsampler
from foldergan.gan.projection import ProjectedDiscriminator
from foldergan.gan.steps import apply_gradients, fraction_of, mean_of
from foldergan.gan.trainer import AdversarialTrainer
from foldergan.gan.upsampling import Upsampling
from foldergan.images import Resized, to_tanh_range
from foldergan.nn.fast_twin import fast_twin

_CALIBRATED_BY = 128  # images
_CLASSIFIED = 2000  # images at most
_BATCH = 64  # images


class ProjectedTrainer(AdversarialTrainer):
    """Trains heads over a backbone, a light generator and an upsampler.

    Args:
        discriminator: one head for each map and image of the feature network.
        generator: as of `light_generator.build_light_generator`.
        settings: as of `AdversarialTrainer`; its guidance.
        seed: as of `AdversarialTrainer`.
        feature_network: as of `mixing.build_feature_network`, of generated images.
        upsampling: trains what enlarges these; None where they are large enough.
    """

    feature_network: keras.Model  # here there always is one

    def __init__(
        self,
        discriminator: ProjectedDiscriminator,
        generator: keras.Model,
        settings: GAN,
        seed: int,
        feature_network: keras.Model,
        upsampling: Upsampling | None = None,
    ) -> None:
        self._upsampling = upsampling
        super().__init__(discriminator, generator, settings, seed, feature_network)
        self._is_guided = settings.guidance > 0 and self.num_classes > 1
        self._twin = fast_twin(generator, settings.precision)

    def train(
        self,
        images: np.ndarray | Resized,
        epochs: int,
        batch_size: int,
        rows: Sequence[int] | np.ndarray | None = None,
        labels: np.ndarray | None = None,
        *,
        on_step: Callable[[int, int, dict[str, float]], None] = lambda *_: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Trains as `AdversarialTrainer` does, after `prepare`."""
        all_rows = np.arange(len(images)) if rows is None else np.asarray(rows)
        self.prepare(images, labels, all_rows)
        yield from super().train(
            images,
            epochs,
            batch_size,
            all_rows,
            labels,
            on_step=on_step,
            should_stop=should_stop,
        )

    def prepare(
        self, images: np.ndarray | Resized, labels: np.ndarray | None, rows: np.ndarray
    ) -> None:
        """Calibrates the feature networks by real images, and fits what guides.

        Args:
            images: float32 array (n, height, width, channels), 0-1; may lie on disk.
            labels: float32 one-hot array (n, num_classes); none without classes.
            rows: row numbers to train on.
        """
        some = np.unique(np.linspace(0, len(rows) - 1, _CALIBRATED_BY).astype(int))
        real_images = to_tanh_range(images[rows[some]])
        mixing.calibrate(self.feature_network, self._shrunk(real_images))
        if self._upsampling:
            self._upsampling.calibrate(real_images)
        if self._is_guided and labels is not None:
            self._classifier = self._fit_classifier(images, labels, rows)

    def _fit_classifier(
        self, images: np.ndarray | Resized, labels: np.ndarray, rows: np.ndarray
    ) -> linear_head.LinearHead:
        """Fits a linear classifier of the backbone's pooled features of some images."""
        rows = rows[:: -(-len(rows) // _CLASSIFIED)]
        pooled = [
            self.feature_network(
                self._shrunk(to_tanh_range(images[some])), training=False
            )[-1]
            for some in np.array_split(rows, -(-len(rows) // _BATCH))
        ]
        weights = np.ones(self.num_classes, np.float32)
        return linear_head.fit(
            np.concatenate(pooled)[:, None], labels[rows], weights, self.seed
        )

    def alternate(
        self, real_images: tf.Tensor, classes: tf.Tensor, step: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """Moves heads and generator by small images, then the upsampler by large ones.

        Args:
            real_images: float32 tensor (n, height, width, channels), -1-1.
            classes: as of `AdversarialSteps.alternate`.
            step: the same.
        """
        figures = super().alternate(self._shrunk(real_images), classes, step)
        if self._upsampling:
            self._upsampling.take_step(real_images, step)
        return figures

    def _shrunk(self, images: tf.Tensor) -> tf.Tensor:
        """Makes images as small as the generator draws them."""
        return self._upsampling.shrink(images) if self._upsampling else images

    def _drawing_network(self) -> keras.Model:
        if not self._upsampling:
            return self.ema_generator
        return upsampler.join(self.ema_generator, self._upsampling.upsampler)

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | (self._upsampling.parts() if self._upsampling else {})

    def _generate(self, latents: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        return self._twin(networks.encode_classes(latents, classes), training=True)

    def _logits_of(
        self, features: list[tf.Tensor], classes: tf.Tensor
    ) -> list[tf.Tensor]:
        # Spectral normalization moves its vectors in training mode only.
        return [
            losses.logits_of(head(of_head, training=True), classes)
            for head, of_head in zip(self._heads, features, strict=True)
        ]

    def _update_discriminator(
        self,
        real_features: list[tf.Tensor],
        fake_features: list[tf.Tensor],
        classes: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """Updates the heads, which batch-normalize real and fake images separately.

        The statistics of a joint batch would let the heads tell them apart, and the
        generator's loss, which has fake images only, lacks that cue.
        """
        with tf.GradientTape() as tape:
            real = self._logits_of(real_features[:-1], classes)
            fake = self._logits_of(
                [tf.stop_gradient(x) for x in fake_features[:-1]], classes
            )
            pairs = list(zip(real, fake, strict=True))
            d_loss = mean_of([self._discriminator_loss(*pair) for pair in pairs])
        apply_gradients(tape, d_loss, self.discriminator, self.discriminator_optimizer)
        return (
            d_loss,
            mean_of([fraction_of(real > 0) for real, _ in pairs]),
            mean_of([fraction_of(fake <= 0) for _, fake in pairs]),
        )

    def _generator_loss_of(
        self, features: list[tf.Tensor], classes: tf.Tensor
    ) -> tf.Tensor:
        """Adds to the adversarial loss that of another class than the intended one."""
        *of_heads, pooled = features
        loss = super()._generator_loss_of(of_heads, classes)
        if not self._is_guided:
            return loss
        logits = pooled @ self._classifier.kernel + self._classifier.bias
        return loss + self._settings.guidance * tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits(classes, logits)
        )
