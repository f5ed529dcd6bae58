"""The alternating steps of a GAN: the only file of it that differentiates.

Each step names the variables of the one network that it moves. No `trainable`
flag is switched: on Keras 3 a discriminator that was compiled and then frozen
inside a combined model silently never trains.
"""

import keras
import tensorflow as tf

from foldergan.config.settings import GAN
from foldergan.gan import losses, networks
from foldergan.nn import fast_layers
from foldergan.nn.augmentation import augment

# Losses and accuracies, scalars.
_Figures = tuple[tf.Tensor, ...]
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
        real_images: tf.Tensor,
        fake_images: tf.Tensor,
        classes: tf.Tensor,
        step: tf.Tensor | int = 0,
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
        self, latents: tf.Tensor, classes: tf.Tensor, step: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Moves the generator's trainable variables, and no others.

        Args:
            latents: float32 tensor (n, latent_dim).
            classes: one-hot float32 tensor (n, num_classes).
            step: its number, which augmentation depends on.

        Returns:
            g_loss.
        """
        with tf.GradientTape() as tape:
            fake_images = self._generate(latents, classes)
            features = self._features_of(fake_images, step, _GENERATOR)
            g_loss = self._generator_loss_of(features, classes)
        apply_gradients(tape, g_loss, self.generator, self.generator_optimizer)
        return g_loss

    def alternate(
        self, real_images: tf.Tensor, classes: tf.Tensor, step: tf.Tensor
    ) -> _Figures:
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
        self._update_ema(tf.shape(real_images)[0])
        return logs

    def _step_afresh(
        self, real_images: tf.Tensor, classes: tf.Tensor, step: tf.Tensor
    ) -> _Figures:
        """Samples fakes of its own for each network."""
        num_real = tf.shape(real_images)[0]
        fake_images = self._generate(self._latents(num_real, step, 0), classes)
        d_loss, *accuracies = self.discriminator_step(
            real_images, fake_images, classes, step
        )
        g_loss = self.generator_step(
            self._latents(2 * num_real, step, 1),
            tf.concat([classes, classes], axis=0),
            step,
        )
        return d_loss, g_loss, *accuracies

    def _step_shared(
        self, real_images: tf.Tensor, classes: tf.Tensor, step: tf.Tensor
    ) -> _Figures:
        """Shows one batch of fakes to both networks."""
        num_real = tf.shape(real_images)[0]
        fakes_per_real = 1 if self._settings.latents == "half" else 2
        fake_classes = tf.concat([classes] * fakes_per_real, axis=0)
        with tf.GradientTape() as tape:
            latents = self._latents(fakes_per_real * num_real, step, 1)
            fake_images = self._generate(latents, fake_classes)
            fake_features = self._features_of(fake_images, step, _FAKE)
            d_loss, *accuracies = self._update_discriminator(
                self._features_of(real_images, step, _REAL),
                [features[:num_real] for features in fake_features],
                classes,
            )
            g_loss = self._generator_loss_of(fake_features, fake_classes)
        apply_gradients(tape, g_loss, self.generator, self.generator_optimizer)
        return d_loss, g_loss, *accuracies

    def _update_discriminator(
        self,
        real_features: list[tf.Tensor],
        fake_features: list[tf.Tensor],
        classes: tf.Tensor,
    ) -> _Figures:
        """Moves the discriminator by the features of real and of fake images."""
        features = [
            tf.concat([real, tf.stop_gradient(fake)], axis=0)
            for real, fake in zip(real_features, fake_features, strict=True)
        ]
        with tf.GradientTape() as tape:
            logits = self._logits_of(features, tf.concat([classes, classes], axis=0))
            pairs = [tf.split(of_head, 2) for of_head in logits]
            d_loss = mean_of([self._discriminator_loss(*pair) for pair in pairs])
        apply_gradients(tape, d_loss, self.discriminator, self.discriminator_optimizer)
        real_accuracy = mean_of([fraction_of(real > 0) for real, _ in pairs])
        fake_accuracy = mean_of([fraction_of(fake <= 0) for _, fake in pairs])
        return d_loss, real_accuracy, fake_accuracy

    def _generator_loss_of(
        self, features: list[tf.Tensor], classes: tf.Tensor
    ) -> tf.Tensor:
        logits = self._logits_of(features, classes)
        return mean_of([self._generator_loss(of_head) for of_head in logits])

    def _update_ema(self, num_real: tf.Tensor) -> None:
        """Moves the average on, faster at first, when it is of few images.

        Half-life and warm-up as in Karras et al., Analyzing and Improving the Image
        Quality of StyleGAN, 2020, in their code: never longer than a twentieth of the
        images so far.
        """
        if not self._settings.ema:
            return
        steps = tf.cast(self.generator_optimizer.iterations, tf.float32)
        count = tf.cast(num_real, tf.float32)
        half_life = tf.minimum(float(self._settings.ema), 0.05 * steps * count)
        kept = 0.5 ** (count / half_life)
        for mean, now in zip(
            self.ema_generator.weights, self.generator.weights, strict=True
        ):
            mean.assign(now + kept * (mean - now))

    def _features_of(
        self, images: tf.Tensor, step: tf.Tensor | int, use: int
    ) -> list[tf.Tensor]:
        """Augments images and computes what each head of the discriminator looks at."""
        seed = tf.random.experimental.stateless_fold_in(
            tf.stack([self.seed, step]), use
        )
        images = augment(images, self._settings.augmentation, seed)
        if self.feature_network is None:
            return [images]
        return self.feature_network(images, training=False)

    def _generate(self, latents: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        inputs = networks.encode_classes(latents, classes)
        return fast_layers.run(self.generator, inputs, self._settings.computed_in)

    def _logits_of(
        self, features: list[tf.Tensor], classes: tf.Tensor
    ) -> list[tf.Tensor]:
        """Returns each head's logits of being real."""
        return [
            losses.logits_of(
                fast_layers.run(head, of_head, self._settings.computed_in), classes
            )
            for head, of_head in zip(self._heads, features, strict=True)
        ]

    def _latents(self, count: tf.Tensor, step: tf.Tensor, use: int) -> tf.Tensor:
        """Samples latent vectors that depend on the seed, the step and the use only."""
        shape = (count, self.latent_dim)
        return tf.random.stateless_normal(shape, seed=[self.seed, 2 * step + use])


def mean_of(values: list[tf.Tensor]) -> tf.Tensor:
    """The mean over the heads, which weigh the same."""
    return tf.add_n(values) / len(values)


def fraction_of(is_so: tf.Tensor) -> tf.Tensor:
    """The fraction of a boolean tensor that is true."""
    return tf.reduce_mean(tf.cast(is_so, tf.float32))


def apply_gradients(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    network: keras.Model,
    optimizer: keras.Optimizer,
) -> None:
    """Moves the trainable variables of one network, named here, and no others.

    Args:
        tape: has recorded how `loss` came about.
        loss: scalar.
        network: whose variables move.
        optimizer: that moves them.
    """
    variables = network.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
