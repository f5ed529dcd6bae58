"""Keras and TensorFlow, started quietly and seeded."""

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from foldergan import processor
from foldergan.errors import InputError


def start(seed: int) -> None:
    """Imports Keras and TensorFlow and makes what follows repeatable.

    Same seed, same machine, same versions and same number of threads give the
    same bits; TensorFlow promises no more than that.

    Args:
        seed: seeds Python's, NumPy's and TensorFlow's generators.
    """
    load()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def load() -> None:
    """Imports Keras and TensorFlow, which takes seconds, without their chatter."""
    if os.environ.setdefault("KERAS_BACKEND", "tensorflow") != "tensorflow":
        raise InputError(
            f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']}; the training steps here "
            "are TensorFlow's; unset it"
        )
    _refuse_unknown_backend_of_plots()
    if platform.machine() in ("x86_64", "AMD64"):
        # By itself TensorFlow does without oneDNN where there is no AVX-512.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    with _native_log_silenced():
        import tensorflow as tf
        from absl import logging

        tf.config.list_physical_devices("GPU")  # the first look is the noisy one
    _limit_threads()
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


def _limit_threads() -> None:
    """Starts no more threads than the CPU quota lets run at once.

    TensorFlow itself counts the cores that it may run on, without the quota: more
    threads than that would use it up early and then all stand still together.
    """
    import tensorflow as tf

    cores, threading = processor.usable_cores(), tf.config.threading
    is_told = "TF_NUM_INTRAOP_THREADS" in os.environ
    if cores < processor.allowed_cores() and not is_told:
        with contextlib.suppress(RuntimeError):  # it has computed before
            threading.set_intra_op_parallelism_threads(cores)
            threading.set_inter_op_parallelism_threads(cores)


def lacks_bfloat16() -> bool:
    """Tells whether bfloat16 would be emulated, as far as the system says."""
    load()
    import tensorflow as tf

    flags = Path("/proc/cpuinfo")
    if tf.config.list_physical_devices("GPU") or not flags.exists():
        return False
    return "bf16" not in flags.read_text(encoding="utf-8")


def computed_on() -> dict[str, str]:
    """Names all that decides how fast something is computed here."""
    load()
    import tensorflow as tf

    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    known = versions()
    kept = ("keras", "tensorflow", "machine", "processor", "cores")
    return {name: known[name] for name in kept} | {"gpus": ", ".join(names)}


def versions() -> dict[str, str]:
    """Names what a run was made with, for the record beside the model."""
    import keras
    import numpy
    import tensorflow as tf

    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": numpy.__version__,
        "machine": platform.machine(),
        "processor": processor.model_name(),
        "cores": str(processor.usable_cores()),
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
