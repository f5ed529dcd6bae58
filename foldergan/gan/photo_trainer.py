"""Training through a backbone: first redrawing, then adversarial.

A generator that starts at random is told from real images by everything that a
backbone shows, and learns for long only that. This one first redraws the images that
it trains on from their codes, see `codes`; then half of each batch goes on doing so,
which keeps colours, classes and variety, while all of it is judged.
"""

import keras
import numpy as np
import tensorflow as tf

from foldergan.gan import losses, mixing, networks
from foldergan.gan.codes import ImageCodes
from foldergan.gan.projected_heads import ProjectedHeads
from foldergan.gan.trainer import AdversarialTrainer, apply_gradients
from foldergan.images import to_tanh_range
from foldergan.nn.augmentation import augment, blur
from foldergan.nn.fast_twin import fast_twin

_WARM_UP_RATE = 1e-3
_WARM_UP_PIXELS = 2.0  # weight of coarse pixels beside that of the mixed maps
_PIXELS = 3.0  # the same later
_COARSE = 4  # pixels each way that are averaged before they are compared
_CALIBRATED_BY = 128  # images
_BLUR = 0.04  # deviation of the blur at first, times the height
_NO_BLUR = 0.15  # pixels
_MOST_CHANNELS = 3  # of an image


class PhotoTrainer(AdversarialTrainer):
    """Trains heads over a backbone and a light generator.

    Args:
        discriminator: one head for each output of the view.
        generator: as of `light_generator.build_light_generator`.
        warm_up_steps: that only redraw.
        blur_steps: after them, in which a blur of real and fake images fades.
        redrawing: weight of redrawing beside the adversarial loss, after them.
        code_size: numbers of a latent vector that codes take the place of.
        options: as of `AdversarialTrainer`; `latents` is always "half".
    """

    def __init__(
        self,
        discriminator: ProjectedHeads,
        generator: keras.Model,
        *,
        warm_up_steps: int,
        blur_steps: int,
        redrawing: float,
        code_size: int,
        **options,
    ):
        super().__init__(discriminator, generator, **options | {"latents": "half"})
        self.warm_up_steps = warm_up_steps
        self.warm_up_optimizer = keras.optimizers.Adam(_WARM_UP_RATE, 0.5, 0.99)
        self.warm_up_optimizer.build(generator.trainable_variables)
        self._blur_steps = blur_steps
        self._redrawing = redrawing
        self._code_size = min(code_size, self.latent_dim)
        self._codes = None
        self._twin = fast_twin(generator, self.precision)
        signature = [
            tf.TensorSpec((None, *generator.output_shape[1:]), tf.float32),
            tf.TensorSpec((None, self.num_classes + self._code_size), tf.float32),
            tf.TensorSpec((), tf.int32),
        ]
        self._compiled_warm_up, self._compiled_contest = (
            tf.function(step, autograph=False, input_signature=signature)
            for step in (self._warm_up, self._contest)
        )
        self._compiled_alternate = self._step_of

    def prepare(self, images: np.ndarray, labels: np.ndarray | None, rows) -> None:
        """Scales the view to real images and computes their codes.

        Args:
            images: float32 array (n, height, width, channels), 0-1; may lie on disk.
            labels: float32 one-hot array (n, num_classes); none without classes.
            rows: row numbers to train on.
        """
        rows = np.asarray(rows)
        some = np.unique(np.linspace(0, len(rows) - 1, _CALIBRATED_BY).astype(int))
        mixing.calibrate(self.view, to_tanh_range(np.asarray(images[rows[some]])))
        labels = np.empty((len(images), 0), np.float32) if labels is None else labels
        codes = ImageCodes(self.view, images, labels, rows, self._code_size)
        self._codes = codes.values

    def _read(self, images, labels, rows):
        """Reads images, half of them mirrored, and their classes and codes."""
        rng = np.random.default_rng((self.seed, self._step))
        is_mirrored = rng.integers(0, 2, len(rows))
        batch = to_tanh_range(images[rows])
        batch[is_mirrored == 1] = batch[is_mirrored == 1, :, ::-1]
        codes = self._codes[rows, is_mirrored]
        return batch, np.concatenate([labels[rows], codes], axis=1)

    def _parts(self) -> dict:
        return super()._parts() | {"warm_up_optimizer": self.warm_up_optimizer}

    def _step_of(self, images, conditions, step):
        """Takes the step that its number asks for."""
        if step < self.warm_up_steps:
            return self._compiled_warm_up(images, conditions, step)
        return self._compiled_contest(images, conditions, step)

    def _warm_up(self, images, conditions, step):
        """Redraws all images; no loss of the discriminator, whose accuracies are 0."""
        classes, codes = self._split(conditions)
        with tf.GradientTape() as tape:
            latents = self._coded(codes, step, every=1)
            fake_images = self._draw(latents, classes)
            loss = _difference(
                self.view(fake_images, training=False),
                self.view(images, training=False),
            )
            loss += _WARM_UP_PIXELS * _pixel_difference(fake_images, images)
        apply_gradients(tape, loss, self.generator, self.warm_up_optimizer)
        self._average(tf.shape(images)[0])
        nothing = tf.zeros(())
        return nothing, loss, nothing, nothing

    def _contest(self, images, conditions, step):
        """Moves both networks; every other fake image is of a real one's code.

        It is changed as the real one is, so that both can be compared.
        """
        classes, codes = self._split(conditions)
        seed = tf.random.experimental.stateless_fold_in(tf.stack([self.seed, step]), 0)
        with tf.GradientTape() as tape:
            fakes = self._draw(self._coded(codes, step, every=2), classes)
            fakes, reals = (self._changed(x, seed, step) for x in (fakes, images))
            fake_seen, real_seen = (
                self.view(x, training=False) for x in (fakes, reals)
            )
            d_loss, *accuracies = self._discriminate(real_seen, fake_seen, classes)
            g_loss = self._fooling_loss(fake_seen, classes)
            loss = g_loss
            if self._redrawing:
                redrawn = _difference(fake_seen, real_seen, every=2)
                redrawn += _PIXELS * _pixel_difference(fakes[::2], reals[::2])
                loss += self._redrawing * redrawn
        apply_gradients(tape, loss, self.generator, self.generator_optimizer)
        self._average(tf.shape(images)[0])
        return d_loss, g_loss, *accuracies

    def _discriminate(self, real_seen, fake_seen, classes):
        """Moves the heads, which normalize real and fake images each by their own.

        Else they would tell them apart by the normalization, as they cannot when the
        generator is judged alone.
        """
        with tf.GradientTape() as tape:
            real = self._judge(real_seen, classes)
            fake = self._judge([tf.stop_gradient(x) for x in fake_seen], classes)
            pairs = list(zip(real, fake, strict=True))
            d_loss = _mean([self._discriminator_loss(*pair) for pair in pairs])
        apply_gradients(tape, d_loss, self.discriminator, self.discriminator_optimizer)
        return (
            d_loss,
            _mean([_fraction(real > 0) for real, _ in pairs]),
            _mean([_fraction(fake <= 0) for _, fake in pairs]),
        )

    def _split(self, conditions):
        return conditions[:, : self.num_classes], conditions[:, self.num_classes :]

    def _coded(self, codes, step, every: int):
        """Draws latent vectors, of which every so many begin with a code."""
        count = tf.shape(codes)[0]
        latents = self._latents(count, step, 1)
        is_coded = (tf.range(count) % every == 0)[:, None]
        begun = tf.where(is_coded, codes, latents[:, : self._code_size])
        return tf.concat([begun, latents[:, self._code_size :]], axis=1)

    def _draw(self, latents, classes):
        inputs = tf.concat([latents, networks.CLASS_SCALE * classes], axis=1)
        return self._twin(inputs, training=True)

    def _judge(self, seen, classes) -> list:
        return [
            losses.logits_of(head(view, training=True), classes)
            for head, view in zip(self._heads, seen, strict=True)
        ]

    def _changed(self, images, seed, step):
        """Augments images and blurs them, ever less.

        A generator that has only redrawn lacks what is fine, and everything would
        tell it by that. Sauer et al., StyleGAN-XL, 2022, blur real and fake alike.
        """
        images = augment(images, self._augmentation, seed)
        if not self._blur_steps:
            return images
        done = tf.cast(step - self.warm_up_steps, tf.float32) / self._blur_steps
        deviation = _BLUR * images.shape[1] * (1 - done)
        return blur(images, tf.maximum(deviation, _NO_BLUR))


def _difference(fake_seen, real_seen, every: int = 1):
    """Averages the absolute difference over the mixed maps, which weigh the same."""
    maps = [
        tf.reduce_mean(tf.abs(fake[::every] - real[::every]))
        for fake, real in zip(fake_seen, real_seen, strict=True)
        if fake.shape[-1] > _MOST_CHANNELS  # not the images themselves
    ]
    return _mean(maps)


def _pixel_difference(fake_images, real_images):
    """Averages the absolute difference of coarse pixels, so that edges stay free."""
    apart = tf.nn.avg_pool2d(fake_images - real_images, _COARSE, _COARSE, "VALID")
    return tf.reduce_mean(tf.abs(apart))


def _mean(values: list):
    return tf.add_n(values) / len(values)


def _fraction(is_so):
    return tf.reduce_mean(tf.cast(is_so, tf.float32))
