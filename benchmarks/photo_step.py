"""What a step of photo-128's GAN costs, by its parts, beside what they must compute.

    python benchmarks/photo_step.py --backbone lite0.keras

Measures the CPU seconds of one thread: a step of the pre-training, an adversarial one,
and each part of the latter compiled alone, with the gradients that it needs there. The
operations of a part's graph, gradients included, are TensorFlow's own count; it leaves
out the input gradients of depthwise convolutions. "Predicted" is what they would take
at the rate of a matrix product, measured in the same run.

TF_ENABLE_ONEDNN_OPTS=0 in front of the command shows what oneDNN is worth.
"""

import argparse
import os
import statistics
import time
from dataclasses import replace

import numpy as np
import side_by_side

SHAPE = (128, 128, 3)
CLASSES = 5
MATMUL_SIZE = 1024


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backbone", required=True, help="name or file")
    parser.add_argument("--real", type=int, default=32, help="real images of a batch")
    parser.add_argument("--precision", default="float32", help="or bfloat16")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def build(options):
    """Builds a trainer, and the images and conditions of a batch."""
    from foldergan.config.presets import find_preset
    from foldergan.data.training_set import TrainingSet
    from foldergan.gan import photograph_trainer

    settings = replace(
        find_preset("photo-128").gan,
        backbone=options.backbone,
        precision=options.precision,
    )
    trainer = photograph_trainer.build_trainer(settings, SHAPE, CLASSES, seed=0)
    count = max(64, options.real)
    images = np.random.default_rng(0).random((count, *SHAPE), np.float32)
    labels = np.eye(CLASSES, dtype=np.float32)[np.arange(count) % CLASSES]
    data = TrainingSet(images, np.arange(count), labels=labels)
    trainer.prepare(data)
    return trainer, *next(trainer._read(data, [np.arange(options.real)]))


def works(trainer, images, conditions) -> dict:
    """Names what is measured.

    Returns:
        Name -> function of nothing, to be compiled.
    """
    import tensorflow as tf

    from foldergan import engine

    images, step = tf.constant(images), tf.constant(0)
    reals = trainer._shrunk(images)
    conditions = tf.constant(conditions)
    features = trainer.feature_network(reals, training=False)

    def of_fakes():
        with tf.GradientTape() as tape:
            tape.watch(reals)
            outputs = trainer.feature_network(reals, training=False)
            loss = tf.add_n([tf.reduce_sum(x**2) for x in outputs])
        return tape.gradient(loss, reals)

    def generator():
        with tf.GradientTape() as tape:
            latents = trainer.sample(len(images), step, 1)
            loss = tf.reduce_sum(trainer.generate(latents, conditions) ** 2)
        return tape.gradient(loss, trainer.generator.trainable_variables)

    def heads_for_generator():
        with tf.GradientTape() as tape:
            tape.watch(features)
            loss = trainer.generator_loss(features, conditions)
        return tape.gradient(loss, features)

    def move_heads():
        return engine.minimize(
            lambda: trainer.discriminator_loss(features, features, conditions),
            trainer.discriminator,
            trainer.discriminator_optimizer,
        )[0]

    return {
        "pre-training step": lambda: trainer.pretraining_step(images, conditions, step),
        "adversarial step": lambda: trainer.step(images, conditions, step),
        "backbone, real images": lambda: trainer.feature_network(reals, training=False),
        "backbone, fake images": of_fakes,
        "heads, update": move_heads,
        "heads, for the generator": heads_for_generator,
        "generator": generator,
        "upsampler": lambda: trainer._upsampling.step(images, step),
    }


def cpu_seconds(work, rounds: int) -> float:
    """The median CPU time of a function that was called before."""
    work(), work()
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def operations(graph) -> int:
    """Counts the floating point operations of a graph."""
    import tensorflow as tf

    profiler = tf.compat.v1.profiler
    about = profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    return profiler.profile(graph, cmd="op", options=about).total_float_ops


def main():
    """Measures, and prints a table."""
    options = parse()
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    from foldergan import backend

    backend.start(seed=0)
    import tensorflow as tf

    matrix = tf.random.normal((MATMUL_SIZE, MATMUL_SIZE))
    multiply = tf.function(lambda: (matrix @ matrix)[0, 0])
    product = cpu_seconds(lambda: multiply().numpy(), 20 * options.rounds)
    rate = 2 * MATMUL_SIZE**3 / product
    rows = []
    for name, work in works(*build(options)).items():
        compiled = tf.function(work, autograph=False)
        count = operations(compiled.get_concrete_function().graph)
        seconds = cpu_seconds(compiled, options.rounds)
        rows.append(
            [
                name,
                f"{seconds * 1e3:.0f}",
                f"{count / 1e9:.1f}",
                f"{count / rate * 1e3:.0f}",
                f"{seconds * rate / count:.1f}",
            ]
        )
    print(side_by_side.machine(), side_by_side.versions("keras", "tensorflow"))
    print(f"one thread, {options.real} real images, n={options.rounds}, medians;")
    print(f"matrix product: {rate / 1e9:.0f} GFLOP/s in float32\n")
    headings = ["part", "ms", "GFLOP", "predicted ms", "times predicted"]
    side_by_side.table(headings, rows)


if __name__ == "__main__":
    main()
