"""Training on photographs, through a backbone: first reconstruction, then adversarial.

The features of a backbone tell the images of an untrained generator from real ones at
once. So it has a reconstruction pre-training, of the training images from their codes,
see `codes`; then all of each batch has an adversarial loss, and half of it a
reconstruction loss too, which keeps colours, shapes and variety. The features also tell
classes apart, and guide the generator to the class that it is conditioned on. It draws
small images, which it learns sooner; `upsampling` trains their upsampler.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import ops

from foldergan import engine
from foldergan.backbones import sources
from foldergan.classifier import linear_head
from foldergan.config.settings import GAN
from foldergan.data.training_set import TrainingSet
from foldergan.gan import codes, networks, photographs, start
from foldergan.gan.trainer import Trainer
from foldergan.gan.upsampling import Upsampling, every, feature_distance
from foldergan.images import Tensor, to_tanh_range
from foldergan.nn.augmentation import augment
from foldergan.progress import ImageProgress, note

_FROM_A_START = 6  # how many times shorter the pre-training is
_PRETRAINING_RATE = 1e-3  # learning rate
_PRETRAINING_PIXELS = 2.0  # weight of the pixels beside that of the mixed maps
_PIXELS = 3.0  # the same after the pre-training
_COARSE = 32  # height and width that pixels are averaged to before they are compared
_CALIBRATED_BY = 128  # images
_CLASSIFIED = 2000  # images at most
_BATCH = 64  # images


def build_trainer(
    settings: GAN,
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    classifier: keras.Model | None = None,
) -> Trainer:
    """Builds the networks that the settings ask for, and what trains them.

    Args:
        settings: of the GAN; `image_shape` is left to the argument.
        image_shape: (height, width, channels).
        num_classes: 0 where the networks are given no classes.
        seed: of the order of the images and of all that is random in a step.
        classifier: images 0-1 in; needed where the discriminator uses its features.

    Raises:
        InputError: the generator cannot reach that shape, or the classifier or the
            backbone does not fit the images or is not to be had.
    """
    if settings.backbone != "none":
        parts = photographs.build_networks(settings, image_shape, num_classes, seed)
        return PhotographTrainer(parts, settings, seed)
    discriminator, generator, feature_network = networks.build_networks(
        settings, image_shape, num_classes, classifier
    )
    return Trainer(discriminator, generator, settings, seed, feature_network)


class PhotographTrainer(Trainer):
    """Trains heads over a backbone, a light generator and an upsampler.

    Args:
        parts: the networks.
        settings: those of `Trainer`, but for latents, here always "half"; its
            warm_up_steps, reconstruction, `guidance` and code_size.
        seed: of the order of the images and of all that is random in a step.
    """

    feature_network: keras.Model  # here there always is one

    def __init__(self, parts: photographs.Networks, settings: GAN, seed: int) -> None:
        self._networks = parts
        discriminator, generator, feature_network, upsampling = parts
        self._upsampling = Upsampling(*upsampling, seed) if upsampling else None
        settings = replace(settings, latents="half")
        super().__init__(discriminator, generator, settings, seed, feature_network)
        # What every step computes with and no step trains.
        self._feature_networks = [feature_network]
        if self._upsampling:
            self._feature_networks.append(self._upsampling.feature_network)
        self._guide: keras.layers.Dense | None = None
        if settings.guidance > 0 and self.num_classes > 1:
            self._guide = keras.layers.Dense(self.num_classes, name="guide")
            self._guide.build(feature_network.outputs[-1].shape)
        self.warm_up_optimizer = keras.optimizers.Adam(_PRETRAINING_RATE, 0.5, 0.99)
        self.warm_up_optimizer.build(generator.trainable_variables)
        self._code_size = min(settings.code_size, self.latent_dim)
        self._codes = codes.Codes(*[np.empty((0, 1, self._code_size), np.float32)] * 3)
        self._warm_up_steps = settings.warm_up_steps
        conditions = self.num_classes + self._code_size
        self._compiled_pretraining = self._compiled(self.pretraining_step, conditions)
        self._compiled_adversarial = self._compiled(self.step, conditions)
        self._compiled_step = self._take_step
        self._compiling: set[str] = set()  # what was said to be compiled

    # What a sample is: a latent vector that may begin with the code of a real image.

    def _read(
        self, data: TrainingSet, batches: Iterable[np.ndarray]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields real images, half of them mirrored if asked to, classes and codes."""
        for batch in batches:
            own = engine.own_rows(len(batch))
            rng = np.random.default_rng((self.seed, self._step))
            _, views, _ = self._codes.values.shape  # perhaps its mirror image too
            rows, is_mirrored = batch[own], rng.integers(0, views, len(batch))[own]
            reals = to_tanh_range(data.images[rows])
            reals[is_mirrored == 1] = reals[is_mirrored == 1, :, ::-1]
            conditions = self._codes.values[rows, is_mirrored]
            if data.labels is not None:
                conditions = np.concatenate([data.labels[rows], conditions], axis=1)
            yield tuple(engine.whole(each, len(batch)) for each in (reals, conditions))

    def generate(self, latents: Tensor, classes: Tensor, each: int = 2) -> Tensor:
        """Draws images; every `each`-th is to be the real one of its code."""
        classes, image_codes = self._split(classes)
        is_coded = (ops.arange(ops.shape(latents)[0]) % each == 0)[:, None]
        first = ops.where(is_coded, image_codes, latents[:, : self._code_size])
        latents = ops.concatenate([first, latents[:, self._code_size :]], axis=1)
        return super().generate(latents, classes)

    # What the discriminator sees: images as small as they are drawn, by a backbone.

    def seen(self, images: Tensor, number: Tensor | int, use: int) -> list[Tensor]:
        """Augments images, real and fake alike, so that they can be compared.

        They are seen at the size that is drawn; `_read` has mirrored them already.
        """
        del use
        changes = tuple(x for x in self._settings.augmentation if x != "mirror")
        seed = engine.fold_in(ops.stack([self.seed, number]), 0)
        images = augment(self._shrunk(images), changes, seed)
        return self.feature_network(images, training=False)

    def _logits_of_both(
        self, reals: list[Tensor], fakes: list[Tensor], classes: Tensor
    ) -> list[list[Tensor]]:
        """Returns logits of heads that batch-normalize real and fake images separately.

        The statistics of a joint batch would let the heads tell them apart, and the
        generator's loss, which has fake images only, lacks that cue.
        """
        both = self._logits(reals, classes), self._logits(fakes, classes)
        return [list(pair) for pair in zip(*both, strict=True)]

    def _logits(self, seen: list[Tensor], classes: Tensor) -> list[Tensor]:
        return super()._logits(seen[:-1], self._split(classes)[0])

    # What is added to the generator's loss: auxiliary classification, reconstruction.

    def generator_loss(self, fakes: list[Tensor], classes: Tensor) -> Tensor:
        """Adds to the adversarial loss that of another class than the intended one."""
        loss = super().generator_loss(fakes, classes)
        if self._guide is None:
            return loss
        intended, logits = self._split(classes)[0], self._guide(fakes[-1])
        return loss + self._settings.guidance * ops.mean(
            ops.categorical_crossentropy(intended, logits, from_logits=True)
        )

    def added_loss(self, reals: list[Tensor], fakes: list[Tensor]) -> Tensor | float:
        """Computes the reconstruction loss of every other image."""
        if not self._settings.reconstruction:
            return 0.0
        return self._settings.reconstruction * reconstruction_loss(
            [every(2, x) for x in reals], [every(2, x) for x in fakes], _PIXELS
        )

    def step(self, real_images: Tensor, classes: Tensor, number: Tensor) -> None:
        """Updates all networks; the upsampler by the images as they are."""
        super().step(real_images, classes, number)
        if self._upsampling:
            self._upsampling.step(real_images, number)

    def pretraining_step(
        self, real_images: Tensor, classes: Tensor, number: Tensor
    ) -> None:
        """Updates the generator by reconstruction alone, and the upsampler."""
        count = ops.shape(real_images)[0]
        reals = self.feature_network(self._shrunk(real_images), training=False)

        def loss() -> tuple[Tensor, None]:
            latents = self.sample(count, number, 1)
            fake_images = self.generate(latents, classes, each=1)
            fakes = self.feature_network(fake_images, training=False)
            return reconstruction_loss(reals, fakes, _PRETRAINING_PIXELS), None

        g_loss, _ = engine.minimize(loss, self.generator, self.warm_up_optimizer)
        self.update_ema(count, number)
        zero = ops.zeros(())
        self._note(count, zero, g_loss, zero, zero)
        if self._upsampling:
            self._upsampling.step(real_images, number)

    def _take_step(self, images: Tensor, conditions: Tensor, number: np.int32) -> None:
        """Takes a step of the pre-training or an adversarial one, by its number."""
        first = self._warm_up_steps
        if number == first:  # its epoch may have begun before
            self._forget_figures()
        name, step = (
            ("pre-training", self._compiled_pretraining)
            if number < first
            else ("adversarial", self._compiled_adversarial)
        )
        if name not in self._compiling:
            self._compiling.add(name)
            print(f"compiling the {name} step, which takes up to a minute", flush=True)
        step(images, conditions, number)

    def means(self) -> dict[str, float]:
        """Tells the means of the epoch under way, in the pre-training its only loss."""
        means = super().means()
        if self._step > self._warm_up_steps:
            return means
        return {"reconstruction_loss": means["g_loss"]}

    # What is computed once, before the first step, and belongs to the state.

    def prepare(self, data: TrainingSet) -> None:
        """Calibrates the feature networks, computes codes, and fits what guides."""
        if len(self._codes.values):  # those of the state
            return
        print("calibrating the backbone's features", flush=True)
        count = len(data.rows)
        some = np.unique(np.linspace(0, count - 1, _CALIBRATED_BY).astype(int))
        real_images = to_tanh_range(data.images[data.rows[some]])
        photographs.calibrate(self.feature_network, self._shrunk(real_images))
        if self._upsampling:
            photographs.calibrate(self._upsampling.feature_network, real_images)
        self._codes = codes.encode(
            self.feature_network,
            data,
            self._shrunk,
            self._code_size,
            is_mirrored="mirror" in self._settings.augmentation,
        )
        self._start(data)
        if self._guide is not None:
            self._fit_guide(self._guide, data)

    def _start(self, data: TrainingSet) -> None:
        """Starts from networks that have learned before, if asked to."""
        spec = self._settings.start_from
        if spec == "none":
            return
        labels = np.empty((len(data.images), 0), np.float32)
        labels = labels if data.labels is None else data.labels
        # Through another backbone the same numbers of a code say something else.
        backbone = sources.START_BACKBONE if spec == sources.SHIPPED_START else None
        if backbone not in (None, self._settings.backbone) or not start.apply(
            start.load(spec), self._networks, self._codes, labels[data.rows], self.seed
        ):
            note(
                f"note: the start {spec} is of other networks than these, and is not "
                "used"
            )
            return
        print(f"starting from networks that have learned from other images: {spec}")
        self.ema_generator.set_weights(self.generator.get_weights())
        self._warm_up_steps //= _FROM_A_START

    def _fit_guide(self, guide: keras.layers.Dense, data: TrainingSet) -> None:
        """Fits a linear classifier of the backbone's pooled features of some images."""
        rows = data.rows[:: -(-len(data.rows) // _CLASSIFIED)]
        progress = ImageProgress(len(rows), "class features of image")
        pooled = []
        for some in np.array_split(rows, -(-len(rows) // _BATCH)):
            small = self._shrunk(to_tanh_range(data.images[some]))
            pooled.append(np.asarray(self.feature_network(small, training=False)[-1]))
            progress.on_images(len(some))
        progress.done()
        weights = np.ones(self.num_classes, np.float32)
        features = np.concatenate(pooled)[:, None]
        assert data.labels is not None
        head = linear_head.fit(features, data.labels[rows], weights, self.seed)
        guide.set_weights([head.kernel, head.bias])

    def state(self) -> dict[str, np.ndarray]:
        """Copies everything that training has changed or computed once, by name."""
        values, means, directions = self._codes
        return (
            super().state()
            | self._values_of(self._prepared())
            | {"codes": values, "code_means": means, "code_directions": directions}
            | {"warm_up_steps": np.array(self._warm_up_steps)}
        )

    def _assign(self, state: dict[str, np.ndarray]) -> None:
        super()._assign(state)
        self._assign_to(self._prepared(), state)
        views = state["codes"].shape[1]
        self._codes = codes.Codes(
            state["codes"].reshape(-1, views, self._code_size),
            # Of no state that an earlier version saved, and of no use to this training.
            *(state.get(x, np.empty(0)) for x in ("code_means", "code_directions")),
        )
        self._warm_up_steps = int(state.get("warm_up_steps", self._warm_up_steps))
        for network in self._feature_networks:
            network.trainable = False

    def _prepared(self) -> dict[str, Any]:
        """Names what was computed once, beside the codes."""
        layers = itertools.chain(*map(photographs.calibrated, self._feature_networks))
        calibrated = {f"calibration {n}": layer for n, layer in enumerate(layers)}
        return calibrated | ({"guide": self._guide} if self._guide else {})

    def _split(self, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Splits what `_read` joined into classes and codes."""
        return conditions[:, : self.num_classes], conditions[:, self.num_classes :]

    def _shrunk(self, images: Tensor) -> Tensor:
        """Makes images as small as the generator draws them."""
        is_small = images.shape[1] == self.generator.output_shape[1]
        if is_small or not self._upsampling:
            return images
        return self._upsampling.shrink(images)

    def _drawing_network(self) -> keras.Model:
        if not self._upsampling:
            return self.ema_generator
        return photographs.join(self.ema_generator, self._upsampling.upsampler)

    def _parts(self) -> dict[str, Any]:
        return (
            super()._parts()
            | {"warm_up_optimizer": self.warm_up_optimizer}
            | (self._upsampling.parts() if self._upsampling else {})
        )

    def _frozen(self) -> list[Any]:
        return [*self._feature_networks, *([self._guide] if self._guide else [])]


def reconstruction_loss(
    reals: list[Tensor], fakes: list[Tensor], pixel_weight: float
) -> Tensor:
    """Computes the L1 distance of mixed maps, and of coarse pixels.

    A perceptual loss: Johnson et al., Perceptual Losses for Real-Time Style Transfer
    and Super-Resolution, 2016. Coarse pixels leave fine detail to the other losses.

    Args:
        reals: what a feature network returns for real images.
        fakes: the same, for generated ones; each is to be the real one.
        pixel_weight: beside that of the mixed maps, 1.
    """
    *_, real_images, _ = reals
    *_, fake_images, _ = fakes
    size = max(1, real_images.shape[1] // _COARSE)
    pooled = ops.average_pool(real_images - fake_images, size, size)
    distance = feature_distance(reals, fakes)
    return distance + pixel_weight * ops.mean(ops.abs(pooled))
