"""Adversarial training: the only file that differentiates.

Each step names the variables of the one network that it moves. No `trainable`
flag is switched: on Keras 3 a discriminator that was compiled and then frozen
inside a combined model silently never trains.
"""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from foldergan.data.batches import epoch_batches
from foldergan.errors import InputError, RunError
from foldergan.gan import losses, networks
from foldergan.images import to_tanh_range
from foldergan.nn import fast_layers
from foldergan.nn.augmentation import augment

# What augmentation's seed tells apart: pictures of one step and their use.
_REAL, _FAKE, _FOOLING = range(3)


LOG_NAMES = ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")


class AdversarialTrainer:
    """Trains a discriminator and a generator in alternating steps.

    All that is random hangs on the seed and the number of the step, or is a
    variable of the networks, so that `state` holds all that a run needs to go
    on as if it had never stopped.

    Args:
        discriminator: pictures -1-1 in, a logit, and what each class adds, out; or,
            with a `view`, one of `projection`.
        generator: latent vectors, each with a class behind, in; pictures -1-1
            out. Both of as many classes, or of none.
        discriminator_learning_rate: step size of its Adam.
        generator_learning_rate: step size of its Adam.
        beta_1: memory of both Adams' mean gradient.
        beta_2: memory of both Adams' mean square of it.
        loss: a name of `losses.LOSSES`.
        view: pictures -1-1 in, a list of what the heads of the discriminator judge
            out; never trained. None where it judges the pictures.
        augmentation: how pictures are changed before they are judged, real and fake
            alike; see `augmentation.augment`.
        ema: half-life, in pictures, of a moving average of the generator; 0 for none.
        precision: as of `fast_layers.run`.
        latents: "fresh": each step draws latent vectors of its own; "shared": the
            discriminator is shown a part of the pictures that the generator is then
            judged by, which saves drawing them; "half": the generator is judged by
            no others.
        seed: of the order of the pictures, of the latent vectors and augmentation.

    Attributes:
        view: as given.
        generator_ema: the moving average; the generator itself where there is none.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        generator: keras.Model,
        *,
        discriminator_learning_rate: float,
        generator_learning_rate: float,
        beta_1: float,
        beta_2: float = 0.999,
        loss: str = "cross-entropy",
        view: keras.Model | None = None,
        augmentation: tuple[str, ...] = (),
        ema: int = 0,
        precision: str = "float32",
        latents: str = "fresh",
        seed: int,
    ):
        self.discriminator = discriminator
        self.generator = generator
        self.discriminator_optimizer, self.generator_optimizer = (
            keras.optimizers.Adam(learning_rate, beta_1=beta_1, beta_2=beta_2)
            for learning_rate in (discriminator_learning_rate, generator_learning_rate)
        )
        # Built now, so that a state can be restored before the first step.
        self.discriminator_optimizer.build(discriminator.trainable_variables)
        self.generator_optimizer.build(generator.trainable_variables)
        self.generator_ema = generator
        if ema:
            self.generator_ema = keras.models.clone_model(generator)
            self.generator_ema.set_weights(generator.get_weights())
        self.ema = ema
        self.precision = precision
        self._discriminator_loss, self._generator_loss = losses.LOSSES[loss]
        self.view = view
        self._augmentation = augmentation
        self._heads = discriminator.heads if view else [discriminator]
        self.num_classes = self._heads[0].output_shape[-1] - 1
        self.latent_dim = generator.input_shape[1] - self.num_classes
        self.seed = seed
        self.epoch = 0  # epochs that are complete
        self._batch = 0  # batches done of the epoch under way
        self._step = 0  # batches done since the beginning
        self._sums = np.zeros(len(LOG_NAMES))  # of the epoch under way, per picture
        self._count = 0
        alternate = self._alternate if latents == "fresh" else self._alternate_shared
        self._drawn = 1 if latents == "half" else 2  # fakes for each real picture
        self._compiled_alternate = tf.function(
            alternate,
            autograph=False,  # no branch hangs on a tensor
            input_signature=[
                tf.TensorSpec((None, *generator.output_shape[1:]), tf.float32),
                tf.TensorSpec((None, self.num_classes), tf.float32),
                tf.TensorSpec((), tf.int32),
            ],
        )

    def discriminator_step(self, real_images, fake_images, classes, step=0) -> tuple:
        """Moves the discriminator's trainable variables, and no others.

        Args:
            real_images: float32 tensor (n, height, width, channels), -1-1.
            fake_images: the same, of generated pictures.
            classes: one-hot float32 tensor (n, num_classes), of both alike.
            step: its number, which augmentation hangs on.

        Returns:
            d_loss, and the parts of the real and of the fake pictures that were
            told right before the step.
        """
        return self._discriminate(
            self._see(real_images, step, _REAL),
            self._see(fake_images, step, _FAKE),
            classes,
        )

    def generator_step(self, latents, classes, step=0):
        """Moves the generator's trainable variables, and no others.

        Args:
            latents: float32 tensor (n, latent_dim).
            classes: one-hot float32 tensor (n, num_classes).
            step: its number, which augmentation hangs on.

        Returns:
            g_loss.
        """
        with tf.GradientTape() as tape:
            seen = self._see(self._draw(latents, classes), step, _FOOLING)
            g_loss = self._fooling_loss(seen, classes)
        apply_gradients(tape, g_loss, self.generator, self.generator_optimizer)
        return g_loss

    def train(
        self,
        images: np.ndarray,
        epochs: int,
        batch_size: int,
        rows: Sequence[int] | None = None,
        labels: np.ndarray | None = None,
        *,
        on_step: Callable[[int, int, dict], None] = lambda step, steps, logs: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Trains until `epochs` epochs are complete, and yields after each.

        Args:
            images: float32 array (n, height, width, channels), 0-1.
            epochs: to reach in all, those of a restored state counted in.
            batch_size: pictures of a discriminator step, half real, half fake.
            rows: row numbers to train on; all where left out.
            labels: float32 one-hot array (n, num_classes); none without classes.
            on_step: called with (batches done, batches in the epoch, means so far).
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
        rows = np.asarray(range(len(images)) if rows is None else rows)
        labels = np.empty((len(images), 0), np.float32) if labels is None else labels
        while self.epoch < epochs:
            batches = epoch_batches(len(rows), batch_size // 2, self.seed, self.epoch)
            for batch in batches[self._batch :]:
                # In the order of the file, which is read forwards.
                batch = np.sort(rows[batch])
                real_images, conditions = self._read(images, labels, batch)
                logs = self._compiled_alternate(
                    real_images, conditions, np.int32(self._step)
                )
                self._sums += np.array(logs) * len(batch)
                self._count += len(batch)
                self._step += 1
                self._batch += 1
                on_step(self._batch, len(batches), self._means())
                self._refuse_infinity(logs)
                if should_stop() and self._batch < len(batches):
                    return
            self._refuse_infinity(self.generator.get_weights())
            self._refuse_infinity(self.discriminator.get_weights())
            logs = self._means()
            self.epoch += 1
            self._batch = 0
            self._sums[:] = 0
            self._count = 0
            yield self.epoch, logs
            if should_stop():
                return

    def state(self) -> dict[str, np.ndarray]:
        """Copies everything that training has changed, by name."""
        state = {
            f"{name}/{index}": variable.numpy()
            for name, part in self._parts().items()
            for index, variable in enumerate(part.variables)
        }
        position = np.array([self.epoch, self._batch, self._step, self._count])
        return state | {"position": position, "sums": self._sums.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets everything back to what `state` returned.

        Raises:
            InputError: the state is of other networks.
        """
        try:
            for name, part in self._parts().items():
                for index, variable in enumerate(part.variables):
                    variable.assign(state[f"{name}/{index}"])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"the saved state is of other networks ({error}); run without --resume"
            ) from error
        self.epoch, self._batch, self._step, self._count = map(int, state["position"])
        self._sums = state["sums"].copy()

    def _read(self, images, labels, rows):
        """Reads real images, -1-1, and what they are of."""
        return to_tanh_range(images[rows]), labels[rows]

    def _parts(self) -> dict:
        # `.variables` holds the seeds of dropout too; `.weights` does not.
        return {
            "discriminator": self.discriminator,
            "generator": self.generator,
            "discriminator_optimizer": self.discriminator_optimizer,
            "generator_optimizer": self.generator_optimizer,
        } | ({"generator_ema": self.generator_ema} if self.ema else {})

    def _means(self) -> dict[str, float]:
        return dict(zip(LOG_NAMES, (self._sums / self._count).tolist(), strict=True))

    def _refuse_infinity(self, values):
        if not all(np.isfinite(value).all() for value in values):
            raise RunError(
                f"training diverged in epoch {self.epoch + 1}: a loss or a weight is "
                "NaN or infinite; what was saved before is kept; start again with a "
                "smaller --discriminator-learning-rate and --generator-learning-rate, "
                "or with --precision float32"
            )

    def _alternate(self, real_images, classes, step):
        """Moves the discriminator, then the generator; returns `LOG_NAMES`' values.

        Fakes are of the classes of the real pictures, so that none is rarer among them.
        """
        num_real = tf.shape(real_images)[0]
        fake_images = self._draw(self._latents(num_real, step, 0), classes)
        d_loss, *accuracies = self.discriminator_step(
            real_images, fake_images, classes, step
        )
        g_loss = self.generator_step(
            self._latents(2 * num_real, step, 1),
            tf.concat([classes, classes], axis=0),
            step,
        )
        self._average(num_real)
        return d_loss, g_loss, *accuracies

    def _alternate_shared(self, real_images, classes, step):
        """Does the same with one drawing for both."""
        num_real = tf.shape(real_images)[0]
        drawn = tf.concat([classes] * self._drawn, axis=0)
        with tf.GradientTape() as tape:
            latents = self._latents(self._drawn * num_real, step, 1)
            seen = self._see(self._draw(latents, drawn), step, _FAKE)
            d_loss, *accuracies = self._discriminate(
                self._see(real_images, step, _REAL),
                [view[:num_real] for view in seen],
                classes,
            )
            g_loss = self._fooling_loss(seen, drawn)
        apply_gradients(tape, g_loss, self.generator, self.generator_optimizer)
        self._average(num_real)
        return d_loss, g_loss, *accuracies

    def _discriminate(self, real_seen, fake_seen, classes):
        """Moves the discriminator by what it sees of real and of fake pictures."""
        seen = [
            tf.concat([real, tf.stop_gradient(fake)], axis=0)
            for real, fake in zip(real_seen, fake_seen, strict=True)
        ]
        with tf.GradientTape() as tape:
            logits = self._judge(seen, tf.concat([classes, classes], axis=0))
            pairs = [tf.split(of_head, 2) for of_head in logits]
            d_loss = _mean([self._discriminator_loss(*pair) for pair in pairs])
        apply_gradients(tape, d_loss, self.discriminator, self.discriminator_optimizer)
        real_accuracy = _mean([_fraction(real > 0) for real, _ in pairs])
        fake_accuracy = _mean([_fraction(fake <= 0) for _, fake in pairs])
        return d_loss, real_accuracy, fake_accuracy

    def _fooling_loss(self, seen, classes):
        """What the generator lowers, by what the discriminator sees of its pictures."""
        return _mean([self._generator_loss(x) for x in self._judge(seen, classes)])

    def _average(self, num_real):
        """Moves the average on, faster at first, when it is of few pictures.

        Half-life and beginning as in Karras et al., Analyzing and Improving the Image
        Quality of StyleGAN, 2020, in their code: never longer than a twentieth of the
        pictures so far.
        """
        if not self.ema:
            return
        seen = tf.cast(self.generator_optimizer.iterations, tf.float32)
        count = tf.cast(num_real, tf.float32)
        half_life = tf.minimum(float(self.ema), 0.05 * seen * count)
        kept = 0.5 ** (count / half_life)
        for mean, now in zip(
            self.generator_ema.weights, self.generator.weights, strict=True
        ):
            mean.assign(now + kept * (mean - now))

    def _see(self, images, step, use: int) -> list:
        """Changes pictures at random and shows them as the heads judge them."""
        seed = tf.random.experimental.stateless_fold_in(
            tf.stack([self.seed, step]), use
        )
        images = augment(images, self._augmentation, seed)
        return self.view(images, training=False) if self.view else [images]

    def _draw(self, latents, classes):
        inputs = tf.concat([latents, networks.CLASS_SCALE * classes], axis=1)
        return fast_layers.run(self.generator, inputs, self.precision)

    def _judge(self, seen, classes) -> list:
        """Returns each head's logits of being real."""
        return [
            losses.logits_of(fast_layers.run(head, view, self.precision), classes)
            for head, view in zip(self._heads, seen, strict=True)
        ]

    def _latents(self, count, step, use: int):
        """Draws latent vectors that hang on the seed, the step and their use only."""
        shape = (count, self.latent_dim)
        return tf.random.stateless_normal(shape, seed=[self.seed, 2 * step + use])


def _mean(values: list):
    """The mean over the heads, which weigh the same."""
    return tf.add_n(values) / len(values)


def _fraction(is_so):
    return tf.reduce_mean(tf.cast(is_so, tf.float32))


def apply_gradients(tape, loss, network, optimizer) -> None:
    """Moves the variables of one network, named here, against the gradient."""
    variables = network.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
