"""Which precision is faster on this processor, found by measuring.

What a processor says of itself does not tell: with `avx512_bf16` bfloat16 is twice as
fast as float32 on some, and half as fast on others.
"""

import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from foldergan import backend, processor
from foldergan.config.precision import Computed, Convolution
from foldergan.storage import cache

# How many times as fast as float32 another must be: no noise, and worth the rounding.
MARGIN = 1.25
_HEAVIEST = 3  # convolutions that are measured
_ROUNDS = 7
_SECONDS = 0.4  # after which no further round begins
# Operations of a convolution, for each core: first a few, for what is emulated takes
# ten times as long, and then enough that what is around them does not count.
_FEW, _MANY = 1e7, 2e8
_SLOW = 0.7  # times as fast: no need to look closer


def choose(
    settings: Computed, convolutions: list[Convolution], earlier: str | None = None
) -> str:
    """Decides what networks are computed in, and prints what auto chose and why.

    Args:
        settings: its precision and auto_precisions.
        convolutions: of the networks.
        earlier: what was chosen for the same training before, which auto keeps.

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
        ratio, when = _known_or_measured(convolutions)
        chosen = "bfloat16" if ratio >= MARGIN else "float32"
        why = (
            f"bfloat16 is {ratio:.2f} times as fast as float32 on this processor, as "
            f"measured {when}; from {MARGIN} times on it is taken"
        )
    else:
        chosen, why = first, "the quality of no other is measured for this preset"
    print(f"precision {chosen}: {why}")
    return chosen


def _warn_if_emulated(precision: str) -> None:
    if precision == "bfloat16" and backend.lacks_bfloat16():
        print("warning: this processor has no bfloat16; float32 would be faster")


def times_as_fast(convolutions: list[Convolution]) -> float:
    """Measures how many times as fast bfloat16 is as float32, in half a second or so.

    Args:
        convolutions: of the networks; the heaviest are measured.
    """
    heaviest = _heaviest_of(convolutions)
    ratio = _measure(heaviest, _FEW)
    return _measure(heaviest, _MANY) if ratio > _SLOW else ratio


def _heaviest_of(convolutions: list[Convolution]) -> list[Convolution]:
    return sorted(set(convolutions), key=lambda each: each.operations)[-_HEAVIEST:]


def _known_or_measured(convolutions: list[Convolution]) -> tuple[float, str]:
    """Tells how many times as fast bfloat16 is as float32, and when that was measured.

    Remembered for the processor, its cores, the versions and the convolutions.
    """
    heaviest = _heaviest_of(convolutions)
    key = backend.computed_on() | {"convolutions": [list(each) for each in heaviest]}
    known = cache.recall("precision", key)
    if isinstance(known, float) and math.isfinite(known) and known > 0:
        return known, "earlier"
    ratio = times_as_fast(heaviest)
    cache.remember("precision", key, ratio)
    return ratio, "now"


def _measure(convolutions: list[Convolution], operations: float) -> float:
    """Measures convolutions and their gradients in both precisions, in turn.

    Args:
        convolutions: of which each is measured on some random images.
        operations: of each, for each core.

    Returns:
        The median seconds in float32 divided by those in bfloat16.
    """
    works = {
        precision: [_work(each, operations, precision) for each in convolutions]
        for precision in ("float32", "bfloat16")
    }
    seconds: dict[str, list[float]] = {precision: [] for precision in works}
    begin = time.perf_counter()
    for number in range(1 + _ROUNDS):
        for precision, work in works.items():
            start = time.perf_counter()
            for each in work:
                each()
            seconds[precision].append(time.perf_counter() - start)
        # The first round is left out, for then kernels are chosen and memory is found.
        if number and time.perf_counter() - begin > _SECONDS:
            break
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}
    return medians["float32"] / medians["bfloat16"]


def _work(
    convolution: Convolution, operations: float, precision: str
) -> Callable[[], None]:
    """Prepares a convolution, forward and both gradients, of a few random images."""
    from foldergan import engine

    height, width, channels, filters, size, stride, is_transposed = convolution
    images_at_once = operations * processor.usable_cores() / convolution.operations
    count = int(np.clip(images_at_once, 1, 64))
    if images_at_once < 1:  # part of one will do
        height, width = (
            max(size, int(length * math.sqrt(images_at_once)))
            for length in (height, width)
        )
    rng = np.random.default_rng(0)
    pair = (filters, channels) if is_transposed else (channels, filters)
    images, kernel = (
        rng.standard_normal(shape, np.float32)
        for shape in ((count, height, width, channels), (size, size, *pair))
    )
    return engine.convolution_work(images, kernel, stride, is_transposed, precision)
