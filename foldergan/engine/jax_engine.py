"""JAX: how it is started, compiles, differentiates and draws numbers.

Every function here is the twin of one in `tensorflow_engine`, where it is described.
Keras' variables are moved by `assign` there; here a scope notes what they would
become, and whoever opened it moves them.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from absl import logging

from foldergan.engine import mesh
from foldergan.engine.mesh import own_rows, whole

__all__ = [
    "compiled",
    "compiled_steps",
    "devices",
    "every",
    "fold_in",
    "integers",
    "normal",
    "on_processor",
    "own_rows",
    "prepare",
    "seed_everything",
    "shift_each",
    "uniform",
    "value_and_gradients",
    "whole",
]
_VARIABLES = mesh.Variables()  # of all steps, for they move the same networks


def prepare(threads: int | None) -> None:
    """Quietens Keras and limits the threads of the processor's backend."""
    if threads:
        os.environ.setdefault("NPROC", str(threads))  # read at the first computation
    logging.set_verbosity(logging.ERROR)


def seed_everything(seed: int) -> None:
    """Seeds Python's, NumPy's and Keras' generators; JAX itself has no state."""
    if "tensorflow" in sys.modules:
        keras.utils.set_random_seed(seed)
        return
    # Keras would import TensorFlow to seed it too, which takes seconds.
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        keras.utils.set_random_seed(seed)
    finally:
        del sys.modules["tensorflow"]


def devices() -> list[str]:
    """Names the GPUs and TPUs."""
    return [each.device_kind for each in jax.devices() if each.platform != "cpu"]


def on_processor() -> bool:
    """Tells that it is not oneDNN that computes convolutions."""
    return False


class _Scope(keras.StatelessScope):
    """Notes what variables become, with the values of the scope around it.

    Args:
        values: variables and what they are at the beginning.
        differentiated: of these, by which a loss is differentiated.

    Attributes:
        moved: variables that were moved.
    """

    def __init__(
        self,
        values: Iterable[tuple[keras.Variable, jax.Array]],
        differentiated: Sequence[keras.Variable] = (),
    ) -> None:
        super().__init__(values)
        self._sources = {id(v): self.state_mapping[id(v)] for v in differentiated}
        self.moved: dict[int, keras.Variable] = {}

    def add_update(self, update: tuple[keras.Variable, jax.Array]) -> None:
        """Notes a new value.

        To move a variable is no part of the loss, and what is computed with it from
        then on is differentiated by it as it is then: spectral normalization moves
        its kernel before it convolves.
        """
        variable, value = update
        source = self._sources.get(id(variable))
        if source is not None:
            value = jax.lax.stop_gradient(value)
            value += source - jax.lax.stop_gradient(source)
        self.moved[id(variable)] = variable
        super().add_update((variable, value))

    def get_current_value(self, variable: keras.Variable) -> jax.Array | None:
        """Finds the value here, or in the scope around."""
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            return self.original_scope.get_current_value(variable)
        return value


def compiled(
    step: Callable[..., Any],
    signature: Sequence[tuple[tuple[int | None, ...], str]],
    moved: Callable[[], Sequence[Any]],
    frozen: Callable[[], Sequence[Any]] = tuple,
) -> Callable[..., Any]:
    """Compiles a step, anew for each length of its arguments."""
    del signature  # JAX looks at the arguments
    return _compiled(_pure(step, moved, frozen), moved, frozen)


def compiled_steps(
    step: Callable[..., tuple[Any, ...]],
    signature: Sequence[tuple[tuple[int | None, ...], str]],
    moved: Callable[[], Sequence[Any]],
) -> Callable[..., np.ndarray]:
    """Compiles a loop of steps; on a processor one step, which Python repeats.

    XLA computes convolutions within a loop on one of a processor's threads, and slowly.
    """
    if not _is_accelerated():
        return _repeated(compiled(step, signature, moved))
    pure = _pure(step, moved, tuple)

    def loop(values: list[Any], kept: list[Any], *stacks: Any) -> tuple[Any, Any]:
        def once(values: list[Any], arguments: tuple[Any, ...]) -> tuple[Any, Any]:
            outputs, values = pure(values, kept, *arguments)
            return values, jnp.stack(outputs)

        values, outputs = jax.lax.scan(once, values, stacks)
        return outputs.T, values

    run = _compiled(loop, moved, tuple)

    def steps(*stacks: np.ndarray) -> np.ndarray:
        taken = (
            whole(stack, stack.shape[1], axis=1) if stack.ndim > 1 else stack
            for stack in stacks
        )
        return np.array(run(*taken))

    return steps


