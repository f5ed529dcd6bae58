"""Scripts in a process of their own, on JAX."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None,
    reason="JAX is not installed: pip install -r requirements-jax.txt",
)

COMPILED_QUICKLY = "--xla_backend_optimization_level=0"  # little is computed


def start_in_jax(folder: Path, name: str, *arguments, **variables) -> subprocess.Popen:
    """Starts a script of the project, which fails if anything imports TensorFlow.

    Args:
        folder: to start it in.
        name: of the script.
        arguments: of its command line.
        variables: of its environment, beside those of all.
    """
    trap = folder / "trap" / "tensorflow.py"
    trap.parent.mkdir(exist_ok=True)
    trap.write_text("raise RuntimeError('TensorFlow is imported under JAX')")
    environment = ENVIRONMENT | {
        "KERAS_BACKEND": "jax",
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(trap.parent),
        "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
        "XLA_FLAGS": COMPILED_QUICKLY,
    }
    return subprocess.Popen(
        [sys.executable, ROOT / name, *map(str, arguments)],
        cwd=folder,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_in_jax(folder: Path, name: str, *arguments) -> subprocess.CompletedProcess:
    """Runs a script to its end, as of `start_in_jax`."""
    started = start_in_jax(folder, name, *arguments)
    said = started.communicate()
    return subprocess.CompletedProcess(started.args, started.returncode, *said)
