"""Which precision is faster on this processor, found by measuring.

What a processor says of itself does not tell: with `avx512_bf16` bfloat16 is twice as
fast as float32 on some, and half as fast on others.
"""

import math
import time
from collections.abc import Callable

import numpy as np

from foldergan import backend
from foldergan.config.settings import Computed
from foldergan.images import Tensor
from foldergan.storage import cache

# How many times as fast as float32 another must be: no noise, and worth the rounding.
MARGIN = 1.25
_ROUNDS = 7
_MAPS = (8, 16, 16, 128)  # images, height, width, channels: as in the networks here


def choose(settings: Computed, earlier: str | None = None) -> str:
    """Decides what networks are computed in, and prints what auto chose and why.

    Auto keeps what was chosen for the same training earlier.

    Returns:
        "float32" or "bfloat16".
    """
    if settings.precision != "auto":
        _warn_if_emulated(settings.precision)
        return settings.precision
    first, *others = dict.fromkeys(settings.auto_precisions)
    if earlier:
        chosen, why = earlier, "as this training had it before"
        _warn_if_emulated(chosen)
    elif others:
        ratio, when = _known_or_measured()
        chosen = "bfloat16" if ratio >= MARGIN else "float32"
        why = (
            f"bfloat16 is {ratio:.2f} times as fast as float32 on this processor, as "
            f"measured {when}; from {MARGIN} times on it is taken"
        )
    else:
        chosen, why = first, "bfloat16 is not validated for this preset"
    print(f"precision {chosen}: {why}")
    return chosen


def _warn_if_emulated(precision: str) -> None:
    if precision == "bfloat16" and backend.lacks_bfloat16():
        print("warning: this processor has no bfloat16; float32 would be faster")


def _known_or_measured() -> tuple[float, str]:
    """Tells the ratio and when it was measured: once a processor and version."""
    key = backend.computed_on()
    known = cache.recall("precision", key)
    if isinstance(known, float) and math.isfinite(known) and known > 0:
        return known, "earlier"
    ratio = times_as_fast()
    cache.remember("precision", key, ratio)
    return ratio, "now"


def times_as_fast() -> float:
    """Measures how many times as fast bfloat16 is as float32, in a second or so.

    The work is two 3x3 convolutions of 128 channels, forward and backward. Its time is
    the least of seven in turn, of this process alone, so that other work on the machine
    hardly counts.
    """
    backend.load()
    works = {"float32": _work("float32"), "bfloat16": _work("mixed_bfloat16")}
    # What waits for a GPU takes no time of the processor.
    clock = time.perf_counter if backend.devices() else time.process_time
    least = dict.fromkeys(works, math.inf)
    for number in range(1 + _ROUNDS):
        for name, work in works.items():
            start = clock()
            work()
            if number:  # the first compiles
                least[name] = min(least[name], clock() - start)
    return least["float32"] / max(least["bfloat16"], 1e-9)


def _work(policy: str) -> Callable[[], float]:
    """Prepares both convolutions and their gradients in a Keras dtype policy."""
    import keras
    from keras import layers, ops

    from foldergan import engine

    convolutions = [
        layers.Conv2D(_MAPS[3], 3, padding="same", dtype=policy) for _ in range(2)
    ]
    network = keras.Sequential([keras.Input(_MAPS[1:]), *convolutions])

    def step(maps: Tensor) -> Tensor:
        def loss() -> tuple[Tensor, None]:
            return ops.sum(ops.cast(network(maps), "float32")), None

        (total, _), gradients = engine.value_and_gradients(
            loss, network.trainable_variables
        )
        return total + sum(ops.sum(gradient) for gradient in gradients)

    run = engine.compiled(step, [(_MAPS, "float32")], moved=lambda: [network])
    maps = np.random.default_rng(0).standard_normal(_MAPS, np.float32)
    return lambda: float(run(maps))
