"""The same training steps on any backend, from the same state.

    KERAS_BACKEND=jax python tests/engine/twins.py FOLDER

A case goes on from the state in FOLDER/<case>.npz, which it writes if it is not there,
with random numbers that are the same on each backend. What it comes to is left in
FOLDER/<case>_<backend>.npz.
"""

import math
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = map(str, (Path(__file__).parents[2], Path(__file__).parents[1]))

COUNT = 6
LABELS = np.eye(2, dtype=np.float32)[np.arange(COUNT) % 2]
BATCHES = np.array([[0, 1, 2, 3], [2, 3, 4, 5]])
COMMON = {
    "augmentation": ("mirror", "shift", "color", "cutout"),
    "generator_filters": (4, 4, 4),
    "discriminator_filters": (4, 6),
    "latent_dim": 6,
    "dropout": 0.0,  # the one random thing that is Keras' own
    "ema": 20,
    "beta_1": 0.5,
    "discriminator_learning_rate": 0.01,
    "generator_learning_rate": 0.01,
}
# Settings, size of the images and number of classes.
GANS = {
    "plain": ({}, 16, 0),
    "projected": (
        {"latents": "half", "loss": "hinge", "generator_normalization": "batch"}
        | {"discriminator_features": "classifier"},
        16,
        2,
    ),
    "photographs": (
        {"latents": "half", "loss": "hinge", "feature_filters": 4, "code_size": 4}
        | {"warm_up_steps": 0, "reconstruction": 0.3, "guidance": 1.0},
        128,  # drawn at 64 pixels and upsampled
        2,
    ),
}
CASES = (*GANS, "classifier")


def images_of(size):
    return np.random.default_rng(0).random((COUNT, size, size, 3), np.float32)


def numbers():
    """Random numbers by arithmetic on whole numbers, as the engine names them."""
    from keras import ops

    def drawn(shape, seed):
        places = ops.arange(math.prod(shape), dtype="int32") * 40503
        seed = ops.cast(seed, "int32") % 1000
        mixed = (places + seed[0] * 7919 + seed[1] * 10473) % 65521
        return ops.reshape(mixed * 31 % 65521, shape)

    def uniform(shape, seed, end=1.0):
        return end * (ops.cast(drawn(shape, seed), "float32") + 0.5) / 65521

    return {
        "uniform": uniform,
        "normal": lambda s, seed: 2**0.5 * ops.erfinv(2 * uniform(s, seed) - 1),
        "integers": lambda s, seed, end: drawn(s, seed) % end,
        "fold_in": lambda seed, use: seed * 3 + use,
    }


def draw(folder):
    """Saves some of the backend's own random numbers."""
    from foldergan import backend, engine

    drawn = {
        str(seed): np.array(engine.normal((2000,), np.array(seed, np.int32)))
        for seed in ((1, 2), (1, 3), (2, 2))
    }
    seed = np.array((1, 2), np.int32)
    drawn["again"] = np.array(engine.normal((2000,), seed))
    for use in (0, 1):
        folded = engine.fold_in(seed, use)
        drawn[f"use {use}"] = np.array(engine.normal((2000,), folded))
        drawn[f"added {use}"] = np.array(engine.normal((2000,), folded + 1))
    drawn["uniform"] = np.array(engine.uniform((2000,), seed, 5))
    drawn["integers"] = np.array(engine.integers((2000,), seed, 5))
    np.savez(folder / f"numbers_{backend.name()}.npz", **drawn)


def fixed(holders, folder, case):
    """Gives variables the values that they have in the file of the case."""
    variables = [v for holder in holders for v in holder.variables]
    path = folder / f"{case}.npz"
    if not path.exists():
        rng = np.random.default_rng(2)
        values = [
            # Of 0, which blank pixels give without a bias, leaky ReLU has two slopes.
            0.1 * rng.standard_normal(v.shape)
            if v.path.endswith("/bias")
            else np.array(v)
            for v in variables
        ]
        np.savez(path, *values)
    with np.load(path) as file:
        for variable, name in zip(variables, file.files, strict=True):
            variable.assign(file[name])


def train_gan(case, folder):
    from conftest import classifier_of
    from tiny_backbone import save_tiny

    from foldergan.config.settings import GAN
    from foldergan.data.training_set import TrainingSet
    from foldergan.gan import photograph_trainer

    changed, size, num_classes = GANS[case]
    if case == "photographs":
        changed = changed | {"backbone": str(save_tiny(folder, "tiny.keras"))}
    settings = GAN(**(COMMON | changed))
    seen = classifier_of((16, 16, 3), 2, (4, 4)) if case == "projected" else None
    trainer = photograph_trainer.build_trainer(
        settings, (size, size, 3), num_classes, 0, seen
    )
    mixing = mixing_kernels(trainer) if case == "photographs" else {}
    labels = LABELS if num_classes else None
    data = TrainingSet(images_of(size), np.arange(COUNT), labels=labels)
    fixed([*trainer._parts().values(), *trainer._frozen()], folder, case)
    if case == "photographs":
        trainer.prepare(data)
        rng = np.random.default_rng(1)  # for an axis has no sign
        values = rng.standard_normal(trainer._codes.values.shape, np.float32)
        trainer._codes = trainer._codes._replace(values=values)
    for part in trainer._parts().values():
        if hasattr(part, "epsilon"):
            # Else Adam moves by the sign of a gradient, and that may be rounding's.
            part.epsilon = 1e-3
    losses = []
    for step, rows in enumerate(BATCHES):
        trainer._step = step
        (batch,) = trainer._read(data, [rows])
        trainer._compiled_step(*batch, np.int32(step))
        trainer._step += 1
        losses.append(list(trainer.means().values()))
        trainer._forget_figures()
    return mixing | {"losses": np.array(losses)} | trainer._values_of(trainer._parts())


def mixing_kernels(trainer):
    """Those of the random convolutions behind the backbone, which no state holds."""
    kernels = [
        np.array(layer.kernel)
        for network in trainer._feature_networks
        for layer in network.layers
        if type(layer).__name__ == "Conv2D"
    ]
    return {f"mixing {number}": kernel for number, kernel in enumerate(kernels)}


def train_classifier(case, folder):
    from conftest import classifier_of

    from foldergan.classifier import training
    from foldergan.config.settings import Classifier
    from foldergan.data.splits import LabelledImages

    classifier = classifier_of((16, 16, 3), 2, (4, 6))
    fixed([classifier], folder, case)
    rows = {"training": np.arange(COUNT), "validation": np.arange(2)}
    settings = Classifier(
        epochs=2,
        batch_size=3,
        augmentation=("mirror", "shift"),
        schedule="one-cycle",
        learning_rate=0.05,
    )
    data = LabelledImages(images_of(16), LABELS, rows)
    epochs = training.train(classifier, data, settings, 0)
    losses = np.array([list(logs.values()) for _, logs in epochs])
    weights = {str(n): w for n, w in enumerate(classifier.get_weights())}
    return {"losses": losses} | weights


def run(case, folder):
    """Takes the steps of a case and saves what they come to."""
    from foldergan import backend

    backend.start(0)
    train = train_classifier if case == "classifier" else train_gan
    np.savez(folder / f"{case}_{backend.name()}.npz", **train(case, folder))


if __name__ == "__main__":
    from foldergan import backend

    backend.load()
    from foldergan import engine

    draw(Path(sys.argv[1]))
    vars(engine).update(numbers())
    for each in CASES:
        run(each, Path(sys.argv[1]))
