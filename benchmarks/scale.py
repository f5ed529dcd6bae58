"""More images than memory: time and memory of each part, under a limit.

    nice python benchmarks/scale.py
    nice python benchmarks/scale.py --counts 20000 --image-shape 350x350x3
    nice python benchmarks/scale.py --counts 5000 --image-shape 350x350x3 --parts build
    nice python benchmarks/scale.py --counts 1000000 --parts noise open train

    build       dataset.build: decodes, writes and hashes
    noise       in place of it arrays of noise: writes and hashes
    open        what each training begins with: every value and both checksums are
                checked, the rows are split
    train       training.train, the CNN of dcgan-32 at batch 32 (above 64x64 a residual
                network at batch 8): STEPS steps over images at random of all
    evaluate    evaluation.predict on the validation part, MOST_EVALUATED at most, its
                figures, and the page's part on them
    GAN         dcgan-32, conditional, a tenth held out: GAN_STEPS steps, then one
                evaluation of what it draws

Each part at each size runs in a process of its own that is given --memory gigabytes:
by a control group of Linux, which counts the page cache too, where this user may make
one; else by RLIMIT_DATA. "own" is the peak of what the process holds by itself
(RssAnon), read 50 times a second. The images are links to those in dataset/. Steps are
few, and their seconds are those of the steps after the first, which compiles.
"""

import contextlib
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import side_by_side
from growth import status_mib

STEPS, GAN_STEPS, MOST_EVALUATED = 192, 4, 20_000
LARGE = 64  # pixels; the CNN of dcgan-32 has too many weights for more


def build(options, folder):
    """Makes the arrays; returns what was done and the seconds it took."""
    from foldergan.config.settings import Data
    from foldergan.data import dataset

    start = time.perf_counter()
    dataset.build(folder / "dataset", folder, Data(image_shape=options.image_shape))
    return "all", time.perf_counter() - start


def write_noise(options, folder):
    """Writes arrays of five classes without images, a thousand rows at a time."""
    from foldergan.storage import arrays

    rng, start = np.random.default_rng(0), time.perf_counter()
    origin = arrays.describe(None, options.image_shape, [])
    with arrays.writing(folder, options.image_shape) as writer:
        for first in range(0, options.noise, 1000):
            shape = (min(1000, options.noise - first), *options.image_shape)
            pixels = rng.integers(0, 256, shape, np.uint8)
            writer.append(pixels * np.float32(1 / 255))
        class_ids = (np.arange(options.noise) % 5).tolist()
        writer.finish(class_ids, origin, {"counts": {str(n): 1 for n in range(5)}})
    return "all", time.perf_counter() - start


def open_arrays(options, folder):
    """Checks the arrays, and splits their rows."""
    from foldergan.storage import arrays

    start = time.perf_counter()
    _opened(folder, arrays.load_images)
    return "all", time.perf_counter() - start


def train(options, folder):
    """Trains the classifier for a few steps; reports a step."""
    images, labels, rows = _opened(folder)
    classifier, settings = _classifier(images, labels)
    from foldergan.classifier import training
    from foldergan.data import splits

    ends = []

    def on_step(step, steps, logs):
        ends.append((time.perf_counter(), step))
        if step >= min(STEPS, steps):
            raise StopIteration

    with contextlib.suppress(StopIteration, RuntimeError):
        data = splits.LabelledImages(images, labels, rows)
        for _ in training.train(classifier, data, settings, 0, on_step=on_step):
            pass
    done = ends[-1][1] - ends[0][1]
    num_images = done * settings.batch_size
    return f"{num_images:,} images", ends[-1][0] - ends[0][0]


