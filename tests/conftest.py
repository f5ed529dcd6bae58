"""What the tests share: tiny pictures, and the scripts run as a user would."""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.images import cv2  # imported there, with its limit of pixels

ROOT = Path(__file__).parent.parent
os.environ.setdefault("MPLBACKEND", "agg")


class Result:
    """The end of a script: its exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def script(tmp_path, monkeypatch, capfd):
    """Runs a script in this process, in an empty folder: fast, TensorFlow is warm."""

    def run(name: str, *arguments: str) -> Result:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / name), run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture
def process(tmp_path):
    """Runs a script in a process of its own, in an empty folder."""

    def run(name: str, *arguments: str) -> Result:
        done = subprocess.run(
            [sys.executable, ROOT / name, *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def picture_folder(tmp_path) -> Path:
    """A dataset/ of two classes with four pictures each: red ones and blue ones."""
    rng = np.random.default_rng(0)
    for name, channel in (("blue", 0), ("red", 2)):  # OpenCV's order
        folder = tmp_path / "dataset" / name
        folder.mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 64, (40, 48, 3), np.uint8)
            pixels[..., channel] += 160
            cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return tmp_path / "dataset"
