"""JAX on several devices, of one process or of several.

Outside of a compiled step everything lies on the first device of its own process, so
that one process alone can draw, evaluate and save. A step is compiled for all devices:
weights are whole on each, a batch is cut into as many parts. The compiler adds what
they have to tell each other, so that one step is the same function of the same global
batch and random numbers, however many devices there are.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "batch"
_HEARTBEAT = 20  # seconds until a process that says nothing is given up


def join(address: str, count: int, number: int) -> None:
    """Joins the processes that compute together, before anything is computed.

    JAX's own coordination service, which ends a process whose peer is lost.

    Args:
        address: HOST:PORT that the first process listens on.
        count: processes in all.
        number: of this one, from 0.
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        address,
        count,
        number,
        # Else it looks for a cluster to ask which devices to use.
        cluster_detection_method="deactivate",
        heartbeat_timeout_seconds=_HEARTBEAT,
        coordinator_bind_address=None if number else address,
    )
    largest(0)  # the first connections are the noisy ones


def leave() -> None:
    """Waits until each process has come here; from then on each is alone."""
    jax.distributed.shutdown()


def largest(number: int) -> int:
    """Returns the largest of the numbers that all processes come here with."""
    return int(multihost_utils.process_allgather(np.int32(number)).max())


def from_first(content: bytes) -> bytes:
    """Returns the first process' bytes; those of the others do not count."""
    size = largest(len(content) if jax.process_index() == 0 else 0)
    sent = np.zeros(size, np.uint8)
    if jax.process_index() == 0:
        sent[:] = np.frombuffer(content, np.uint8)
    return multihost_utils.broadcast_one_to_all(sent).tobytes()


@functools.cache
def mesh() -> Any:
    """Lines up the devices of all processes; None where there is only one."""
    devices = jax.devices()
    return Mesh(np.array(devices), (_AXIS,)) if len(devices) > 1 else None


def replicated() -> NamedSharding:
    """Tells of arrays that are whole on each device."""
    return NamedSharding(mesh(), PartitionSpec())


def _sharding(count: int, axis: int = 0) -> NamedSharding:
    """Cuts an axis into a part a device; where that cannot be, leaves it whole.

    Args:
        count: length of the axis.
        axis: its number.
    """
    if count % mesh().size:
        return replicated()
    return NamedSharding(mesh(), PartitionSpec(*[None] * axis, _AXIS))


def own_rows(count: int) -> slice:
    """Tells which rows of a batch this process has to read.

    Its share where they can be dealt out evenly to the devices, else all of them.

    Args:
        count: rows of the batch.
    """
    if mesh() is None:
        return slice(0, count)
    parts = _sharding(count).addressable_devices_indices_map((count,)).values()
    spans = [part[0].indices(count) for part in parts]
    return slice(min(start for start, *_ in spans), max(end for _, end, _ in spans))


def whole(own: np.ndarray, count: int, axis: int = 0) -> Any:
    """Makes the array of a whole batch from every process' own rows.

    Args:
        own: the rows of `own_rows`.
        count: rows of the batch.
        axis: that they lie along.
    """
    if mesh() is None:
        return own
    shape = (*own.shape[:axis], count, *own.shape[axis + 1 :])
    return jax.make_array_from_process_local_data(_sharding(count, axis), own, shape)


def spread(numbers: jax.Array) -> jax.Array:
    """Lets each device compute its own rows of an array, inside of a step alone."""
    if mesh() is None or not isinstance(numbers, jax.core.Tracer):
        return numbers
    return jax.lax.with_sharding_constraint(numbers, _sharding(numbers.shape[0]))


class Variables:
    """The values of Keras' variables on all devices, from one step to the next."""

    def __init__(self) -> None:
        # id of a variable -> its value here, and the same on all devices.
        self._known: dict[int, tuple[jax.Array, jax.Array]] = {}

    def read(self, variables: Sequence[keras.Variable]) -> list[jax.Array]:
        """Returns values; what was assigned elsewhere is copied to all devices."""
        if mesh() is None:
            return [variable.value for variable in variables]
        return [self._read(variable) for variable in variables]

    def _read(self, variable: keras.Variable) -> jax.Array:
        here, everywhere = self._known.get(id(variable), (None, None))
        if here is not variable.value:
            here = variable.value
            everywhere = jax.make_array_from_process_local_data(
                replicated(), np.asarray(here), here.shape
            )
            self._known[id(variable)] = here, everywhere
        return everywhere

    def assign(
        self, variables: Sequence[keras.Variable], values: Sequence[jax.Array]
    ) -> None:
        """Assigns what a step has moved them to."""
        for variable, value in zip(variables, values, strict=True):
            if mesh() is None:
                variable.assign(value)
                continue
            variable.assign(value.addressable_data(0))  # shares its memory
            self._known[id(variable)] = variable.value, value
