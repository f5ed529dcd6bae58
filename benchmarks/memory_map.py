"""Training from images on disk against images in memory.

    python benchmarks/memory_map.py
    python benchmarks/memory_map.py --only memory mapped

    memory          all images in memory
    mapped          np.load(mmap_mode="r"), the file in the page cache
    mapped, cold    the same, the file out of the page cache
    uint8, mapped   the same as mapped from a file of uint8, divided by 255 a batch
    uint8, cold     the same, the file out of the page cache

The work is STEPS steps of the CNN of dcgan-32 at batch 32, over images at random of
--count images of 32x32: no other training here takes images as fast. Beside the time of
a step stands the processor's, which other work on the machine changes less; it counts
no waiting for the disk.
"""

import contextlib
import gc
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import side_by_side

SHAPE, STEPS = (32, 32, 3), 160
FLOAT, BYTES = "<f4", "|u1"


class FromBytes:
    """Images of uint8 that come as float32 from 0 to 1."""

    def __init__(self, images):
        self._images = images
        self.shape = images.shape

    def __len__(self):
        return len(self._images)

    def __getitem__(self, rows):
        return self._images[rows] * np.float32(1 / 255)


def make_file(path: Path, count: int, dtype: str) -> None:
    """Writes images at random as uint8, or as float32 from 0 to 1."""
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        header = {"descr": dtype, "fortran_order": False, "shape": (count, *SHAPE)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, 1000):
            pixels = rng.integers(0, 256, (min(1000, count - start), *SHAPE), np.uint8)
            if dtype == FLOAT:
                pixels = pixels * np.float32(1 / 255)
            file.write(pixels.data)
        file.flush()
        os.fsync(file.fileno())


def training_on(dtype: str, opened, is_cold=False):
    """Makes a contender.

    Args:
        dtype: of its file.
        opened: path -> images.
        is_cold: drops the file from the page cache before each round.
    """

    def prepare(options):
        from foldergan import backend
        from foldergan.data.splits import LabelledImages

        # A page that any process has mapped cannot be dropped: each has its own file.
        path = options.folder / f"{os.getpid()}.npy"
        make_file(path, options.count, dtype)
        labels = np.eye(5, dtype=np.float32)[np.arange(options.count) % 5]
        rows = {"training": np.arange(options.count), "validation": np.arange(0)}
        backend.start(0)
        from foldergan.classifier import training
        from foldergan.classifier.network import build_classifier
        from foldergan.config import presets

        settings = replace(presets.PRESETS["dcgan-32"].classifier, epochs=1)
        classifier = build_classifier(settings, SHAPE, 5)

        def work():
            gc.collect()  # the map of the last round too
            if is_cold:
                descriptor = os.open(path, os.O_RDONLY)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(descriptor)
            data, ends = LabelledImages(opened(path), labels, rows), []

            def on_step(step, steps, logs):
                ends.append((step, time.perf_counter(), time.process_time()))
                if step > STEPS:
                    raise KeyboardInterrupt

            with contextlib.suppress(KeyboardInterrupt):
                next(training.train(classifier, data, settings, 0, on_step=on_step))
            # The first call compiles.
            steps, *seconds = np.subtract(ends[-1], ends[0])
            return [each / steps for each in seconds]

        return work

    return prepare


def mapped(path):
    """Maps a file as `arrays.load_images` does, of any dtype and without its checks."""
    return np.load(path, mmap_mode="r")


CONTENDERS = {
    "memory": training_on(FLOAT, np.load),
    "mapped": training_on(FLOAT, mapped),
    "mapped, cold": training_on(FLOAT, mapped, is_cold=True),
    "uint8, mapped": training_on(BYTES, lambda path: FromBytes(mapped(path))),
    "uint8, cold": training_on(BYTES, lambda path: FromBytes(mapped(path)), True),
}


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help=side_by_side.argparse.SUPPRESS)


def main():
    """Lets the contenders take turns, and prints milliseconds a step."""
    options = side_by_side.parse(__doc__, add_arguments)
    if options.contender:
        side_by_side.compare(CONTENDERS, options)
    with tempfile.TemporaryDirectory() as name:
        side_by_side.sys.argv += ["--folder", name]
        replies = side_by_side.compare(CONTENDERS, options, "keras", "tensorflow")
    rows = []
    for contender, of_each in replies.items():
        row = [contender]
        for kind in range(2):
            steps, of_memory = (
                sorted(1e3 * reply["result"][kind] for reply in some)
                for some in (of_each, replies["memory"])
            )
            ratio = statistics.median(steps) / statistics.median(of_memory)
            row += [
                f"{statistics.median(steps):.2f}",
                f"{steps[0]:.2f}-{steps[-1]:.2f}",
            ]
            row.append(f"{ratio:.2f}")
        rows.append(row)
    headings = ["ms", "spread", "times memory"]
    cpu = ["CPU ms", "spread", "times memory"]
    side_by_side.table(["images", *headings, *cpu], rows)


if __name__ == "__main__":
    main()
