"""A disk that fills up while networks are saved: one sentence, the old files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT

pytest.importorskip("resource")  # Windows has no limit on the size of files

H5_OF = {
    "any": {"any.h5"},
    "classifier": {"train.h5"},
    "networks": {
        "discriminator.h5",
        "gan.h5",
        "generator.h5",
        "generator_model_001.h5",
    },
    "named": {"generator_model_001.h5"},
    "best": {"generator_best.h5"},
    "state": set(),
}


def test_every_writer_of_networks_on_a_full_disk_keeps_the_old_file(tmp_path):
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("full_disk.py"), tmp_path],
        env={**ENVIRONMENT, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    sizes = {writer: set() for writer in H5_OF}
    for line in lines:
        sizes[line["writer"]].add(line["limit"])
        assert H5_OF[line["writer"]] <= set(line["files"])
        assert line["message"].startswith("could not write "), line
        assert len(line["message"].splitlines()) == 1, line
        assert line["old_stands"] and not line["torn"] and not line["stray"], line
    assert all(len(limits) >= 5 for limits in sizes.values()), sizes
