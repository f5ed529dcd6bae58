"""How long a newcomer waits: for a line, for a page to look at, for the end.

    python benchmarks/first_result.py
    python benchmarks/first_result.py --presets photo-128

Runs the three scripts in a new folder, as `make run` and `make photographs` do. First
line: the longest wait of the three scripts for one. First page: from the start of
TrainModel.py to report.html; first grid: to generated_plot_e*.png. CPU seconds are of
all cores together, and so depend less on other work beside it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import side_by_side
from side_by_side import ROOT

# Preset -> its images, and flags of GANModel.py.
RUNS = {
    "dcgan-32": (ROOT / "dataset", []),
    "best-32": (ROOT / "dataset", ["--hours", "0.05"]),
    "photo-128": (ROOT / "examples" / "clothes", ["--hours", "0.15"]),
}


FIRST = ("report.html", "generated_plot_e*.png")


def when_exists(folder: Path, pattern: str, start: float, found: dict[str, float]):
    """Waits for a file in a folder and notes how many seconds that took."""

    def look():
        while not any(folder.glob(pattern)):
            time.sleep(0.1)
        found[pattern] = time.monotonic() - start

    threading.Thread(target=look, daemon=True).start()


def run(script: str, folder: Path, flags: list) -> float:
    """Runs a script to its end; returns the seconds until its first line."""
    start = time.monotonic()
    command = [sys.executable, ROOT / script, *map(str, flags)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as started:
        started.stdout.readline()
        seconds = time.monotonic() - start
        started.stdout.read()
    if started.returncode:
        sys.exit(f"{script} ended with exit code {started.returncode}")
    return seconds


def cpu_seconds() -> float:
    """CPU seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(preset: str, folder: Path) -> list:
    """Runs the three scripts; returns a row of the table."""
    dataset, of_gan = RUNS[preset]
    start, cpu, found, waits, ends = time.monotonic(), cpu_seconds(), {}, [], []
    for pattern in FIRST:
        when_exists(folder / "model", pattern, start, found)
    for script, flags in (
        ("TrainModel.py", ["--dataset", dataset]),
        ("GANModel.py", of_gan),
        ("GeneratePredict.py", []),
    ):
        waits.append(run(script, folder, ["--preset", preset, *flags]))
        ends.append(time.monotonic() - start)
    return [
        preset,
        f"{max(waits):.1f}",
        *(f"{found[pattern]:.0f}" for pattern in FIRST),
        *(f"{end:.0f}" for end in ends),
        f"{cpu_seconds() - cpu:.0f}",
    ]


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", choices=RUNS, default=list(RUNS))
    options = parser.parse_args()
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()  # as on a fresh machine
    rows = []
    for preset in options.presets:
        with tempfile.TemporaryDirectory() as name:
            rows.append(measure(preset, Path(name)))
    print(
        f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}; "
        "n=1, seconds"
    )
    side_by_side.table(
        [
            "preset",
            "first line, at most",
            "first page",
            "first grid",
            "TrainModel.py ends",
            "GANModel.py ends",
            "GeneratePredict.py ends",
            "CPU seconds",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
