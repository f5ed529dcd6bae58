"""TensorFlow: how it is started, compiles, differentiates and draws numbers."""

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Shape and dtype of an argument; None where a length may be any.
_Signature = Sequence[tuple[tuple[int | None, ...], str]]


def prepare(threads: int | None) -> None:
    """Quietens TensorFlow and limits its threads; None leaves them to it."""
    tf.config.list_physical_devices("GPU")  # the first look is the noisy one
    if threads and "TF_NUM_INTRAOP_THREADS" not in os.environ:
        with contextlib.suppress(RuntimeError):  # it has computed before
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    # It warns of `predict` on batches of several sizes, of which there are two.
    tf.get_logger().setLevel("ERROR")


def seed_everything(seed: int) -> None:
    """Seeds Python's, NumPy's and TensorFlow's generators; what follows repeats."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def devices() -> list[str]:
    """Names the GPUs."""
    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]


def compiled(
    step: Callable[..., Any],
    signature: _Signature,
    moved: Callable[[], Sequence[Any]],
    frozen: Callable[[], Sequence[Any]] = tuple,
) -> Callable[..., Any]:
    """Compiles a step for arguments of any length that the signature leaves open.

    Args:
        step: takes tensors, and may update Keras variables.
        signature: shape and dtype of each argument.
        moved: names the networks, optimizers and so on whose variables it updates.
        frozen: names those whose variables it only reads.
    """
    del moved, frozen  # TensorFlow finds them itself
    specs = [tf.TensorSpec(shape, dtype) for shape, dtype in signature]
    # No branch depends on a tensor, so that nothing is left to autograph.
    return tf.function(step, autograph=False, input_signature=specs)


def compiled_steps(
    step: Callable[..., tuple[Any, ...]],
    signature: _Signature,
    moved: Callable[[], Sequence[Any]],
) -> Callable[..., np.ndarray]:
    """Compiles a function that takes one step after the other.

    Args:
        step: takes tensors, may update Keras variables, and returns float32 scalars.
        signature: shape and dtype of each of its arguments.
        moved: names the networks and optimizers whose variables it updates.

    Returns:
        Takes a stack of each argument; returns (number of scalars, steps).
    """

    def steps(*stacks: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(
            lambda arguments: tf.stack(step(*arguments)),
            stacks,
            parallel_iterations=1,
            fn_output_signature=tf.float32,
        )

    stacked = [((None, *shape), dtype) for shape, dtype in signature]
    run = compiled(steps, stacked, moved)
    return lambda *stacks: run(*stacks).numpy().T


def own_rows(count: int) -> slice:
    """Tells which rows of a batch of `count` this process has to read: all."""
    return slice(0, count)


def whole(own: np.ndarray, count: int) -> Any:
    """Makes the array of a whole batch from each process' own rows: it is that."""
    del count
    return own


def value_and_gradients(
    function: Callable[[], tuple[tf.Tensor, Any]], variables: Sequence[keras.Variable]
) -> tuple[tuple[tf.Tensor, Any], list[tf.Tensor]]:
    """Differentiates a loss.

    The function returns the loss, a scalar, and anything else; it may update variables,
    which is no part of the loss.

    Returns:
        What the function returned, and a gradient for each variable.
    """
    with tf.GradientTape() as tape:
        loss, others = function()
    return (loss, others), tape.gradient(loss, variables)


def fold_in(seed: tf.Tensor, use: int) -> tf.Tensor:
    """Derives another seed from one, int32 tensor (2,), for a use with a number."""
    return tf.random.experimental.stateless_fold_in(seed, use)


def normal(shape: tuple[Any, ...], seed: tf.Tensor) -> tf.Tensor:
    """Draws float32 numbers of mean 0 and deviation 1, by a seed, int32 (2,), alone."""
    return tf.random.stateless_normal(shape, seed)


def uniform(shape: tuple[Any, ...], seed: tf.Tensor, end: float = 1.0) -> tf.Tensor:
    """Draws float32 numbers from 0 to `end`; seeded as `normal` is."""
    return tf.random.stateless_uniform(shape, seed, 0, end)


def integers(shape: tuple[Any, ...], seed: tf.Tensor, end: int) -> tf.Tensor:
    """Draws int32 numbers from 0, below `end`; seeded as `normal` is."""
    return tf.random.stateless_uniform(shape, seed, 0, end, tf.int32)


def shift_each(images: tf.Tensor, pixels: tf.Tensor, axis: int) -> tf.Tensor:
    """Takes rows (axis 1) or columns (axis 2), int32 (n, length), of each image."""
    return tf.gather(images, pixels, axis=axis, batch_dims=1)
