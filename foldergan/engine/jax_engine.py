"""JAX: how it is started, compiles, differentiates and draws numbers.

Every function here is the twin of one in `tensorflow_engine`, where it is described.
Keras' variables are updated by `assign` there; here a scope notes what they would
become, and whoever opened it updates them.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from foldergan.engine import mesh
from foldergan.engine.mesh import own_rows, whole  # noqa: F401


def prepare(threads: int | None) -> None:
    """Limits the threads of the processor's backend."""
    if threads:
        os.environ.setdefault("NPROC", str(threads))  # read at the first computation


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


class _Scope(keras.StatelessScope):
    """Notes what variables become, with the values of the scope around it.

    Args:
        values: variables and what they are at the beginning.
        differentiated: of these, by which a loss is differentiated.

    Attributes:
        moved: id -> variable that was updated.
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

        To update a variable is no part of the loss, and what is computed with it from
        then on is differentiated by it as it is then: spectral normalization updates
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

    def pure(
        values: list[jax.Array], kept: list[jax.Array], *arguments: Any
    ) -> tuple[Any, list[jax.Array]]:
        """Takes the variables' values too, and returns what they become."""
        moving, still = _variables_of(moved()), _variables_of(frozen())
        pairs = [*zip(moving, values, strict=True), *zip(still, kept, strict=True)]
        with _Scope(pairs) as scope:
            outputs = step(*arguments)
        others = scope.moved.keys() - {id(variable) for variable in moving}
        if others:
            names = ", ".join(sorted(scope.moved[key].path for key in others))
            raise ValueError(f"a compiled step moves {names}, which it did not name")
        return outputs, [scope.get_current_value(variable) for variable in moving]

    # The memory of the old values is used for the new ones.
    everywhere = {"out_shardings": mesh.replicated()} if mesh.mesh() else {}
    run = jax.jit(pure, donate_argnums=0, **everywhere)

    def call(*arguments: Any) -> Any:
        moving, still = _variables_of(moved()), _variables_of(frozen())
        outputs, values = run(mesh.read(moving), mesh.read(still), *arguments)
        mesh.assign(moving, values)
        return outputs

    return call


def compiled_steps(
    step: Callable[..., tuple[Any, ...]],
    signature: Sequence[tuple[tuple[int | None, ...], str]],
    moved: Callable[[], Sequence[Any]],
) -> Callable[..., np.ndarray]:
    """Compiles one step, which Python starts again before its scalars are waited for.

    XLA computes convolutions within a loop on one of a processor's threads, and slowly.
    """
    run = compiled(step, signature, moved)

    def steps(*stacks: np.ndarray) -> np.ndarray:
        taken = [
            run(*(whole(each, len(each)) if each.ndim else each for each in arguments))
            for arguments in zip(*stacks, strict=True)
        ]
        return np.array(taken).T

    return steps


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
    """Derives another seed from one, for a use with a number."""
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
