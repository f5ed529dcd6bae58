"""Adversarial training: the loop, the step that it repeats, the state between them."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from foldergan import engine
from foldergan.config.settings import GAN
from foldergan.data.splits import epoch_batches
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError, RunError
from foldergan.gan import losses, networks
from foldergan.images import Tensor, to_tanh_range
from foldergan.nn import convolutions
from foldergan.nn.augmentation import augment

LOG_NAMES = ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")
# What a seed of augmentation differs by, within a step: the use of the images.
_REAL, _FAKE, _FAKE_OF_ITS_OWN = range(3)


class Trainer:
    """Trains a discriminator and a generator in alternating steps.

    All randomness derives from the seed and the number of the step, or is a variable
    of the networks. `state` holds all that a run needs to resume as if it had never
    stopped.

    Args:
        discriminator: images, -1 to 1, in, 1 + num_classes outputs (projection); or,
            with a `feature_network`, `networks.Heads` over its outputs.
        generator: inputs of `networks.encode_classes` in; images, -1 to 1, out. Both of
            as many classes, or of none.
        settings: learning rates, betas, loss, augmentation, ema, latents.
        seed: of the order of the images, of latent vectors and augmentation.
        feature_network: images, -1 to 1, in, a list of what the heads of the
            discriminator see out; never trained. None where it sees the images.

    Attributes:
        epoch: epochs that are complete.
        ema_generator: its EMA; the generator itself where there
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
        self.discriminator, self.generator = discriminator, generator
        self.feature_network = feature_network
        self.seed = seed
        self._settings = settings
        self._discriminator_loss, self._generator_loss = losses.LOSSES[settings.loss]
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
            self.ema_generator = convolutions.copy_of(generator)
        self._heads = discriminator.heads if feature_network else [discriminator]
        self.num_classes = self._heads[0].output_shape[-1] - 1
        self.latent_dim = generator.input_shape[1] - self.num_classes
        self.inference_generator = networks.inference_generator(
            self._drawing_network(), self.num_classes
        )
        self.epoch = 0
        self._batch = 0  # batches done of the epoch under way
        self._step = 0  # batches done since the beginning
        # Of the epoch under way, per image; they stay on the device.
        self._figures = [keras.metrics.Mean(name) for name in LOG_NAMES]
        self._compiled_step = self._compiled(self.step, self.num_classes)

    def train(
        self,
        data: TrainingSet,
        epochs: int | None,
        batch_size: int,
        *,
        on_step: Callable[
            [int, int, Callable[[], dict[str, float]]], None
        ] = lambda step, steps, means: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Trains until `epochs` epochs are complete, and yields after each.

        Args:
            data: its images, rows to train on, and labels.
            epochs: to reach in all, with those of a restored state; None: no limit.
            batch_size: images of a discriminator step, half real, half fake.
            on_step: called with batches done, batches in the epoch, and what tells the
                means so far, for which it waits for the device.
            should_stop: asked after each step; True ends the training there.

        Yields:
            The number of the epoch, from 1, and its mean of each of `LOG_NAMES`.

        Raises:
            RunError: a loss or a weight is no longer a finite number, or a network
                is frozen.
        """
        for network in (self.discriminator, self.generator):
            if not network.trainable_variables:
                raise RunError(f"the {network.name} is frozen and would never train")
        self.prepare(data)
        rows = data.rows
        while epochs is None or self.epoch < epochs:
            batches = epoch_batches(len(rows), batch_size // 2, self.seed, self.epoch)
            # Sorted, so that a file is read forwards.
            left = (np.sort(rows[batch]) for batch in batches[self._batch :])
            for real_images, classes in self._read(data, left):
                self._compiled_step(real_images, classes, np.int32(self._step))
                self._step += 1
                self._batch += 1
                on_step(self._batch, len(batches), self.means)
                if should_stop() and self._batch < len(batches):
                    return
            yield self._end_epoch()
            if should_stop():
                return

    def step(self, real_images: Tensor, classes: Tensor, number: Tensor) -> None:
        """Updates the discriminator, then the generator, then the average.

        With fresh latents each network is shown fakes of its own. Else one batch of
        fakes serves both, drawn once, while the generator is differentiated.

        Args:
            real_images: float32 tensor (n, height, width, channels), -1 to 1.
            classes: one-hot float32 tensor (n, num_classes); fakes are of the same,
                so that no class is rarer among them.
            number: of the step, int32 scalar, which all randomness depends on.
        """
        count, latents = ops.shape(real_images)[0], self._settings.latents
        reals = self.seen(real_images, number, _REAL)

        def update_discriminator(fakes: list[Tensor]) -> tuple[Tensor, Any]:
            return engine.minimize(
                lambda: self.discriminator_loss(reals, fakes, classes),
                self.discriminator,
                self.discriminator_optimizer,
            )

        if latents == "fresh":
            fake_images = self.generate(self.sample(count, number, 0), classes)
            updated = update_discriminator(self.seen(fake_images, number, _FAKE))
        times = 1 if latents == "half" else 2  # fakes for each real image
        fake_classes = ops.concatenate([classes] * times)
        use = _FAKE_OF_ITS_OWN if latents == "fresh" else _FAKE

        def generator_loss() -> tuple[Tensor, Any]:
            fake_images = self.generate(
                self.sample(times * count, number, 1), fake_classes
            )
            fakes = self.seen(fake_images, number, use)
            first = fakes if times == 1 else [each[:count] for each in fakes]
            judged = updated if latents == "fresh" else update_discriminator(first)
            g_loss = self.generator_loss(fakes, fake_classes)
            return g_loss + self.added_loss(reals, fakes), (g_loss, judged)

        _, (g_loss, (d_loss, pairs)) = engine.minimize(
            generator_loss, self.generator, self.generator_optimizer
        )
        self.update_ema(count, number)
        self._note(count, d_loss, g_loss, *losses.accuracies_of(pairs))

    def discriminator_loss(
        self, reals: list[Tensor], fakes: list[Tensor], classes: Tensor
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """Computes how badly the discriminator tells real from fake.

        Real and fake images are what `seen` returns for n of each, of these classes.

        Returns:
            Scalar, the mean over the heads; and their logits of both.
        """
        pairs = self._logits_of_both(reals, [*map(ops.stop_gradient, fakes)], classes)
        return losses.mean_of([self._discriminator_loss(*x) for x in pairs]), pairs

    def generator_loss(self, fakes: list[Tensor], classes: Tensor) -> Tensor:
        """Computes how surely images of `seen` are classified as fake, a scalar."""
        logits = self._logits(fakes, classes)
        return losses.mean_of([self._generator_loss(x) for x in logits])

    def added_loss(self, reals: list[Tensor], fakes: list[Tensor]) -> Tensor | float:
        """Computes what else the generator is to lower; nothing here."""
        return 0.0

    def seen(self, images: Tensor, number: Tensor | int, use: int) -> list[Tensor]:
        """Augments images and computes what each head of the discriminator sees.

        Another step, by its number, and another use of the images have other draws.
        """
        seed = engine.fold_in(ops.stack([self.seed, number]), use)
        images = augment(images, self._settings.augmentation, seed)
        if self.feature_network is None:
            return [images]
        return self.feature_network(images, training=False)

    def sample(self, count: Tensor, number: Tensor | int, use: int) -> Tensor:
        """Samples latent vectors that depend on the seed, the step and the use only."""
        shape = (count, self.latent_dim)
        return engine.normal(shape, ops.stack([self.seed, 2 * number + use]))

    def generate(self, latents: Tensor, classes: Tensor) -> Tensor:
        """Draws images, float32 tensor (n, height, width, channels), -1 to 1."""
        inputs = networks.encode_classes(latents, classes)
        return ops.cast(self.generator(inputs, training=True), "float32")

    def update_ema(self, count: Tensor | int, number: Tensor | int) -> None:
        """Updates the average, faster at first, when it is of few images.

        Half-life and slow start as in Karras et al., Analyzing and Improving the Image
        Quality of StyleGAN, 2020, in their code: never longer than a twentieth of the
        images so far. The step, of a number from 0, has `count` real images.
        """
        if not self._settings.ema:
            return
        count = ops.cast(count, "float32")
        so_far = ops.cast(number + 1, "float32") * count
        half_life = ops.minimum(float(self._settings.ema), 0.05 * so_far)
        kept = 0.5 ** (count / half_life)
        for mean, now in zip(
            self.ema_generator.weights, self.generator.weights, strict=True
        ):
            mean.assign(now + kept * (mean - now))

    def prepare(self, data: TrainingSet) -> None:
        """Computes what is needed before the first step; nothing here."""

    def means(self) -> dict[str, float]:
        """Tells the means of the epoch under way; waits for the device.

        Raises:
            RunError: one is not finite.
        """
        means = {each.name: float(each.result()) for each in self._figures}
        self._refuse_infinity(means.values())
        return means

    def state(self) -> dict[str, np.ndarray]:
        """Copies everything that training has changed, by name.

        Raises:
            RunError: a number of it is not finite.
        """
        state = self._values_of(self._parts())
        state["sums"] = np.array([float(each.total) for each in self._figures])
        self._refuse_infinity(state.values())
        count = int(self._figures[0].count)
        position = np.array([self.epoch, self._batch, self._step, count])
        return state | {"position": position}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets everything back to what `state` returned.

        Raises:
            InputError: the state is of other networks, or odd.
        """
        try:
            self._assign(state)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the saved state is of other networks ({error})", ("resume",)
            ) from error

    def _assign(self, state: dict[str, np.ndarray]) -> None:
        self._assign_to(self._parts(), state)
        # The state's are those that it was trained with so far.
        rates = self._settings
        self.discriminator_optimizer.learning_rate = rates.discriminator_learning_rate
        self.generator_optimizer.learning_rate = rates.generator_learning_rate
        position = state["position"]
        self.epoch, self._batch, self._step, count = map(int, position)
        if min(position) < 0:
            raise ValueError("its position is negative")
        for each, total in zip(self._figures, state["sums"], strict=True):
            each.total.assign(float(total))
            each.count.assign(count)

    @staticmethod
    def _values_of(parts: dict[str, Any]) -> dict[str, np.ndarray]:
        return {
            f"{name}/{index}": np.array(variable)
            for name, part in parts.items()
            for index, variable in enumerate(part.variables)
        }

    @staticmethod
    def _assign_to(parts: dict[str, Any], state: dict[str, np.ndarray]) -> None:
        for name, part in parts.items():
            for index, variable in enumerate(part.variables):
                variable.assign(state[f"{name}/{index}"])

    def _compiled(
        self, step: Callable[..., Any], num_conditions: int
    ) -> Callable[..., Any]:
        """Compiles a step of real images, conditions and the step's number."""
        return engine.compiled(
            step,
            [
                ((None, *self.inference_generator.output_shape[1:]), "float32"),
                ((None, num_conditions), "float32"),
                ((), "int32"),
            ],
            moved=lambda: [*self._parts().values(), *self._figures],
            frozen=self._frozen,
        )

    def _read(
        self, data: TrainingSet, batches: Iterable[np.ndarray]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields the real images of each batch, -1 to 1, and what goes with them."""
        for batch in batches:
            own = batch[engine.own_rows(len(batch))]
            classes = np.empty((len(own), 0), np.float32)
            if data.labels is not None:
                classes = data.labels[own]
            for_step = to_tanh_range(data.images[own]), classes
            yield tuple(engine.whole(each, len(batch)) for each in for_step)

    def _logits_of_both(
        self, reals: list[Tensor], fakes: list[Tensor], classes: Tensor
    ) -> list[list[Tensor]]:
        """Returns each head's logits of real and of fake images, seen together."""
        both = [ops.concatenate(pair) for pair in zip(reals, fakes, strict=True)]
        logits = self._logits(both, ops.concatenate([classes, classes]))
        return [ops.split(of_head, 2) for of_head in logits]

    def _logits(self, seen: list[Tensor], classes: Tensor) -> list[Tensor]:
        """Returns each head's logits of being real."""
        return [
            losses.logits_of(ops.cast(head(x, training=True), "float32"), classes)
            for head, x in zip(self._heads, seen, strict=True)
        ]

    def _note(self, count: Tensor, *figures: Tensor) -> None:
        for mean, figure in zip(self._figures, figures, strict=True):
            mean.update_state(figure, sample_weight=count)

    def _forget_figures(self) -> None:
        for each in self._figures:
            each.reset_state()

    def _end_epoch(self) -> tuple[int, dict[str, float]]:
        logs = self.means()
        for part in self._parts().values():
            if isinstance(part, keras.Model):
                self._refuse_infinity(part.get_weights())
        self._forget_figures()
        self.epoch += 1
        self._batch = 0
        return self.epoch, logs

    def _drawing_network(self) -> keras.Model:
        """What makes images of the generator's inputs, for files and samples."""
        return self.ema_generator

    def _parts(self) -> dict[str, Any]:
        """Names what a step updates."""
        # `.variables` holds the seeds of dropout too; `.weights` does not.
        return {
            "discriminator": self.discriminator,
            "generator": self.generator,
            "discriminator_optimizer": self.discriminator_optimizer,
            "generator_optimizer": self.generator_optimizer,
        } | ({"generator_ema": self.ema_generator} if self._settings.ema else {})

    def _frozen(self) -> list[Any]:
        """Networks that a step computes with and leaves alone."""
        return [self.feature_network] if self.feature_network else []

    def _refuse_infinity(self, values: Iterable[Any]) -> None:
        if not all(np.isfinite(value).all() for value in values):
            raise RunError(
                f"training diverged in epoch {self.epoch + 1}: a loss or a weight is "
                "NaN or infinite; what was saved before is kept; resume from there "
                "with smaller learning rates, or start again in float32",
                (
                    "discriminator_learning_rate",
                    "generator_learning_rate",
                    "precision",
                ),
            )
