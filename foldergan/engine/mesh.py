"""JAX on several devices, of one process or of several.

Outside of a compiled step everything lies on the first device of its own process, so
that rank 0 alone can evaluate and save; with `keras.distribution.DataParallel` every
variable is an array of all processes, and rank 0 would wait for the others. A step is
compiled for all devices: weights are whole on each, a batch is cut into as many parts,
and the compiler adds what they tell each other, so that a step is the same function of
the same batch and random numbers, however many devices there are.
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
_HEARTBEAT = 20  # seconds until a silent process counts as lost


def join(address: str, count: int, number: int) -> None:
    """Joins the processes that compute together, before anything is computed.

    JAX's own coordination service, which ends a process whose peer is lost.

    Args:
        address: HOST:PORT that rank 0 listens on; Keras' own call would listen on all
            of its machine's addresses.
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
    """Returns the bytes of rank 0; those of the others do not count."""
    is_first = jax.process_index() == 0
    sent = np.zeros(largest(len(content) if is_first else 0), np.uint8)
    if is_first:
        sent[:] = np.frombuffer(content, np.uint8)
    return multihost_utils.broadcast_one_to_all(sent).tobytes()


@functools.cache
def mesh() -> Any:
    """Lines up the devices of all processes; None where there is only one."""
    devices = jax.devices()
    return Mesh(np.array(devices), (_AXIS,)) if len(devices) > 1 else None


def replicated() -> NamedSharding:
    """Describes arrays that are whole on each device."""
    return NamedSharding(mesh(), PartitionSpec())


def _sharding(count: int) -> NamedSharding:
    """Cuts rows into a part a device; where that cannot be, leaves them whole."""
    if count % mesh().size:
        return replicated()
    return NamedSharding(mesh(), PartitionSpec(_AXIS))


def own_rows(count: int) -> slice:
    """Tells which rows of a batch of `count` this process has to read."""
    if mesh() is None:
        return slice(0, count)
    parts = _sharding(count).addressable_devices_indices_map((count,)).values()
    spans = [part[0].indices(count) for part in parts]
    return slice(min(start for start, *_ in spans), max(end for _, end, _ in spans))


def whole(own: np.ndarray, count: int) -> Any:
    """Makes the array of a batch of `count` rows from every process' own rows."""
    if mesh() is None:
        return own
    shape = (count, *own.shape[1:])
    return jax.make_array_from_process_local_data(_sharding(count), own, shape)


def spread(numbers: jax.Array) -> jax.Array:
    """Lets each device compute its own rows of an array, inside of a step alone."""
    if mesh() is None or not isinstance(numbers, jax.core.Tracer):
        return numbers
    return jax.lax.with_sharding_constraint(numbers, _sharding(numbers.shape[0]))


def read(variables: Sequence[keras.Variable]) -> list[jax.Array]:
    """Returns values on all devices; what was assigned elsewhere is copied there."""
    if mesh() is None:
        return [variable.value for variable in variables]
    return [_read(variable) for variable in variables]


def _read(variable: keras.Variable) -> jax.Array:
    here, everywhere = getattr(variable, "_on_mesh", (None, None))
    if here is not variable.value:
        here = variable.value
        everywhere = jax.make_array_from_process_local_data(
            replicated(), np.asarray(here), here.shape
        )
        variable._on_mesh = here, everywhere
    return everywhere


def assign(variables: Sequence[keras.Variable], values: Sequence[jax.Array]) -> None:
    """Assigns what a step has changed variables to, from one step to the next."""
    for variable, value in zip(variables, values, strict=True):
        if mesh() is None:
            variable.assign(value)
            continue
        variable.assign(value.addressable_data(0))  # shares its memory
        variable._on_mesh = variable.value, value
