"""Filling a dataset folder with drawn images, killed half-way; then training on it.

    python benchmarks/export.py
    python benchmarks/export.py --per-class 100 --gan "--epochs 2" --work ~/runs-export

Trains classifier and GAN of a preset on the images in dataset/, by class. Then it
exports twice: once unbroken, once killed (SIGKILL) when half of the images are there
and started again with the same command. Both folders must hold the same files, byte for
byte, and their checksums must fit. TrainModel.py reads that and trains an epoch.
What is in the work folder already is not made again.
"""

import argparse
import hashlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="dcgan-32")
    parser.add_argument("--per-class", type=int, default=5000)
    parser.add_argument("--min-confidence", type=float, default=0.5)
    parser.add_argument(
        "--gan", default="", metavar="FLAGS", help="more flags of GANModel.py"
    )
    parser.add_argument("--work", type=Path, help="folder to keep it all in")
    return parser.parse_args()


class Script:
    """A script that runs in a process of its own.

    Args:
        options: the flags.
        work: folder of arrays, models and logs.
        name: of the script.
        flags: of it.
    """

    def __init__(self, options, work: Path, name: str, *flags):
        command = [sys.executable, side_by_side.ROOT / name, "--preset", options.preset]
        command += ["--data-dir", work, "--model-dir", work / "model", *flags]
        self._log = work / f"{name}.log"
        with open(self._log, "a") as log:
            self._process = subprocess.Popen(
                list(map(str, command)), stdout=log, stderr=log
            )
        self._start = time.perf_counter()

    def is_running(self) -> bool:
        """Tells whether it has not ended yet."""
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def end(self) -> tuple[float, float]:
        """Waits for it; returns seconds and its peak memory in MiB."""
        _, status, usage = os.wait4(self._process.pid, 0)
        if status:
            sys.exit(f"{self._log.stem} failed; see {self._log}")
        return time.perf_counter() - self._start, usage.ru_maxrss / 2**10


def export_killed(options, work: Path, folder: Path, flags, wanted: int) -> int:
    """Starts an export and kills it half-way; returns how many images are there."""
    started = Script(options, work, "GeneratePredict.py", *flags, "--export", folder)
    while started.is_running() and count_images(folder) < wanted // 2:
        time.sleep(0.2)
    started.kill()
    return count_images(folder)


def count_images(folder: Path) -> int:
    """Counts the images that have their final names."""
    return sum(
        entry.name.startswith("gen_")
        for of_class in (folder.iterdir() if folder.is_dir() else ())
        if of_class.is_dir()
        for entry in os.scandir(of_class)
    )


def contents(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of every file, and of no lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refuse_wrong_checksums(folder: Path, found: dict[str, str]) -> None:
    """Compares SHA256SUMS with the files, which must all be in it."""
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    told = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    if told.items() - found.items() or len(told) < count_images(folder):
        sys.exit(f"{folder / 'SHA256SUMS'} does not fit what is there")


def run(options, work: Path) -> list[list]:
    """Does it all; returns the rows of a table."""
    dataset = ("--dataset", side_by_side.ROOT / "dataset")
    flags = ("--per-class", options.per_class)
    flags += ("--min-confidence", options.min_confidence)
    wanted = options.per_class * sum(x.is_dir() for x in dataset[1].iterdir())
    rows = []

    def add(what: str, took: tuple[float, float], images: int | str = "") -> None:
        rows.append([what, images, f"{took[0]:.0f}", f"{took[1]:.0f}"])
        print(*rows[-1], flush=True)

    if not (work / "model" / "gan_curves.png").exists():
        Script(options, work, "TrainModel.py", *dataset).end()
        gan = ("--conditioning", "class", *shlex.split(options.gan))
        Script(options, work, "GANModel.py", *gan).end()
    unbroken, broken = work / "unbroken", work / "broken"
    started = Script(options, work, "GeneratePredict.py", *flags, "--export", unbroken)
    add("export, unbroken", started.end(), count_images(unbroken))
    before = export_killed(options, work, broken, flags, wanted)
    started = Script(options, work, "GeneratePredict.py", *flags, "--export", broken)
    add(f"export, resumed at {before:,}", started.end(), count_images(broken))
    found = contents(broken)
    if found != contents(unbroken):
        sys.exit(f"{broken} and {unbroken} hold other files")
    refuse_wrong_checksums(broken, found)
    if count_images(broken) != wanted:
        sys.exit(f"{broken} holds {count_images(broken)} images, not {wanted}")
    read = work / "read"
    read.mkdir(exist_ok=True)
    again = ("--dataset", broken, "--epochs", 1, "--data-dir", read)
    started = Script(options, work, "TrainModel.py", *again, "--model-dir", read)
    add("read by TrainModel.py, trained for an epoch", started.end(), wanted)
    return rows


def main():
    """Runs it, and prints a table."""
    options = parse()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        rows = run(options, work)
    packages = ("keras", "tensorflow", "opencv-python-headless")
    print(f"\n{side_by_side.machine()}; {side_by_side.versions(*packages)}; n=1")
    side_by_side.table(["part", "images", "seconds", "peak MiB"], rows)


if __name__ == "__main__":
    main()
