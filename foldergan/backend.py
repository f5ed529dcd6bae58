"""Keras and the backend that it computes with, started quietly and seeded."""

import contextlib
import importlib
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from foldergan import processor
from foldergan.errors import InputError

# Those that `engine` knows, and what installs them.
_BACKENDS = {"tensorflow": "requirements.txt", "jax": "requirements-jax.txt"}


def start(seed: int) -> None:
    """Imports Keras and its backend and makes what follows repeatable.

    Same seed, same backend, same machine, same versions and same number of threads
    give the same bits; neither backend promises more than that.
    """
    load()
    from foldergan import engine

    engine.seed_everything(seed)


def load() -> None:
    """Imports Keras and its backend, which takes seconds, without their chatter.

    Raises:
        InputError: KERAS_BACKEND names another than TensorFlow or JAX, or one that is
            not installed.
    """
    _refuse_other_backends()
    _refuse_unknown_backend_of_plots()
    if platform.machine() in ("x86_64", "AMD64"):
        # By itself TensorFlow does without oneDNN where there is no AVX-512.
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # The backends count the cores that they may run on without the quota: more threads
    # than that would use it up early and then all stand still together.
    cores = processor.usable_cores()
    # C++ prints lines as it starts, before any log level is read.
    is_said = "TF_CPP_MIN_LOG_LEVEL" in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with contextlib.nullcontext() if is_said else output_silenced():
        from foldergan import engine

        engine.prepare(cores if cores < processor.allowed_cores() else None)
    import keras
    from absl import logging

    # Keras calls .h5 a legacy format whenever it saves one; the names are our contract.
    logging.set_verbosity(logging.ERROR)
    # Whatever the user's own keras.json asks for.
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")


def name() -> str:
    """Names the backend; TensorFlow unless KERAS_BACKEND says otherwise."""
    return os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _refuse_other_backends() -> None:
    if name() not in _BACKENDS:
        raise InputError(
            f"KERAS_BACKEND is {name()}; the training steps here are TensorFlow's and "
            "JAX's; set it to tensorflow or jax, or unset it"
        )
    if importlib.util.find_spec(name()) is None:
        raise InputError(
            f"KERAS_BACKEND is {name()}, which is not installed here; run: "
            f"python -m pip install -r {_BACKENDS[name()]}"
        )


def _refuse_unknown_backend_of_plots() -> None:
    """Refuses what matplotlib would, but before a training rather than after it."""
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        raise InputError(
            f"MPLBACKEND is {os.environ.get('MPLBACKEND')!r}, which matplotlib does "
            "not know; unset it"
        ) from error


def lacks_bfloat16() -> bool:
    """Tells whether bfloat16 would be emulated, as far as the system says."""
    flags = Path("/proc/cpuinfo")
    if devices() or not flags.exists():
        return False
    return "bf16" not in flags.read_text(encoding="utf-8")


def devices() -> list[str]:
    """Names the GPUs that the backend sees."""
    load()
    from foldergan import engine

    return engine.devices()


def computed_on() -> dict[str, str]:
    """Names all that decides how fast something is computed here."""
    gpus, known = devices(), versions()
    kept = ("keras", name(), "machine", "processor", "cores")
    return {each: known[each] for each in kept} | {"gpus": ", ".join(gpus)}


def versions() -> dict[str, str]:
    """Names what a run was made with, for the record beside the model."""
    import keras
    import numpy

    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": name(),
        name(): importlib.import_module(name()).__version__,
        "numpy": numpy.__version__,
        "machine": platform.machine(),
        "processor": processor.model_name(),
        "cores": str(processor.usable_cores()),
    }


@contextlib.contextmanager
def output_silenced() -> Iterator[None]:
    """Turns away what C++ prints, which only the file descriptors themselves can."""
    kept = {number: os.dup(number) for number in (1, 2)}
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "wb") as nowhere:
        for number in kept:
            os.dup2(nowhere.fileno(), number)
    try:
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
