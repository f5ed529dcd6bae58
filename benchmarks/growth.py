"""What more images, or more steps, cost: seconds and memory of each part.

    python benchmarks/growth.py
    python benchmarks/growth.py --steps 2000
    python benchmarks/growth.py --counts 5000 --image-shape 350x350x3 --parts loading

    loading           dataset.build_arrays and the check of every value
    classifier epoch  training.train, one epoch of dcgan-32 at batch 32
    GAN epoch         AdversarialTrainer, dcgan-32 in bfloat16, drawn once for both;
                      the first 20 steps are measured, the epoch is as many times that

Each part at each size runs in a process of its own. The images are links to those
in dataset/. Memory is the peak of what the process holds by itself (RssAnon of Linux),
read 50 times a second: pages of the array on disk are not counted, for the system
takes them back when it needs them.

With --steps it is what GANModel.py itself holds as it goes on: preset smoke on the
images in dataset/, a save an epoch. After each epoch its memory (RssAnon) and its open
files are read; the first epoch is the warm-up and does not count as steps.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import side_by_side

GAN_STEPS = 20


def loading(options, folder):
    """Reads the images; returns seconds."""
    from foldergan.data import dataset
    from foldergan.storage import arrays

    start = time.perf_counter()
    dataset.build_arrays(folder / "dataset", folder, options.image_shape)
    arrays.load_images(folder)
    return time.perf_counter() - start


def classifier_epoch(options, folder):
    """Trains the classifier for an epoch; returns seconds."""
    images, labels = _load(folder)
    from foldergan.classifier import training
    from foldergan.classifier.network import build_classifier
    from foldergan.config import presets

    settings = presets.PRESETS["dcgan-32"].classifier
    classifier = build_classifier(settings, images.shape[1:], labels.shape[1])
    rows = {"training": np.arange(len(images)), "validation": np.arange(0)}
    settings = replace(settings, epochs=1)
    start = time.perf_counter()
    next(training.train(classifier, images, labels, rows, settings, 0))
    return time.perf_counter() - start


def gan_epoch(options, folder):
    """Takes a few steps of the GAN; returns the seconds that an epoch takes."""
    images, _ = _load(folder)
    from foldergan.config import presets
    from foldergan.gan import recipe

    settings = presets.PRESETS["dcgan-32"].gan
    settings = replace(settings, precision="bfloat16", latents="shared")
    trainer = recipe.build_trainer(settings, images.shape[1:], 0, seed=0)
    ends = []
    training = trainer.train(
        images,
        1,
        settings.batch_size,
        on_step=lambda step, steps, logs: ends.append((time.perf_counter(), steps)),
        should_stop=lambda: len(ends) > GAN_STEPS,
    )
    next(training, None)
    seconds = (ends[-1][0] - ends[0][0]) / (len(ends) - 1)  # the first one compiles
    return seconds * ends[-1][1]


def _load(folder):
    from foldergan import backend
    from foldergan.storage import arrays

    images = arrays.load_images(folder)
    labels = arrays.load_labels(folder, len(images))
    backend.start(0)
    return images, labels


PARTS = {
    "loading": loading,
    "classifier epoch": classifier_epoch,
    "GAN epoch": gan_epoch,
}


def measure(options) -> None:
    """Does one part in this process and prints what it took."""
    peak, done = 0, threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, anonymous_mib(Path("/proc/self")))

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    threading.Thread(target=watch, daemon=True).start()
    seconds = PARTS[options.part](options, options.folder)
    done.set()
    print(json.dumps([seconds, peak]), file=answers, flush=True)


def go_on_for(steps: int, folder: Path) -> None:
    """Trains for so many steps after the first epoch; prints a row an epoch."""
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
                rows.append(
                    [len(rows) * of_epoch, f"{anonymous_mib(process):.0f}", files]
                )
    if training.returncode:
        sys.exit("the training failed; see above")
    side_by_side.table(["steps after the first epoch", "MiB", "open files"], rows)


def anonymous_mib(process: Path) -> float:
    """Reads what a process holds by itself."""
    status = (process / "status").read_text()
    line = next(line for line in status.splitlines() if "RssAnon" in line)
    return int(line.split()[1]) / 1024


def make_images(folder: Path, count: int) -> None:
    """Fills folder/dataset with links to the images in dataset/."""
    sources = sorted((side_by_side.ROOT / "dataset").glob("*/*.jpg"))
    for number in range(count):
        source = sources[number % len(sources)]
        target = folder / "dataset" / source.parent.name / f"{number:06d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    from foldergan.config.fields import parse_shape

    parser.add_argument("--counts", nargs="+", type=int, default=[1000, 10000, 100000])
    parser.add_argument("--image-shape", type=parse_shape, default=(32, 32, 3))
    parser.add_argument("--parts", nargs="+", default=list(PARTS))
    parser.add_argument("--steps", type=int, help="of one training, in their place")
    parser.add_argument("--part", help=side_by_side.argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where there is room for it all")


def main():
    """Measures every part at every size, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments, rounds=1)
    if options.part:
        measure(options)
        return
    shape = "x".join(map(str, options.image_shape))
    packages = ("keras", "tensorflow", "opencv-python-headless")
    print(f"{side_by_side.machine()}; {side_by_side.versions(*packages)}; n=1; {shape}")
    if options.steps:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            go_on_for(options.steps, Path(name))
        return
    rows = []
    for count in options.counts:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            make_images(Path(name), count)
            for part in PARTS:
                if part not in options.parts and part != "loading":
                    continue
                command = [sys.executable, *sys.argv, "--part", part, "--folder", name]
                reply = subprocess.run(command, capture_output=True, text=True)
                if reply.returncode:
                    sys.exit(reply.stderr)
                seconds, peak = json.loads(reply.stdout)
                size = (Path(name) / "img_data.txt.npy").stat().st_size / 2**20
                rows.append(
                    [count, f"{size:.0f}", part, f"{seconds:.1f}", f"{peak:.0f}"]
                )
    side_by_side.table(["pictures", "array MiB", "part", "seconds", "peak MiB"], rows)


if __name__ == "__main__":
    main()
