"""What a machine with a GPU makes of this project, in eight minutes; also without one.

    python benchmarks/accelerator.py
    python benchmarks/accelerator.py --quick        a try on two cores: one step of
                                                    narrow networks, little bfloat16

Needs nothing from a network. Each part runs in a process of its own, which ends after
its time; what a part found is printed at once. The parts:

    scripts     the three scripts with the preset smoke on a few drawn images
    matmul      square matrices multiplied: what the device does at best; its float32
                is what the backend takes for that there, TF32 on newer GPUs
    dcgan-32, best-32, photo-128
                the training step of foldergan.gan.trainer with 64 real images (32 of
                photo-128), which lie in the processor's memory
    torch       dcgan-32's networks in PyTorch, channels last, the images on the device:
                eager, and torch.compile with CUDA graphs

At the end a row for processors.md, and how long best-32 takes for the steps of 60 CPU
minutes (benchmarks/quality.md). CUDA_VISIBLE_DEVICES=0 where there are more devices.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gan_step
import numpy as np
import side_by_side
from side_by_side import ROOT

BACKENDS = ("tensorflow", "jax")
DTYPES = ("float32", "bfloat16")
# Preset -> (height, width, channels), classes, real images of a step.
STEPS = {
    "dcgan-32": ((32, 32, 3), 0, 64),
    "best-32": ((32, 32, 3), 5, 64),
    "photo-128": ((128, 128, 3), 5, 32),
}
WIDTHS = ("discriminator_filters", "generator_filters")
TORCH_MODES = {"eager": None, "compiled": "max-autotune"}
STEPS_OF_AN_HOUR = 9000  # of best-32 in 60 CPU minutes: 8,478 to 9,770
MATMULS = 20


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="float32, narrow networks, one step"
    )
    parser.add_argument("--minutes", type=float, default=7.5, help="for all parts")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="parts with a word")
    parser.add_argument("--output", type=Path, help="JSON file of what was found")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    return parser.parse_args()


def parts(is_quick: bool) -> list[str]:
    """Names all parts, the most wanted first."""
    names = []
    for backend in BACKENDS:
        names += [f"matmul {backend} {dtype}" for dtype in DTYPES]
        names += [f"{preset} {backend} {d}" for preset in STEPS for d in DTYPES]
        names.append(f"scripts {backend}")
    names += [f"torch {mode} {dtype}" for mode in TORCH_MODES for dtype in DTYPES]
    small = ("matmul", "dcgan-32")  # what --quick does in bfloat16 too
    return [
        name
        for name in names
        if not (is_quick and "bfloat16" in name and not name.startswith(small))
    ]


def run(name: str, options) -> dict:
    """Runs a part in this process."""
    kind, backend, *dtype = name.split()
    if kind == "scripts":
        return scripts(backend)
    if kind == "torch":
        return torch(backend, *dtype, options.quick)
    os.environ["KERAS_BACKEND"] = backend
    if kind == "matmul":
        return matmul(backend, *dtype, options.quick)
    return step(kind, *dtype, options.quick)


def timed(work, is_quick: bool) -> float:
    """Repeats work that waits for the device; returns the median seconds."""
    work()
    times, start = [], time.perf_counter()
    while not times or (not is_quick and time.perf_counter() - start < 5):
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return float(np.median(times))


def scripts(backend: str) -> dict:
    """Runs the three scripts."""
    seconds, environment = {}, os.environ | {"KERAS_BACKEND": backend}
    with tempfile.TemporaryDirectory() as folder:
        draw = [ROOT / "tools" / "draw_dataset.py", "--count", "8", "--output"]
        commands = [[*draw, "dataset"]]
        for script in ("TrainModel", "GANModel", "GeneratePredict"):
            commands.append([ROOT / f"{script}.py", "--preset", "smoke"])
        for command in commands:
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, *map(str, command)],
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            seconds[Path(command[0]).stem] = round(time.perf_counter() - start, 1)
    return {"seconds": seconds}


def matmul(backend: str, dtype: str, is_quick: bool) -> dict:
    """Multiplies matrices."""
    from foldergan import backend as keras_backend

    keras_backend.start(0)
    size = 512 if is_quick else 4096
    values = np.random.default_rng(0).normal(size=(size, size))
    if backend == "jax":
        import jax
        import jax.numpy as jnp

        matrix = jnp.asarray(values, dtype)
        product = jax.jit(lambda x: (x @ matrix)[0, 0])
        device = jax.devices()[0].device_kind

        def work():
            for _ in range(MATMULS - 1):
                product(matrix)
            product(matrix).block_until_ready()
    else:
        import tensorflow as tf

        matrix = tf.cast(values, dtype)
        product = tf.function(lambda: (matrix @ matrix)[0, 0])
        gpus = tf.config.list_physical_devices("GPU")
        of_gpu = [tf.config.experimental.get_device_details(each) for each in gpus]
        device = of_gpu[0].get("device_name", "GPU") if of_gpu else "cpu"

        def work():
            for _ in range(MATMULS - 1):
                product()
            product().numpy()

    seconds = timed(work, is_quick)
    return {"flops": 2 * MATMULS * size**3 / seconds, "device": device}


def step(name: str, dtype: str, is_quick: bool) -> dict:
    """Trains a preset's GAN on noise, in epochs of some steps."""
    from dataclasses import replace

    from foldergan import backend
    from foldergan.config.presets import find_preset

    backend.start(0)
    from foldergan.classifier.network import build_classifier
    from foldergan.data.training_set import TrainingSet
    from foldergan.gan.photograph_trainer import build_trainer

    preset, (shape, classes, num_real) = find_preset(name), STEPS[name]
    steps = 50
    gan = preset.gan
    if is_quick:
        steps, num_real = 1, 4
        narrow = {name: (4,) * len(getattr(gan, name)) for name in WIDTHS}
        gan = replace(gan, **narrow, feature_filters=4)
    classifier = None
    if preset.gan.discriminator_features == "classifier":
        classifier = build_classifier(preset.classifier, shape, classes)
    # What comes before the adversarial steps takes other steps, and few.
    settings = replace(gan, precision=dtype, warm_up_steps=0)
    trainer = build_trainer(settings, shape, classes, 0, classifier)
    count = steps * num_real
    images = np.random.default_rng(0).random((count, *shape), np.float32)
    labels = None
    if classes:
        labels = np.eye(classes, dtype=np.float32)[np.arange(count) % classes]
    data = TrainingSet(images, np.arange(len(images)), labels=labels)
    epochs = trainer.train(data, None, 2 * num_real)
    seconds = timed(lambda: next(epochs), is_quick) / steps
    return {"seconds": seconds, "images": num_real}


