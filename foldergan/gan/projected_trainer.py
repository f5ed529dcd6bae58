"""Training through a backbone: first reconstruction, then adversarial.

The features of a backbone tell the images of an untrained generator from real ones at
once. So it has a warm-up, in which it reconstructs the training images from their
codes, see `codes`; then all of each batch has an adversarial loss, and half of it a
reconstruction loss too, which keeps colours, shapes and variety. The features also tell
classes apart, and guide the generator to the class that it is conditioned on. It draws
small images, which it learns sooner; `upsampling` trains what enlarges them.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from foldergan import engine
from foldergan.classifier import linear_head
from foldergan.config.settings import GAN
from foldergan.gan import losses, mixing, upsampler
from foldergan.gan.codes import ImageCodes
from foldergan.gan.projection import ProjectedDiscriminator
from foldergan.gan.reconstruction import reconstruction_loss
from foldergan.gan.steps import minimize
from foldergan.gan.trainer import AdversarialTrainer
from foldergan.gan.upsampling import Upsampling
from foldergan.images import Resized, Tensor, to_tanh_range
from foldergan.nn.augmentation import augment

_WARM_UP_RATE = 1e-3  # learning rate
_WARM_UP_PIXELS = 2.0  # weight of the pixels beside that of the mixed maps
_PIXELS = 3.0  # the same after the warm-up
_CALIBRATED_BY = 128  # images
_CLASSIFIED = 2000  # images at most
_BATCH = 64  # images


class ProjectedTrainer(AdversarialTrainer):
    """Trains heads over a backbone, a light generator and an upsampler.

    Args:
        discriminator: one head for each map and image of the feature network.
        generator: as of `light_generator.build_light_generator`.
        settings: as of `AdversarialTrainer`, where latents is always "half"; its
            warm_up_steps, reconstruction, guidance and code_size.
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
        self.warm_up_optimizer = keras.optimizers.Adam(_WARM_UP_RATE, 0.5, 0.99)
        self.warm_up_optimizer.build(generator.trainable_variables)
        self._code_size = min(settings.code_size, self.latent_dim)
        self._codes = np.empty((0, 2, self._code_size), np.float32)
        self._compiled_warm_up, self._compiled_adversarial = (
            self._compiled(step, self.num_classes + self._code_size)
            for step in (self._warm_up_step, self._adversarial_step)
        )
        self._compiled_step = self._take_step

    def prepare(
        self, images: np.ndarray | Resized, labels: np.ndarray, rows: np.ndarray
    ) -> None:
        """Calibrates the feature networks, computes codes, and fits what guides.

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
        self._codes = ImageCodes(
            self.feature_network,
            images,
            self._shrunk,
            labels,
            rows,
            self._code_size,
            is_mirrored="mirror" in self._settings.augmentation,
        ).values
        if self._is_guided:
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

    def _read(
        self,
        images: np.ndarray | Resized,
        labels: np.ndarray,
        batch: np.ndarray,
        own: slice,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads images, half of them mirrored if asked to, their classes and codes."""
        rng = np.random.default_rng((self.seed, self._step))
        views = self._codes.shape[1]  # the image, and its mirror image if mirrored
        rows, is_mirrored = batch[own], rng.integers(0, views, len(batch))[own]
        reals = to_tanh_range(images[rows])
        reals[is_mirrored == 1] = reals[is_mirrored == 1, :, ::-1]
        codes = self._codes[rows, is_mirrored]
        return reals, np.concatenate([labels[rows], codes], axis=1)

    def _take_step(
        self, images: np.ndarray, conditions: np.ndarray, step: np.int32
    ) -> tuple[Tensor, ...]:
        """Takes a step of the warm-up or an adversarial one, by its number."""
        if step < self._settings.warm_up_steps:
            return self._compiled_warm_up(images, conditions, step)
        if step == self._settings.warm_up_steps:  # its epoch may have begun before
            self._sums[:] = 0
            self._count = 0
        return self._compiled_adversarial(images, conditions, step)

    def _means(self) -> dict[str, float]:
        means = super()._means()
        if self._step > self._settings.warm_up_steps:
            return means
        return {"reconstruction_loss": means["g_loss"]}

    def _warm_up_step(
        self, images: Tensor, conditions: Tensor, step: Tensor
    ) -> tuple[Tensor, ...]:
        """Updates the generator by reconstruction; figures of the heads are 0."""
        reals = self._shrunk(images)
        classes, codes = self._split(conditions)

        def loss_of() -> tuple[Tensor, None]:
            fakes = self._generate(self._latents_with(codes, step, every=1), classes)
            loss = reconstruction_loss(
                reals,
                fakes,
                self.feature_network(reals, training=False),
                self.feature_network(fakes, training=False),
                _WARM_UP_PIXELS,
            )
            return loss, None

        loss, _ = minimize(loss_of, self.generator, self.warm_up_optimizer)
        self._finish_step(images, step)
        zero = ops.zeros(())
        return zero, loss, zero, zero

    def _adversarial_step(
        self, images: Tensor, conditions: Tensor, step: Tensor
    ) -> tuple[Tensor, ...]:
        """Updates both networks; every other fake image reconstructs a real one.

        Both are augmented alike, so that they can be compared.
        """
        classes, codes = self._split(conditions)
        seed = engine.fold_in(ops.stack([self.seed, step]), 0)
        reals = self._augmented(self._shrunk(images), seed)

        def loss_of() -> tuple[Tensor, Any]:
            fakes = self._generate(self._latents_with(codes, step, every=2), classes)
            fakes = self._augmented(fakes, seed)
            real_features, fake_features = (
                self.feature_network(x, training=False) for x in (reals, fakes)
            )
            figures = self._update_discriminator(real_features, fake_features, classes)
            loss = g_loss = self._generator_loss_of(fake_features, classes)
            if self._settings.reconstruction:
                loss += self._settings.reconstruction * reconstruction_loss(
                    engine.every(2, reals),
                    engine.every(2, fakes),
                    [engine.every(2, of_all) for of_all in real_features],
                    [engine.every(2, of_all) for of_all in fake_features],
                    _PIXELS,
                )
            return loss, (g_loss, figures)

        _, (g_loss, (d_loss, *accuracies)) = minimize(
            loss_of, self.generator, self.generator_optimizer
        )
        self._finish_step(images, step)
        return d_loss, g_loss, *accuracies

    def _augmented(self, images: Tensor, seed: Tensor) -> Tensor:
        """Augments images that `_read` has mirrored already."""
        changes = tuple(x for x in self._settings.augmentation if x != "mirror")
        return augment(images, changes, seed)

    def _finish_step(self, images: Tensor, step: Tensor) -> None:
        """Moves the average on, and the upsampler by the images as they are."""
        self._update_ema(ops.shape(images)[0])
        if self._upsampling:
            self._upsampling.take_step(images, step)

    def _split(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Splits what `_read` joined into classes and codes."""
        return conditions[:, : self.num_classes], conditions[:, self.num_classes :]

    def _latents_with(self, codes: Tensor, step: Tensor, every: int) -> Tensor:
        """Samples latent vectors, of which each `every`-th begins with its code."""
        count = ops.shape(codes)[0]
        latents = self._latents(count, step, 1)
        is_coded = (ops.arange(count) % every == 0)[:, None]
        first = ops.where(is_coded, codes, latents[:, : self._code_size])
        return ops.concatenate([first, latents[:, self._code_size :]], axis=1)

    def _shrunk(self, images: Tensor) -> Tensor:
        """Makes images as small as the generator draws them."""
        return self._upsampling.shrink(images) if self._upsampling else images

    def _drawing_network(self) -> keras.Model:
        if not self._upsampling:
            return self.ema_generator
        return upsampler.join(self.ema_generator, self._upsampling.upsampler)

    def _parts(self) -> dict[str, Any]:
        return (
            super()._parts()
            | {"warm_up_optimizer": self.warm_up_optimizer}
            | (self._upsampling.parts() if self._upsampling else {})
        )

    def _frozen(self) -> list[keras.Model]:
        others = [self._upsampling.feature_network] if self._upsampling else []
        return [*super()._frozen(), *others]

    def _prepared(self, head: keras.Model) -> Callable[[Tensor], Tensor]:
        # Spectral normalization moves its vectors in training mode only.
        return lambda features: head(features, training=True)

    def _update_discriminator(
        self,
        real_features: list[Tensor],
        fake_features: list[Tensor],
        classes: Tensor,
    ) -> tuple[Tensor, ...]:
        """Updates the heads, which batch-normalize real and fake images separately.

        The statistics of a joint batch would let the heads tell them apart, and the
        generator's loss, which has fake images only, lacks that cue.
        """

        def loss_of() -> tuple[Tensor, Any]:
            real = self._logits_of(real_features[:-1], classes)
            fake = self._logits_of(
                [ops.stop_gradient(x) for x in fake_features[:-1]], classes
            )
            pairs = list(zip(real, fake, strict=True))
            return losses.mean_of(
                [self._discriminator_loss(*pair) for pair in pairs]
            ), pairs

        d_loss, pairs = minimize(
            loss_of, self.discriminator, self.discriminator_optimizer
        )
        return d_loss, *losses.accuracies_of(pairs)

    def _generator_loss_of(self, features: list[Tensor], classes: Tensor) -> Tensor:
        """Adds to the adversarial loss that of another class than the intended one."""
        *of_heads, pooled = features
        loss = super()._generator_loss_of(of_heads, classes)
        if not self._is_guided:
            return loss
        logits = pooled @ self._classifier.kernel + self._classifier.bias
        return loss + self._settings.guidance * ops.mean(
            ops.categorical_crossentropy(classes, logits, from_logits=True)
        )
