"""Keras and TensorFlow, started quietly and seeded."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from foldergan.errors import InputError


def start(seed: int, precision: str = "float32") -> None:
    """Imports Keras and TensorFlow and makes what follows repeatable.

    Same seed, same machine, same versions and same number of threads give the
    same bits; TensorFlow promises no more than that.

    Args:
        seed: seeds Python's, NumPy's and TensorFlow's generators.
        precision: of the training to come; a processor without it is warned of.
    """
    load()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if precision == "bfloat16" and _lacks_bfloat16():
        print("warning: this processor has no bfloat16; float32 would be faster")


def load() -> None:
    """Imports Keras and TensorFlow, which takes seconds, without their chatter."""
    if os.environ.setdefault("KERAS_BACKEND", "tensorflow") != "tensorflow":
        raise InputError(
            f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}; the training steps here "
            "are TensorFlow's; unset it"
        )
    _refuse_unknown_backend_of_plots()
    with _native_log_silenced():
        import tensorflow as tf
        from absl import logging

        tf.config.list_physical_devices("GPU")  # the first look is the noisy one
    # It warns of `predict` on batches of several sizes, of which there are two.
    tf.get_logger().setLevel("ERROR")
    # Keras calls .h5 a legacy format at every save; the names are our contract.
    logging.set_verbosity(logging.ERROR)


def _refuse_unknown_backend_of_plots() -> None:
    """Refuses what matplotlib would, but before a training rather than after it."""
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        raise InputError(
            f"MPLBACKEND is {os.environ.get('MPLBACKEND')!r}, which matplotlib does "
            "not know; unset it"
        ) from error


def _lacks_bfloat16() -> bool:
    """Tells whether bfloat16 would be emulated, as far as the system says."""
    import tensorflow as tf

    processor = Path("/proc/cpuinfo")
    if tf.config.list_physical_devices("GPU") or not processor.exists():
        return False
    return "bf16" not in processor.read_text(encoding="utf-8")


def versions() -> dict[str, str]:
    """Names what a run was made with, for the record beside the model."""
    import platform

    import keras
    import numpy
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": numpy.__version__,
        "machine": platform.machine(),
        "cpu_count": str(os.cpu_count()),
    }


@contextlib.contextmanager
def _native_log_silenced() -> Iterator[None]:
    """Keeps TensorFlow's start-up lines off the screen unless its level is set.

    They are printed by C++ before any log level is read, so that only the file
    descriptor itself can be turned away.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