def evaluate(options, folder):
    """Classifies some of the validation part, and describes it for the page."""
    images, labels, rows = _opened(folder)
    classifier, _ = _classifier(images, labels)
    from foldergan.classifier import evaluation
    from foldergan.report import classifier as page

    part = rows["validation"][:MOST_EVALUATED]
    evaluation.predict(classifier, images, part[:300])  # compiles
    start = time.perf_counter()
    said = evaluation.predict(classifier, images, part)
    evaluation.evaluate(labels[part], said)
    names = [str(number) for number in range(labels.shape[1])]
    page.describe("validation", names, images, part, labels[part], said)
    return f"{len(part):,} images", time.perf_counter() - start


def gan(options, folder):
    """Takes a few steps of the GAN, and evaluates it once."""
    from foldergan.config import presets
    from foldergan.config.settings import Data
    from foldergan.data import training_set

    settings = replace(
        presets.PRESETS["dcgan-32"].gan,
        conditioning="class",
        held_out=0.1,
        precision="float32",
        image_shape=(32, 32, 3),
    )
    data = training_set.read(folder, settings, 0, Data())
    classifier, _ = _classifier(data.images, data.labels)
    import keras

    from foldergan.gan import photograph_trainer
    from foldergan.gan.evaluation import GeneratorEvaluator
    from foldergan.metrics.features import FeatureExtractor

    trainer = photograph_trainer.build_trainer(
        settings, data.image_shape, data.num_classes, 0
    )
    ends = []
    training = trainer.train(
        data,
        1,
        settings.batch_size,
        on_step=lambda *_: ends.append(time.perf_counter()),
        should_stop=lambda: len(ends) > GAN_STEPS,
    )
    next(training, None)
    extractor = FeatureExtractor(
        keras.Model(classifier.inputs, classifier.layers[-1].input), "classifier"
    )
    start = time.perf_counter()
    evaluator = GeneratorEvaluator(trainer.inference_generator, extractor, data, 1)
    evaluator.evaluate()
    evaluator.draw_with_nearest()
    seconds = ends[-1] - ends[0] + time.perf_counter() - start
    num_images = (len(ends) - 1) * settings.batch_size // 2
    return f"{num_images:,} images, 1 evaluation", seconds


def _unchecked(folder):
    """Maps the images as `arrays.load_images` does, whose time "open" tells."""
    from foldergan.storage import filenames

    return np.load(folder / filenames.IMAGES, mmap_mode="r")


def _opened(folder, open_images=_unchecked):
    from foldergan.config.settings import Data
    from foldergan.data import splits
    from foldergan.storage import arrays

    images = open_images(folder)
    labels = arrays.load_labels(folder, len(images))
    return images, labels, splits.split_in_three(labels, Data(), seed=0)


def _classifier(images, labels):
    from foldergan import backend

    backend.start(0)
    from foldergan.classifier.network import build_classifier
    from foldergan.config import presets

    settings = replace(presets.PRESETS["dcgan-32"].classifier, epochs=1)
    if max(images.shape[1:3]) > LARGE:
        settings = replace(
            settings, network="residual", filters=(8, 16, 32, 64), batch_size=8
        )
    return build_classifier(settings, images.shape[1:], labels.shape[1]), settings


PARTS = {
    "build": build,
    "noise": write_noise,
    "open": open_arrays,
    "train": train,
    "evaluate": evaluate,
    "GAN": gan,
}


def measure(options) -> None:
    """Does one part in this process and prints what it took."""
    _obey_limit(options)
    peak, done = 0, threading.Event()

    def watch():
        nonlocal peak
        while not done.wait(0.02):
            own = status_mib(Path("/proc/self"), "RssAnon")
            peak = max(peak, int(own * 2**20))

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    what, seconds = PARTS[options.part](options, options.folder)
    done.set()
    watching.join()
    print(json.dumps([what, seconds, peak]), file=answers, flush=True)


def _obey_limit(options) -> None:
    """Puts this process under its limit."""
    if options.group:
        (options.group / "cgroup.procs").write_text(str(os.getpid()))
    else:
        size = int(options.memory * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


@contextlib.contextmanager
def control_group(size: float):
    """Yields a control group of so many bytes; None where there can be none."""
    for root, name in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ):
        group = Path(root) / f"foldergan-scale-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(int(size)))
        except OSError:
            with contextlib.suppress(OSError):
                group.rmdir()
            continue
        try:
            yield group
        finally:
            group.rmdir()
        return
    yield None


