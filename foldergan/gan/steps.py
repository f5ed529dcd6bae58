"""The alternating steps of a GAN.

Each step names the variables of the one network that it moves. No `trainable`
flag is switched: on Keras 3 a discriminator that was compiled and then frozen
inside a combined model silently never trains.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from foldergan import engine
from foldergan.config.settings import GAN
from foldergan.gan import losses, networks
from foldergan.images import Tensor
from foldergan.nn import routes
from foldergan.nn.augmentation import augment

# Losses and accuracies, scalars.
_Figures = tuple[Tensor, ...]
# What augmentation's seed tells apart: images of one step and their use.
_REAL, _FAKE, _GENERATOR = range(3)


class AdversarialSteps:
    """Moves a discriminator and a generator in turn.

    All randomness derives from the seed and the number of the step, or is a variable
    of the networks.

    Args:
        discriminator: images -1-1 in, 1 + num_classes outputs (projection); or, with
            a `feature_network`, one of `projection`.
        generator: inputs of `networks.encode_classes` in; images -1-1 out. Both of as
            many classes, or of none.
        settings: learning rates, betas, loss, augmentation, ema, precision, latents.
        seed: of the order of the images, of the latent vectors and augmentation.
        feature_network: images -1-1 in, a list of what the heads of the discriminator
            look at out; never trained. None where it looks at the images.

    Attributes:
        feature_network: as given.
        ema_generator: the exponential moving average; the generator itself where there
            is none.
        inference_generator: what draws with it, for files and samples.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        generator: keras.Model,
        settings: GAN,
        seed: int,
        feature_network: keras.Model | None = None,
    ) -> None:
        self.discriminator = discriminator
        self.generator = generator
        self.seed = seed
        self._settings = settings
        self.discriminator_optimizer, self.generator_optimizer = (
            keras.optimizers.Adam(rate, beta_1=settings.beta_1, beta_2=settings.beta_2)
            for rate in (
                settings.discriminator_learning_rate,
                settings.generator_learning_rate,
            )
        )
        # Built now, so that a state can be restored before the first step.
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        self.generator_optimizer.build(generator.trainable_variables)
        self.ema_generator = generator
        if settings.ema:
            self.ema_generator = keras.models.clone_model(generator)
            self.ema_generator.set_weights(generator.get_weights())
        self._discriminator_loss, self._generator_loss = losses.LOSSES[settings.loss]
        self.feature_network = feature_network
        self._heads = discriminator.heads if feature_network else [discriminator]
        self._run_generator = routes.trained(generator, settings.computed_in)
        self._run_heads = [self._prepared(head) for head in self._heads]
        self.num_classes = self._heads[0].output_shape[-1] - 1
        self.latent_dim = generator.input_shape[1] - self.num_classes
        self.inference_generator = networks.inference_generator(
            self._drawing_network(), self.num_classes
        )

    def _drawing_network(self) -> keras.Model:
        """What makes images of the generator's inputs, for files and samples."""
        return self.ema_generator

    def discriminator_step(
        self,
        real_images: Tensor,
        fake_images: Tensor,
        classes: Tensor,
        step: Tensor | int = 0,
    ) -> _Figures:
        """Moves the discriminator's trainable variables, and no others.

        Args:
            real_images: float32 tensor (n, height, width, channels), -1-1.
            fake_images: the same, of generated images.
            classes: one-hot float32 tensor (n, num_classes), of both alike.
            step: its number, which augmentation depends on.

        Returns:
            d_loss, and the accuracy on real and on fake images before the update.
        """
        return self._update_discriminator(
            self._features_of(real_images, step, _REAL),
            self._features_of(fake_images, step, _FAKE),
            classes,
        )

    def generator_step(
        self, latents: Tensor, classes: Tensor, step: Tensor | int = 0
    ) -> Tensor:
        """Moves the generator's trainable variables, and no others.

        Args:
            latents: float32 tensor (n, latent_dim).
            classes: one-hot float32 tensor (n, num_classes).
            step: its number, which augmentation depends on.

        Returns:
            g_loss.
        """

        def loss() -> tuple[Tensor, None]:
            fake_images = self._generate(latents, classes)
            features = self._features_of(fake_images, step, _GENERATOR)
            return self._generator_loss_of(features, classes), None

        g_loss, _ = minimize(loss, self.generator, self.generator_optimizer)
        return g_loss

    def alternate(self, real_images: Tensor, classes: Tensor, step: Tensor) -> _Figures:
        """Moves the discriminator, then the generator, then the average.

        Args:
            real_images: float32 tensor (n, height, width, channels), -1-1.
            classes: one-hot float32 tensor (n, num_classes); fakes are of the same,
                so that no class is rarer among them.
            step: its number, which all randomness depends on.

        Returns:
            d_loss, g_loss, and the accuracy on real and on fake images.
        """
        is_fresh = self._settings.latents == "fresh"
        step_once = self._step_afresh if is_fresh else self._step_shared
        logs = step_once(real_images, classes, step)
        self._update_ema(ops.shape(real_images)[0])
        return logs

    def _step_afresh(
        self, real_images: Tensor, classes: Tensor, step: Tensor
    ) -> _Figures:
        """Samples fakes of its own for each network."""
        num_real = ops.shape(real_images)[0]
        fake_images = self._generate(self._latents(num_real, step, 0), classes)
        d_loss, *accuracies = self.discriminator_step(
            real_images, fake_images, classes, step
        )
        g_loss = self.generator_step(
            self._latents(2 * num_real, step, 1),
            ops.concatenate([classes, classes], axis=0),
            step,
        )
        return d_loss, g_loss, *accuracies

    def _step_shared(
        self, real_images: Tensor, classes: Tensor, step: Tensor
    ) -> _Figures:
        """Shows one batch of fakes to both networks."""
        num_real = ops.shape(real_images)[0]
        fakes_per_real = 1 if self._settings.latents == "half" else 2
        fake_classes = ops.concatenate([classes] * fakes_per_real, axis=0)

        def loss() -> tuple[Tensor, _Figures]:
            latents = self._latents(fakes_per_real * num_real, step, 1)
            fake_images = self._generate(latents, fake_classes)
            fake_features = self._features_of(fake_images, step, _FAKE)
            figures = self._update_discriminator(
                self._features_of(real_images, step, _REAL),
                [features[:num_real] for features in fake_features],
                classes,
            )
            return self._generator_loss_of(fake_features, fake_classes), figures

        g_loss, (d_loss, *accuracies) = minimize(
            loss, self.generator, self.generator_optimizer
        )
        return d_loss, g_loss, *accuracies

    def _update_discriminator(
        self,
        real_features: list[Tensor],
        fake_features: list[Tensor],
        classes: Tensor,
    ) -> _Figures:
        """Moves the discriminator by the features of real and of fake images."""
        features = [
            ops.concatenate([real, ops.stop_gradient(fake)], axis=0)
            for real, fake in zip(real_features, fake_features, strict=True)
        ]

        def loss() -> tuple[Tensor, list[list[Tensor]]]:
            logits = self._logits_of(features, ops.concatenate([classes, classes], 0))
            pairs = [ops.split(of_head, 2) for of_head in logits]
            return losses.mean_of(
                [self._discriminator_loss(*pair) for pair in pairs]
            ), pairs

        d_loss, pairs = minimize(loss, self.discriminator, self.discriminator_optimizer)
        return d_loss, *losses.accuracies_of(pairs)

    def _generator_loss_of(self, features: list[Tensor], classes: Tensor) -> Tensor:
        logits = self._logits_of(features, classes)
        return losses.mean_of([self._generator_loss(of_head) for of_head in logits])

    def _update_ema(self, num_real: Tensor) -> None:
        """Moves the average on, faster at first, when it is of few images.

        Half-life and warm-up as in Karras et al., Analyzing and Improving the Image
        Quality of StyleGAN, 2020, in their code: never longer than a twentieth of the
        images so far.
        """
        if not self._settings.ema:
            return
        steps = ops.cast(self.generator_optimizer.iterations, "float32")
        count = ops.cast(num_real, "float32")
        half_life = ops.minimum(float(self._settings.ema), 0.05 * steps * count)
        kept = 0.5 ** (count / half_life)
        for mean, now in zip(
            self.ema_generator.weights, self.generator.weights, strict=True
        ):
            mean.assign(now + kept * (mean - now))

    def _features_of(
        self, images: Tensor, step: Tensor | int, use: int
    ) -> list[Tensor]:
        """Augments images and computes what each head of the discriminator looks at."""
        seed = engine.fold_in(ops.stack([self.seed, step]), use)
        images = augment(images, self._settings.augmentation, seed)
        if self.feature_network is None:
            return [images]
        return self.feature_network(images, training=False)

    def _generate(self, latents: Tensor, classes: Tensor) -> Tensor:
        return self._run_generator(networks.encode_classes(latents, classes))

    def _prepared(self, head: keras.Model) -> Callable[[Tensor], Tensor]:
        return routes.trained(head, self._settings.computed_in)

    def _logits_of(self, features: list[Tensor], classes: Tensor) -> list[Tensor]:
        """Returns each head's logits of being real."""
        return [
            losses.logits_of(run_head(of_head), classes)
            for run_head, of_head in zip(self._run_heads, features, strict=True)
        ]

    def _latents(self, count: Tensor, step: Tensor, use: int) -> Tensor:
        """Samples latent vectors that depend on the seed, the step and the use only."""
        shape = (count, self.latent_dim)
        return engine.normal(shape, ops.stack([self.seed, 2 * step + use]))


def minimize(
    function: Callable[[], tuple[Tensor, Any]],
    network: keras.Model,
    optimizer: keras.Optimizer,
) -> tuple[Tensor, Any]:
    """Moves the trainable variables of one network, named here, and no others.

    Args:
        function: returns the loss, a scalar, and anything else.
        network: whose variables move.
        optimizer: that moves them.

    Returns:
        What the function returned.
    """
    variables = network.trainable_variables
    returned, gradients = engine.value_and_gradients(function, variables)
    optimizer.apply(gradients, variables)
    return returned
