"""Adversarial training: epochs of alternating steps, and the state between them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from foldergan import engine
from foldergan.config.settings import GAN
from foldergan.data.batches import epoch_batches, reading_ahead
from foldergan.errors import InputError, RunError
from foldergan.gan.steps import AdversarialSteps
from foldergan.images import Resized, to_tanh_range

LOG_NAMES = ("d_loss", "g_loss", "real_accuracy", "fake_accuracy")

_OnStep = Callable[[int, int, dict[str, float]], None]


class AdversarialTrainer(AdversarialSteps):
    """Trains a discriminator and a generator in alternating steps.

    `state` holds all that a run needs to go on as if it had never stopped.

    Args:
        discriminator: as of `AdversarialSteps`.
        generator: the same.
        settings: the same.
        seed: the same, and of the order of the images.
        feature_network: as of `AdversarialSteps`.

    Attributes:
        epoch: epochs that are complete.
    """

    def __init__(
        self,
        discriminator: keras.Model,
        generator: keras.Model,
        settings: GAN,
        seed: int,
        feature_network: keras.Model | None = None,
    ) -> None:
        super().__init__(discriminator, generator, settings, seed, feature_network)
        self.epoch = 0
        self._batch = 0  # batches done of the epoch under way
        self._step = 0  # batches done since the beginning
        self._sums = np.zeros(len(LOG_NAMES))  # of the epoch under way, per image
        self._count = 0
        self._compiled_step = self._compiled(self.alternate, self.num_classes)

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
            moved=lambda: list(self._parts().values()),
            frozen=self._frozen,
        )

    def train(
        self,
        images: np.ndarray | Resized,
        epochs: int,
        batch_size: int,
        rows: Sequence[int] | np.ndarray | None = None,
        labels: np.ndarray | None = None,
        *,
        on_step: _OnStep = lambda step, steps, logs: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Trains until `epochs` epochs are complete, and yields after each.

        Args:
            images: float32 array (n, height, width, channels), 0-1.
            epochs: to reach in all, those of a restored state counted in.
            batch_size: images of a discriminator step, half real, half fake.
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
        self.prepare(images, labels, rows)
        while self.epoch < epochs:
            batches = epoch_batches(len(rows), batch_size // 2, self.seed, self.epoch)
            left = (rows[batch] for batch in batches[self._batch :])
            for batch in reading_ahead(images, left, engine.own_rows):
                own = self._read(images, labels, batch, engine.own_rows(len(batch)))
                logs = self._compiled_step(
                    *(engine.whole(each, len(batch)) for each in own),
                    np.int32(self._step),
                )
                self._sums += np.array(logs) * len(batch)
                self._count += len(batch)
                self._step += 1
                self._batch += 1
                self._refuse_infinity(logs)
                on_step(self._batch, len(batches), self._means())
                if should_stop() and self._batch < len(batches):
                    return
            for part in self._parts().values():
                if isinstance(part, keras.Model):
                    self._refuse_infinity(part.get_weights())
            yield self._end_epoch()
            if should_stop():
                return

    def prepare(
        self, images: np.ndarray | Resized, labels: np.ndarray, rows: np.ndarray
    ) -> None:
        """Looks at what it is about to train on; here there is nothing to prepare."""

    def _read(
        self,
        images: np.ndarray | Resized,
        labels: np.ndarray,
        batch: np.ndarray,
        own: slice,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads real images, -1-1, and what the networks are given with them.

        Args:
            images: as of `train`.
            labels: the same.
            batch: row numbers.
            own: which of these to read, as of `engine.own_rows`.
        """
        return to_tanh_range(images[batch[own]]), labels[batch[own]]

    def _end_epoch(self) -> tuple[int, dict[str, float]]:
        logs = self._means()
        self.epoch += 1
        self._batch = 0
        self._sums[:] = 0
        self._count = 0
        return self.epoch, logs

    def state(self) -> dict[str, np.ndarray]:
        """Copies everything that training has changed, by name.

        Raises:
            RunError: a number of it is not finite.
        """
        state = {
            f"{name}/{index}": np.array(variable)
            for name, part in self._parts().items()
            for index, variable in enumerate(part.variables)
        }
        self._refuse_infinity(state.values())
        position = np.array([self.epoch, self._batch, self._step, self._count])
        return state | {"position": position, "sums": self._sums.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Sets everything back to what `state` returned.

        Raises:
            InputError: the state is of other networks, or odd.
        """
        try:
            for name, part in self._parts().items():
                for index, variable in enumerate(part.variables):
                    variable.assign(state[f"{name}/{index}"])
            # The state's are those that it was trained with so far.
            rates = self._settings
            self.discriminator_optimizer.learning_rate = (
                rates.discriminator_learning_rate
            )
            self.generator_optimizer.learning_rate = rates.generator_learning_rate
            position, sums = state["position"], state["sums"]
            self.epoch, self._batch, self._step, self._count = map(int, position)
            self._sums = sums.astype(float).reshape(self._sums.shape)
            if min(position) < 0:
                raise ValueError("its position is negative")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"the saved state is of other networks ({error})", ("resume",)
            ) from error

    def _parts(self) -> dict[str, Any]:
        # `.variables` holds the seeds of dropout too; `.weights` does not.
        return {
            "discriminator": self.discriminator,
            "generator": self.generator,
            "discriminator_optimizer": self.discriminator_optimizer,
            "generator_optimizer": self.generator_optimizer,
        } | ({"generator_ema": self.ema_generator} if self._settings.ema else {})

    def _frozen(self) -> list[keras.Model]:
        """Networks that a step computes with and leaves alone."""
        return [self.feature_network] if self.feature_network else []

    def _means(self) -> dict[str, float]:
        return dict(zip(LOG_NAMES, (self._sums / self._count).tolist(), strict=True))

    def _refuse_infinity(self, values: Iterable[Any]) -> None:
        if not all(np.isfinite(value).all() for value in values):
            raise RunError(
                f"training diverged in epoch {self.epoch + 1}: a loss or a weight is "
                "NaN or infinite; what was saved before is kept; go on from there with "
                "smaller learning rates, or start again in float32",
                (
                    "discriminator_learning_rate",
                    "generator_learning_rate",
                    "precision",
                ),
            )