def make_images(folder: Path, count: int) -> None:
    """Fills folder/dataset with links to the images in dataset/."""
    sources = sorted((side_by_side.ROOT / "dataset").glob("*/*.jpg"))
    for name in {source.parent.name for source in sources}:
        (folder / "dataset" / name).mkdir(parents=True)
    for number, source in zip(range(count), itertools.cycle(sources), strict=False):
        target = f"{folder}/dataset/{source.parent.name}/{number:07d}.jpg"
        os.symlink(source, target)


def refuse_full_disk(options) -> None:
    """Ends where the largest arrays would fill the disk above four fifths."""
    height, width, channels = options.image_shape
    needed = 4 * height * width * channels * max(options.counts)
    disk = shutil.disk_usage(options.folder or tempfile.gettempdir())
    if disk.free - needed < 0.2 * (disk.used + disk.free):
        sys.exit(f"{needed / 1e9:.0f} GB are needed, {disk.free / 1e9:.0f} GB are free")


def add_arguments(parser):
    """Adds this benchmark's own flags."""

    def shape(text):
        return tuple(map(int, text.split("x")))

    parser.add_argument(
        "--counts", nargs="+", type=int, default=[10_000, 100_000, 1_000_000]
    )
    parser.add_argument("--image-shape", type=shape, default=(32, 32, 3))
    parser.add_argument("--memory", type=float, default=2.0, help="gigabytes")
    parts = [part for part in PARTS if part != "noise"]
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=parts)
    parser.add_argument("--noise", type=int, help=side_by_side.argparse.SUPPRESS)
    parser.add_argument("--part", help=side_by_side.argparse.SUPPRESS)
    parser.add_argument("--group", type=Path, help=side_by_side.argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where there is room for it all")


def main():
    """Measures every part at every size, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments, rounds=1)
    if options.part:
        measure(options)
        return
    refuse_full_disk(options)
    shape = "x".join(map(str, options.image_shape))
    packages = ("keras", "tensorflow", "opencv-python-headless")
    print(f"{side_by_side.machine()}; {side_by_side.versions(*packages)}; n=1; {shape}")
    rows = []
    with control_group(options.memory * 1e9) as group:
        limit = "a control group" if group else "RLIMIT_DATA"
        print(f"{options.memory:g} GB a process, by {limit}", flush=True)
        for count in options.counts:
            with tempfile.TemporaryDirectory(dir=options.folder) as name:
                parts = options.parts
                if "noise" not in parts:
                    make_images(Path(name), count)
                    parts = dict.fromkeys(["build", *parts])
                for part in parts:
                    row = measure_apart(part, Path(name), group, count)
                    rows.append([f"{count:,}", *row])
                    print(rows[-1], file=sys.stderr, flush=True)
    headings = ["images", "arrays, GB", "part", "of", "seconds", "own, MB"]
    side_by_side.table(headings, rows)


def measure_apart(part: str, folder: Path, group: Path | None, count: int) -> list[str]:
    """Does one part in a process of its own; returns a row of the table."""
    command = [sys.executable, *sys.argv, "--part", part, "--folder", str(folder)]
    command += ["--noise", str(count)]
    command += ["--group", str(group)] if group else []
    reply = subprocess.run(command, capture_output=True, text=True)
    if reply.returncode:
        sys.exit(f"{part} failed: {reply.returncode}\n{reply.stderr[-3000:]}")
    what, seconds, peak = json.loads(reply.stdout)
    size = (folder / "img_data.txt.npy").stat().st_size / 1e9
    return [f"{size:.2f}", part, what, f"{seconds:.1f}", f"{peak / 1e6:.0f}"]


if __name__ == "__main__":
    main()
