"""Images of each class that the classifier accepts, drawn until there are enough.

Every batch depends on the seed, its number and the counts before it only, so that a
resumed run draws what an unbroken one would have drawn.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from foldergan.errors import RUN_TRAINING, InputError
from foldergan.gan import drawing, sampling

_BATCH = 32, 256  # images at a time, at least and at most
# Export skips a class when so many were drawn for each one that was kept, and for five
# more: at once where none is accepted of a thousand.
_MOST_DRAWN = 200
_SPARE = 5


class Accepted(NamedTuple):
    """An image, float32 (height, width, channels), 0-1, and its number from 1."""

    class_id: int
    number: int
    image: np.ndarray


class BalancedSet:
    """Counts what is drawn for each class, and what of it is kept.

    Where the generator takes classes, an image is drawn for one class and must show it.
    Where it takes none, it is of the class that the classifier sees in it.

    Args:
        class_names: in the order of the numbers.
        wanted: images of each class.
        least: probability of its class that an image must have.
        state: what `state` returned in an earlier run; None to begin with nothing.

    Attributes:
        kept: int64 (classes,), images of each class so far.

    Raises:
        InputError: no image is wanted.
    """

    def __init__(
        self,
        class_names: list[str],
        wanted: np.ndarray,
        least: float,
        state: dict[str, Any] | None = None,
    ) -> None:
        if not wanted.any():
            raise InputError(
                "no image of this class is missing to the largest; say how many you "
                "want",
                ("per_class",),
            )
        self._class_names, self._wanted, self._least = class_names, wanted, least
        state = state or {}
        size = len(class_names)
        self._batches = state.get("batches", 0)
        kept = state.get("kept", {})
        self.kept = np.array([kept.get(name, 0) for name in class_names], np.int64)
        self._drawn = np.array(state.get("drawn", [0] * size), np.int64)
        self._unsure = np.array(state.get("unsure", [0] * size), np.int64)
        # What was drawn for a class, down, was called, across.
        self._called = np.array(state.get("called", [[0] * size] * size), np.int64)
        self._copies = np.array(state.get("copies", [0] * size), np.int64)

    def state(self) -> dict[str, Any]:
        """Returns JSON values to resume from."""
        return {
            "kept": dict(zip(self._class_names, self.kept.tolist(), strict=True)),
            "batches": self._batches,
            "drawn": self._drawn.tolist(),
            "unsure": self._unsure.tolist(),
            "called": self._called.tolist(),
            "copies": self._copies.tolist(),
        }

    def batches(
        self,
        networks: drawing.Networks,
        seed: int,
        are_copies: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Iterator[list[Accepted]]:
        """Draws until each class is full or given up.

        Near copies of training images are left out, as `evaluation.near_copy_finder`
        finds them, where `are_copies` is given.

        Yields:
            What is to be kept of a batch; it is counted in `kept` and `state`.
        """
        while len(class_ids := self._lacking()):
            missing = int((self._wanted - self.kept)[class_ids].sum())
            inputs = sampling.sample_inputs(
                networks.generator,
                int(np.clip(2 * missing, *_BATCH)),
                np.random.SeedSequence([seed, self._batches]),
                class_ids,
            )
            (drawn,) = drawing.draw(networks, [inputs])
            self._batches += 1
            yield self._accept(drawn, class_ids, are_copies)

    def problems(self) -> list[str]:
        """Writes a sentence about each class that was given up, and why."""
        names = self._class_names
        sentences = []
        for row in np.flatnonzero(self.kept < self._wanted):
            others = self._called[row].copy()
            others[row] = 0
            why = f"called {others.sum()} otherwise"
            if others.any():
                most = others.argmax()
                why += f", {others[most]} of them {names[most]},"
            sentences.append(
                f"{names[row]} has {self.kept[row]} of {self._wanted[row]} images: of "
                f"{self._drawn[row]} drawn the classifier {why} and "
                f"{self._unsure[row]} {names[row]} with a probability below "
                f"{self._least:g}"
                + f", and {self._copies[row]} were near copies"
                * any(self._copies)
            )
        return sentences

    def _lacking(self) -> np.ndarray:
        """Numbers of the classes that are neither full nor given up."""
        is_hopeless = self._drawn >= _MOST_DRAWN * (self.kept + _SPARE)
        return np.flatnonzero((self.kept < self._wanted) & ~is_hopeless)

    def _accept(
        self,
        drawn: drawing.Drawn,
        class_ids: np.ndarray,
        are_copies: Callable[[np.ndarray], np.ndarray] | None,
    ) -> list[Accepted]:
        """Counts what was drawn, and chooses what is kept of it."""
        predicted = drawn.probabilities.argmax(1)
        is_sure = drawn.probabilities.max(1) >= self._least
        if drawn.class_ids is None:
            intended = predicted
            self._drawn[class_ids] += len(predicted)
            self._called[class_ids] += np.bincount(predicted, minlength=len(self.kept))
        else:
            intended = drawn.class_ids
            self._drawn += np.bincount(intended, minlength=len(self.kept))
            np.add.at(self._called, (intended, predicted), 1)
        is_right = predicted == intended
        self._unsure += np.bincount(
            intended[is_right & ~is_sure], minlength=len(self.kept)
        )
        chosen = np.flatnonzero(is_right & is_sure)
        if are_copies and len(chosen):
            is_copy = are_copies(drawn.images[chosen])
            np.add.at(self._copies, intended[chosen[is_copy]], 1)
            chosen = chosen[~is_copy]
        accepted = []
        for row in chosen:
            class_id = intended[row]
            if self.kept[class_id] < self._wanted[class_id]:
                self.kept[class_id] += 1
                number = int(self.kept[class_id])
                accepted.append(Accepted(int(class_id), number, drawn.images[row]))
        return accepted


def missing(counts: np.ndarray, class_names: list[str]) -> np.ndarray:
    """Computes how many images, int64 (classes,), each class lacks to the largest one.

    Raises:
        InputError: the counts are of other classes, or all the same.
    """
    if len(counts) != len(class_names):
        raise InputError(
            f"the labels are of {len(counts)} classes and the classifier tells "
            f"{len(class_names)} apart; to train it on these images, "
            f"{RUN_TRAINING}"
        )
    if (counts == counts.max()).all():
        raise InputError(
            f"each class has {counts.max()} images to train on, and none is missing to "
            "the largest; say how many you want of each"
        )
    return counts.max() - counts
