"""benchmarks/accelerator.py comes to its end on a processor, and counts rightly."""

import json
import subprocess
import sys

import pytest
from conftest import ENVIRONMENT, ROOT
from jax_process import COMPILED_QUICKLY, needs_jax

SCRIPT = ROOT / "benchmarks" / "accelerator.py"
MATMUL = {"flops": 1e12, "device": "a device"}


@pytest.fixture
def accelerator(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import accelerator

    return accelerator


# Each kind of part, and each backend.
PARTS = (
    "matmul tensorflow float32",
    "matmul jax float32",
    "dcgan-32 tensorflow bfloat16",
    "best-32 jax float32",
    "photo-128 tensorflow float32",
    "scripts jax",
)


@needs_jax
@pytest.mark.slow
def test_it_comes_to_its_end(tmp_path):
    command = [sys.executable, SCRIPT, "--quick", "--minutes", "60"]
    command += ["--output", tmp_path / "found.json", "--only", *PARTS]
    ended = subprocess.run(
        command,
        env=ENVIRONMENT | {"XLA_FLAGS": COMPILED_QUICKLY},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == set(PARTS)
    assert set(found.pop("scripts jax")["seconds"]) >= {"TrainModel", "GANModel"}
    for name, part in found.items():
        assert part["flops" if name.startswith("matmul") else "seconds"] > 0
    assert "left out" not in ended.stdout
    *_, row = ended.stdout.splitlines()
    assert row.startswith("| cpu | ") and row.count("float") == 3


def test_a_step_at_the_rate_of_the_matrix_product_is_all_of_it(accelerator):
    seconds = accelerator.gan_step.step_flops(half=True) / 1e12
    found = {
        "matmul jax float32": MATMUL,
        "dcgan-32 jax float32": {"seconds": seconds, "images": 64},
        "photo-128 jax float32": {"seconds": 2.0, "images": 32},
        "best-32 jax float32": {"absent": "it took more than 9 s"},
        "scripts jax": {"seconds": {"TrainModel": 3}},
    }
    rate = f"{64 / seconds:.0f}"
    assert accelerator.summary(found) == [
        ["dcgan-32 jax float32", f"{1e3 * seconds:.2f}", rate, "100%"],
        ["photo-128 jax float32", "2000.00", "16", ""],
    ]


def test_a_part_that_takes_too_long_or_fails_is_said_and_ends_nothing(
    accelerator, monkeypatch
):
    class Options:
        quick = True

    assert (
        "more than 0 s"
        in accelerator.run_apart("matmul jax float32", Options, 0.1)["absent"]
    )
    assert (
        "exit code"
        in accelerator.run_apart("nothing tensorflow", Options, 60)["absent"]
    )
