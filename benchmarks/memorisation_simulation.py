"""How often memorisation is found where there is some, and where there is none.

    python benchmarks/memorisation_simulation.py
    python benchmarks/memorisation_simulation.py --repeats 200 --rows 5000

Features are Gaussian. A generator draws new ones, copies a part of the training ones
with a little noise, copies their mirror images, or draws one image with little variety.
Prints in how many of the simulated evaluations each is suspected, and in how many the
words claim that training images are repeated.
"""

import argparse

import numpy as np

from foldergan.metrics import memorisation
from foldergan.metrics.evaluator import Evaluator
from foldergan.metrics.memorisation import Nearest

WIDTH, NOISE = 16, 0.05


class Flat:
    """Takes features off images of one pixel high: WIDTH pixels wide."""

    name = "pixels"

    def __call__(
        self,
        images: np.ndarray,
        rows: np.ndarray | None = None,
        is_mirrored: bool = False,
    ) -> np.ndarray:
        """Does as `FeatureExtractor` does."""
        images = images if rows is None else images[rows]
        views = [images, images[:, :, ::-1]][: 1 + is_mirrored]
        return np.concatenate(views).reshape(-1, WIDTH).astype(np.float32)


def fakes(
    kind: str, part: float, rng: np.random.Generator, training: np.ndarray, count: int
) -> np.ndarray:
    """Draws features (count, WIDTH) of a generator of some kind."""
    if kind == "little variety":
        return 0.2 * rng.normal(size=(count, WIDTH))
    drawn = rng.normal(size=(count, WIDTH))
    copies = rng.choice(len(training), round(part * count), replace=False)
    copied = training[copies]
    if kind == "mirrored copies":
        copied = copied[:, ::-1]
    drawn[: len(copies)] = copied + NOISE * rng.normal(size=copied.shape)
    return drawn


def nearest(index: Evaluator, points: np.ndarray) -> Nearest:
    """Finds the training images nearest to points (n, WIDTH)."""
    return index.nearest(index.features_of(points.reshape(-1, 1, WIDTH, 1)))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--held-out", type=int, default=100)
    parser.add_argument("--fakes", type=int, default=500)
    options = parser.parse_args()
    cases = [("new", 0.0), ("copies", 0.02), ("copies", 0.05), ("copies", 0.1)]
    cases += [("mirrored copies", 0.1), ("little variety", 1.0)]
    suspected, claimed = dict.fromkeys(cases, 0), dict.fromkeys(cases, 0)
    for repeat in range(options.repeats):
        rng = np.random.default_rng(repeat)
        training = rng.normal(size=(options.rows, WIDTH))
        images = training.reshape(-1, 1, WIDTH, 1)
        rows = np.arange(len(images))
        index = Evaluator(Flat(), images, rows, rows[:0], is_mirrored=True)

        held_out = nearest(index, rng.normal(size=(options.held_out, WIDTH)))
        for case in cases:
            drawn = fakes(*case, rng, training, options.fakes)
            found = nearest(index, drawn)
            row = {"real": options.held_out, "fake": options.fakes}
            row |= memorisation.figures(held_out, found)
            suspected[case] += memorisation.is_suspected(row)
            claimed[case] += memorisation.is_repeating(row)
    print(
        f"generator               suspected  repetition claimed, of {options.repeats}"
    )
    for kind, part in cases:
        name = f"{kind}, {part:.0%}" if "copies" in kind else kind
        print(f"{name:<22} {suspected[kind, part]:10} {claimed[kind, part]:19}")


if __name__ == "__main__":
    main()
