"""The scripts killed at random moments, in a short form of the benchmark."""

import subprocess
import sys

import pytest
from conftest import ENVIRONMENT, ROOT


@pytest.mark.slow
def test_kills_at_random_moments_lose_and_mix_nothing():
    flags = ("--kills", "4", "--per-stage", "1", "--presets", "smoke")
    command = [sys.executable, ROOT / "benchmarks" / "crashes.py", *flags]
    found = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "4 kills (" in found.stdout  # one that comes too late is made up for
    assert ": 0 lost, 0 mixed," in found.stdout