def torch(mode: str, dtype: str, is_quick: bool) -> dict:
    """Takes the steps of gan_step.py's PyTorch."""
    try:
        import torch
    except ImportError:
        return {"absent": "PyTorch is not installed"}
    has_gpu = torch.cuda.is_available()
    torch.set_float32_matmul_precision("high")  # TF32, as the backends have it
    gan_step.STEPS = 1 if is_quick else 50
    device, how = ("cuda" if has_gpu else "cpu"), TORCH_MODES[mode]
    take = gan_step.torch_step(dtype, bool(how), device, how)(None)

    def work():
        take()
        if has_gpu:
            torch.cuda.synchronize()

    seconds = timed(work, is_quick) / gan_step.STEPS
    return {"seconds": seconds, "images": gan_step.NUM_REAL}


def run_apart(name: str, options, seconds: float) -> dict:
    """Runs a part in a process of its own, for at most so long."""
    command = [sys.executable, __file__, "--part", name]
    command += ["--quick"] * options.quick
    try:
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, timeout=seconds, check=True
        )
    except subprocess.TimeoutExpired:
        return {"absent": f"it took more than {seconds:.0f} s"}
    except subprocess.CalledProcessError as error:
        return {"absent": f"it ended with exit code {error.returncode}"}
    return json.loads(ended.stdout.splitlines()[-1])


def summary(found: dict[str, dict]) -> list[list]:
    """Makes the rows of the table: step, ms, images a second, fraction of matmul."""
    operations, rows = gan_step.step_flops(), []
    for name, reply in found.items():
        if "seconds" not in reply or name.startswith("scripts"):
            continue
        kind, backend, dtype = name.split()
        peak = found.get(f"matmul {backend} {dtype}", {}).get("flops")
        if kind == "torch":
            peaks = [found.get(f"matmul {each} {dtype}", {}) for each in BACKENDS]
            peak = max((each.get("flops", 0) for each in peaks), default=0)
        fraction = ""
        if peak and kind in ("torch", "dcgan-32"):
            # Half as many fakes where one half-sized batch serves both networks.
            done = operations if kind == "torch" else gan_step.step_flops(half=True)
            done *= reply["images"] / gan_step.NUM_REAL
            fraction = f"{done / reply['seconds'] / peak:.0%}"
        rate = f"{reply['images'] / reply['seconds']:.0f}"
        rows.append([name, f"{reply['seconds'] * 1e3:.2f}", rate, fraction])
    return rows


def main():
    """Runs all parts, prints what each found, then the table and the row."""
    options = parse()
    if options.part:
        print(json.dumps(run(options.part, options)))
        return
    print(side_by_side.machine())
    print(side_by_side.versions("keras", "tensorflow", "jax", "torch"), flush=True)
    end, found = time.monotonic() + 60 * options.minutes, {}
    for name in parts(options.quick):
        if options.only and not any(word in name for word in options.only):
            continue
        left = end - time.monotonic()
        if left < 10:
            print(f"{name}: left out, the time is up")
            continue
        found[name] = run_apart(name, options, left)
        print(f"{name}: {found[name]}", flush=True)
        if options.output:
            options.output.write_text(json.dumps(found, indent=1) + "\n")
    side_by_side.table(
        ["step", "ms, median", "real images/s", "of matmul"], summary(found)
    )
    devices = {reply["device"] for reply in found.values() if "device" in reply}
    cells = [", ".join(sorted(devices)) or "unknown"]
    for preset in STEPS:
        of_preset = {n: r for n, r in found.items() if n.startswith(preset)}
        measured = {n: r["seconds"] for n, r in of_preset.items() if "seconds" in r}
        best = min(measured, key=measured.get, default=None)
        name = best.removeprefix(f"{preset} ") if best else ""
        cells.append(f"{measured[best] * 1e3:.2f} ms ({name})" if best else "")
        if preset == "best-32" and best:
            cells.append(f"{measured[best] * STEPS_OF_AN_HOUR:.0f} s")
    headings = [*STEPS]
    headings.insert(2, f"best-32, {STEPS_OF_AN_HOUR} steps")
    print("for processors.md, the fastest of each:")
    side_by_side.table(["device", *headings], [cells])


if __name__ == "__main__":
    main()
