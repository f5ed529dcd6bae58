"""How often the noise floor and the interval of KID are right, by simulation.

    python benchmarks/kid_simulation.py
    python benchmarks/kid_simulation.py --repeats 200 --seed 1

Features are a Gaussian mixture with strong class structure. Real and generated images
are drawn class by class, in the proportions of the classes; `--independent` draws the
generated ones as a generator without classes does, each of any class. For each number
of held-out images it prints, as they are and without regard to classes:

    mean KID  where both have one distribution; should be 0
    above     how often such KID exceeds the noise floor; should be 5 %
    covered   how often the 95 % interval holds the true KID of a generator that is a
              little off; should be 95 %

Then it prints how often a worse, newer checkpoint is kept as the best: by the error of
the difference of the two, and by the error of one alone.
"""

import argparse

import numpy as np

from foldergan.metrics import kid, selection

WIDTH, LATENT, SPREAD = 32, 8, 2.0
PROPORTIONS = np.array([0.4, 0.3, 0.2, 0.1])
COUNTS = (100, 200, 500)
TRUTH = 10_000  # images of each side by which the true KID is known
CHECKPOINTS = 25


class Mixture:
    """A law of features: a class has its mean, and all spread in a few directions."""

    def __init__(self, seed: int, shift: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._means = SPREAD * rng.normal(size=(len(PROPORTIONS), WIDTH))
        self._means += shift * rng.normal(size=(len(PROPORTIONS), WIDTH))
        self._directions = rng.normal(size=(LATENT, WIDTH)) / np.sqrt(LATENT)

    def draw(
        self, rng: np.random.Generator, count: int, is_by_class: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws features (count, WIDTH) and class numbers."""
        if is_by_class:
            classes = np.repeat(
                range(len(PROPORTIONS)), np.rint(PROPORTIONS * count).astype(int)
            )
        else:
            classes = rng.choice(len(PROPORTIONS), count, p=PROPORTIONS)
        noise = rng.normal(size=(count, LATENT)) @ self._directions
        noise += 0.3 * rng.normal(size=(count, WIDTH))
        return self._means[classes] + noise, classes


def true_kid(one: Mixture, other: Mixture) -> float:
    """Computes KID of two laws, of many images of each."""
    rng = np.random.default_rng(1)
    (real, classes), (fake, fake_classes) = one.draw(rng, TRUTH), other.draw(rng, TRUTH)
    draws, kid._DRAWS = kid._DRAWS, 1
    found = kid.kid(real, fake, classes, fake_classes)
    kid._DRAWS = draws
    return found.estimate


def simulate(count: int, num_fake: int, options: argparse.Namespace) -> str:
    """Simulates evaluations by `count` held-out images; returns a table's row."""
    law, off = Mixture(0), Mixture(0, options.shift)
    truth = true_kid(law, off)
    same, plain, covered = [], [], []
    for repeat in range(options.repeats):
        rng = np.random.default_rng((options.seed, count, repeat))
        real, classes = law.draw(rng, count)
        fake, fake_classes = law.draw(rng, num_fake, not options.independent)
        drawn = None if options.independent else fake_classes
        found = kid.kid(real, fake, classes, drawn)
        same.append((found.estimate, found.floor))
        found = kid.kid(real, fake)
        plain.append((found.estimate, found.floor))
        fake, fake_classes = off.draw(rng, num_fake, not options.independent)
        drawn = None if options.independent else fake_classes
        found = kid.kid(real, fake, classes, drawn)
        covered.append(found.low <= truth <= found.high)
    figures = [f"{count:5}"]
    for found in (plain, same):
        estimates, floors = np.transpose(found)
        figures.append(f"{np.mean(estimates):+9.4f} ({np.std(estimates):.4f})")
        figures.append(f"{np.mean(floors):.4f}  {np.mean(estimates > floors):6.1%}")
    return "  ".join([*figures, f"{np.mean(covered):6.1%}  (KID {truth:.3f})"])


def worse_ones_kept(count: int, options: argparse.Namespace) -> str:
    """Counts how often the worse of two checkpoints is kept, for being newer."""
    kept, alone, errors = 0, 0, []
    law = Mixture(0)
    for repeat in range(CHECKPOINTS):
        rng = np.random.default_rng((options.seed, repeat))
        real, classes = law.draw(rng, count)
        latents, fake_classes = law.draw(rng, options.fakes)
        rows, least = [], []
        for epoch, shift in enumerate((0.30, 0.32), 1):
            fake = latents + shift
            found = kid.kid(real, fake, classes, fake_classes)
            row = {"epoch": epoch, "kernel_distance": found.estimate}
            selection.add_row(rows, least, row, found.draws)
            errors.append((found.high - found.low) / 4)
        difference = rows[1]["kernel_distance"] - rows[0]["kernel_distance"]
        kept += selection.best_row(rows)["epoch"] == 2
        alone += difference <= errors[-2]
        errors[-1] = rows[1]["kernel_distance_error"]
    return (
        f"a worse, newer checkpoint is kept in {kept} of {CHECKPOINTS} (error of the "
        f"difference {np.mean(errors[1::2]):.4f}), by the error of one alone "
        f"({np.mean(errors[::2]):.4f}) in {alone}"
    )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--fakes", type=int, default=500)
    parser.add_argument("--draws", type=int, default=400, help="of each bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shift", type=float, default=0.3)
    parser.add_argument("--independent", action="store_true")
    options = parser.parse_args()
    kid._DRAWS = options.draws
    print(
        "          without classes                         by class\n"
        " real  mean KID (sd) noise floor  above   mean KID (sd) noise floor  above"
        "   interval holds"
    )
    for count in COUNTS:
        print(simulate(count, options.fakes, options), flush=True)
    print(worse_ones_kept(COUNTS[0], options))


if __name__ == "__main__":
    main()
