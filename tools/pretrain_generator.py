"""Makes a start, which `GANModel.py --start-from` takes, of a training without classes.

    python GANModel.py --preset photo-128 --start-from none --conditioning none \
        --held-out 0 --code-size 128 --warm-up-steps 1000000 --hours 1 \
        --dataset ~/photographs --data-dir learned --model-dir learned
    python tools/pretrain_generator.py learned/resume.npz photographs.npz

Every step of that is of the pre-training. With --resume it continues in pieces. Many
photographs, of all kinds, are best. foldergan/gan/weights/README.md names those of the
start that comes with the package.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from foldergan.gan import start  # noqa: E402
from foldergan.storage import atomic, seals  # noqa: E402


def main() -> None:
    """Writes the start."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("state", type=Path, help="resume.npz of the training")
    parser.add_argument("start", type=Path, help=".npz file to write")
    options = parser.parse_args()
    seals.check(options.state, is_ours=True)
    with np.load(options.state, allow_pickle=False) as file:
        state = {name: file[name] for name in file.files}
    with atomic.replacing(options.start) as temporary:
        np.savez_compressed(temporary, **start.contents(state))
        seals.seal(temporary)
    print(f"{options.start}: {options.start.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
