"""How much memory each of the three scripts takes at its most.

    python benchmarks/peak_memory.py --dataset clothing5/train --backbone lite0.keras \
        --features lite1.keras --presets dcgan-32 best-32 \
        benchmarks/ablations/best-128.toml photo-128

Trains for few epochs, because one step takes as much as the next, with everything
beside them: reading, evaluation, checkpoints, reports. "own" is the process's own
memory (RssAnon of Linux), read 50 times a second. "in all" counts pages of files as
well, such as the array on disk, which the system takes back when it needs them.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side
from growth import status_mib

EPOCHS = 2


def commands_of(name: str, options, folder: Path) -> list[list]:
    """Returns the command of each script; a preset may be a .toml file."""
    from foldergan.config.presets import find_preset

    preset = find_preset(name)
    common = ["--preset", name, "--data-dir", folder, "--model-dir", folder / "model"]
    short = ["--epochs", EPOCHS, "--least-steps", 0]
    trained, of_gan = [*common, *short], ["--save-every", EPOCHS]
    if preset.gan.backbone != "none":
        trained += ["--backbone", options.backbone]
        of_gan += ["--features", options.features, "--warm-up-steps", 1]
    drawer = f"generator_model_{EPOCHS:03d}.h5"
    return [
        ["TrainModel.py", *trained, "--dataset", options.dataset],
        ["GANModel.py", *trained, *of_gan],
        ["GeneratePredict.py", *common, "--generator", drawer, "--count", 1000],
    ]


def peak_of(command: list) -> tuple[float, float]:
    """Runs a script; returns the peaks of its own memory and in all, MiB."""
    script, *flags = map(str, command)
    own, most = 0.0, 0.0
    with subprocess.Popen(
        [sys.executable, side_by_side.ROOT / script, *flags], stdout=subprocess.DEVNULL
    ) as running:
        process = Path("/proc", str(running.pid))
        while running.poll() is None:
            try:
                own = max(own, status_mib(process, "RssAnon"))
                most = max(most, status_mib(process, "VmHWM"))
            except (OSError, StopIteration):  # it has just ended
                break
            time.sleep(0.02)
    if running.returncode:
        sys.exit(f"{script} failed; see above")
    return own, most


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument("--dataset", type=Path, default=side_by_side.ROOT / "dataset")
    parser.add_argument("--backbone", help="of the presets that use one")
    parser.add_argument("--features", help="of these presets' evaluation: a file too")
    parser.add_argument("--presets", nargs="+", default=["dcgan-32", "best-32"])


def main():
    """Runs each preset's scripts in a folder that is removed again."""
    options = side_by_side.parse(__doc__, add_arguments, rounds=1)
    print(f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}")
    rows = []
    for name in options.presets:
        with tempfile.TemporaryDirectory() as folder:
            for command in commands_of(name, options, Path(folder)):
                peaks = [f"{peak:,.0f}" for peak in peak_of(command)]
                rows.append([Path(name).stem, command[0], *peaks])
                print(*rows[-1], file=sys.stderr, flush=True)
    side_by_side.table(["preset", "script", "own, MiB", "in all, MiB"], rows)


if __name__ == "__main__":
    main()
