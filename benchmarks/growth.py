"""What GANModel.py holds as it trains: memory and open files after each epoch.

    python benchmarks/growth.py --steps 2000

Preset smoke on the images in dataset/, a checkpoint per epoch. Memory is the process's
own (RssAnon of Linux): pages of the array on disk are not counted, because the system
takes them back when it needs them. The first epoch does not count.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import side_by_side


def train(steps: int, folder: Path) -> list[list]:
    """Trains for so many steps after the first epoch; returns a row an epoch."""
    from foldergan.config import presets

    images = len(list((side_by_side.ROOT / "dataset").glob("*/*.jpg")))
    of_epoch = -(-images // (presets.PRESETS["smoke"].gan.batch_size // 2))
    epochs = 1 + -(-steps // of_epoch)
    flags = ["--dataset", side_by_side.ROOT / "dataset", "--epochs", str(epochs)]
    command = [side_by_side.ROOT / "GANModel.py", "--preset", "smoke", *flags]
    rows = []
    with subprocess.Popen(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as training:
        process = Path("/proc", str(training.pid))
        for line in training.stdout:
            if line.startswith("epoch ") and " step " not in line:
                files = len(list((process / "fd").iterdir()))
                memory = f"{status_mib(process, 'RssAnon'):.0f}"
                rows.append([len(rows) * of_epoch, memory, files])
    if training.returncode:
        sys.exit("the training failed; see above")
    return rows


def status_mib(process: Path, name: str) -> float:
    """Reads one of Linux' figures of a process' memory.

    Args:
        process: its folder in /proc.
        name: RssAnon is what it holds by itself, VmHWM the most in all so far.
    """
    status = (process / "status").read_text()
    line = next(line for line in status.splitlines() if name in line)
    return int(line.split()[1]) / 1024


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument("--steps", type=int, default=2000)


def main():
    """Trains in a folder that is removed again, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments, rounds=1)
    print(f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}")
    with tempfile.TemporaryDirectory() as name:
        rows = train(options.steps, Path(name))
    side_by_side.table(["steps after the first epoch", "MiB", "open files"], rows)


if __name__ == "__main__":
    main()