def _is_accelerated() -> bool:
    return jax.default_backend() != "cpu"


def _repeated(run: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """Starts a compiled step again before its scalars are waited for."""

    def steps(*stacks: np.ndarray) -> np.ndarray:
        taken = [
            run(*(whole(each, len(each)) if each.ndim else each for each in arguments))
            for arguments in zip(*stacks, strict=True)
        ]
        return np.array(taken).T

    return steps


def _pure(
    step: Callable[..., Any],
    moved: Callable[[], Sequence[Any]],
    frozen: Callable[[], Sequence[Any]],
) -> Callable[..., tuple[Any, list[jax.Array]]]:
    """Makes a step a function of the values of variables, too, that returns others."""

    def pure(values: list[Any], kept: list[Any], *arguments: Any) -> tuple[Any, Any]:
        moving, still = _variables_of(moved()), _variables_of(frozen())
        pairs = [*zip(moving, values, strict=True), *zip(still, kept, strict=True)]
        with _Scope(pairs) as scope:
            outputs = step(*arguments)
        others = scope.moved.keys() - {id(variable) for variable in moving}
        if others:
            names = ", ".join(sorted(scope.moved[key].path for key in others))
            raise ValueError(f"a compiled step moves {names}, which it did not name")
        return outputs, [scope.get_current_value(variable) for variable in moving]

    return pure


def _compiled(
    pure: Callable[..., tuple[Any, list[jax.Array]]],
    moved: Callable[[], Sequence[Any]],
    frozen: Callable[[], Sequence[Any]],
) -> Callable[..., Any]:
    """Compiles what `_pure` makes, or a loop of it, and moves the variables by it."""
    # The memory of the old values is used for the new ones.
    everywhere = {"out_shardings": mesh.replicated()} if mesh.mesh() else {}
    run = jax.jit(pure, donate_argnums=0, **everywhere)

    def call(*arguments: Any) -> Any:
        moving, still = _variables_of(moved()), _variables_of(frozen())
        values, kept = map(_VARIABLES.read, (moving, still))
        outputs, values = run(values, kept, *arguments)
        _VARIABLES.assign(moving, values)
        return outputs

    return call


def _variables_of(parts: Sequence[Any]) -> list[keras.Variable]:
    """Lists the variables of networks and optimizers, each once."""
    return list({id(v): v for part in parts for v in part.variables}.values())


def value_and_gradients(
    function: Callable[[], tuple[jax.Array, Any]], variables: Sequence[keras.Variable]
) -> tuple[tuple[jax.Array, Any], list[jax.Array]]:
    """Differentiates a loss."""
    moved: list[keras.Variable] = []

    def pure(values: list[jax.Array]) -> tuple[jax.Array, Any]:
        with _Scope(zip(variables, values, strict=True), variables) as scope:
            loss, others = function()
        moved[:] = scope.moved.values()
        return loss, (others, [scope.get_current_value(each) for each in moved])

    (loss, (others, values)), gradients = jax.value_and_grad(pure, has_aux=True)(
        [variable.value for variable in variables]
    )
    for variable, value in zip(moved, values, strict=True):
        variable.assign(value)
    return (loss, others), gradients


def _key(seed: Any) -> jax.Array:
    words = jnp.asarray(seed).astype(jnp.uint32)
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def fold_in(seed: Any, use: int) -> jax.Array:
    """Derives another seed from one, for a use that is named by a number."""
    return jax.random.key_data(jax.random.fold_in(_key(seed), use))


def normal(shape: tuple[int, ...], seed: Any) -> jax.Array:
    """Draws float32 numbers of mean 0 and standard deviation 1."""
    return mesh.spread(jax.random.normal(_key(seed), shape))


def uniform(shape: tuple[int, ...], seed: Any, end: float = 1.0) -> jax.Array:
    """Draws float32 numbers from 0 to `end`."""
    return jax.random.uniform(_key(seed), shape, maxval=end)


def integers(shape: tuple[int, ...], seed: Any, end: int) -> jax.Array:
    """Draws int32 numbers from 0, below `end`."""
    return jax.random.randint(_key(seed), shape, 0, end)


def shift_each(images: jax.Array, pixels: jax.Array, axis: int) -> jax.Array:
    """Takes rows or columns of each image."""
    return jax.vmap(lambda image, some: jnp.take(image, some, axis=axis - 1))(
        images, pixels
    )


def every(number: int, rows: jax.Array) -> jax.Array:
    """Takes each `number`-th row from the first on."""
    return rows[::number]
