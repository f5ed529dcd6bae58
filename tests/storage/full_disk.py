"""Every writer of model files on a disk that takes files of a few sizes only.

A program of its own, because the library that writes .h5 files can crash a process:
for each writer and size it prints a line of JSON.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from conftest import classifier_of, discriminator_of, generator_of

from foldergan.errors import RunError
from foldergan.gan.saves import Snapshots
from foldergan.storage import models
from foldergan.storage.checkpoint import Checkpoint

SHAPE = (8, 8, 3)
OLD = b"old"
KIB = 1024


def writers(folder: Path):
    """Functions that write into a folder, by what they write."""
    classifier = classifier_of(SHAPE, 2, (4,), 8)
    generator = generator_of(SHAPE, 5, (4, 4), num_classes=2)
    discriminator = discriminator_of(SHAPE, (4, 4))
    plain = generator_of(SHAPE, 5, (4, 4))
    saves = ("generator", "networks")
    of_plain, of_named = (
        SimpleNamespace(discriminator=discriminator, inference_generator=each, seed=0)
        for each in (plain, generator)
    )
    snapshots = Snapshots(saves, of_plain, None, folder, "a")
    named = Snapshots(saves[:1], of_named, ["a", "b"], folder, "a")
    row = {"epoch": 1, "kernel_distance": 1.0, "kernel_distance_error": 0.1}
    row |= {"frechet_distance": 1.0, "real": 7, "fake": 7, "extractor": "any"}
    images = np.full((7, *SHAPE), 0.5, np.float32)
    return {
        "any": lambda: models.save_model(folder / "any.h5", plain),
        "classifier": lambda: models.save_classifier(
            folder, classifier, ["a", "b"], ()
        ),
        "networks": lambda: snapshots.save(1),
        "named": lambda: named.save(1),
        "best": lambda: named.save_quality([row], lambda: (images, images)),
        "state": lambda: Checkpoint(folder, {}).save({"w": np.ones((64, 128))}),
    }


def clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def written_by(write, folder: Path) -> dict[str, bytes]:
    """What a writer leaves where there is room."""
    clear(folder)
    keras.utils.clear_session()  # layers are numbered anew: the same bytes each time
    write()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def attempt(write, folder: Path, whole: dict[str, bytes], limit: int) -> dict:
    """Lets a writer replace old files, none of which may grow beyond a limit."""
    clear(folder)
    for name in whole:
        (folder / name).write_bytes(OLD)
    keras.utils.clear_session()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    failed = message = ""
    try:
        write()
    except RunError as error:
        message = str(error)
        failed = Path(message.removeprefix("could not write ").partition(": ")[0]).name
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {
        "message": message,
        "old_stands": left.get(failed) == OLD,
        "torn": [n for n in whole if left.get(n) not in (OLD, whole[n])],
        "stray": sorted(left.keys() - whole.keys()),
    }


def main(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, write in writers(folder).items():
        whole = written_by(write, folder)
        largest = max(map(len, whole.values()))
        limits = {1, 8 * KIB, 12 * KIB, 16 * KIB, 24 * KIB, 38 * KIB}
        limits |= {largest // 2, largest - 4 * KIB, largest - 1}
        for limit in sorted(limit for limit in limits if 0 < limit < largest):
            result = attempt(write, folder, whole, limit)
            line = {"writer": name, "limit": limit, "files": sorted(whole), **result}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
