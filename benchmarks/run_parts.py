"""Where the three scripts of dcgan-32 spend the processor's time on dataset/.

    python benchmarks/run_parts.py

Measures each part a few times, in turn, and multiplies by how often `make run` has it.
CPU seconds are of all cores together, and so hardly depend on other work beside it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import side_by_side

IMAGES, HELD_OUT = 500, 100
START = "from foldergan import backend; backend.load()"


def gan_parts(folder):
    """A step, a checkpoint, a saved state; name -> (work, how often in a run)."""
    from foldergan.config.presets import PRESETS
    from foldergan.data.training_set import TrainingSet
    from foldergan.gan import photograph_trainer, saves, schedule
    from foldergan.storage.checkpoint import Checkpoint

    settings = PRESETS["dcgan-32"].gan
    trainer = photograph_trainer.build_trainer(settings, (32, 32, 3), 0, 0)
    saved = Checkpoint(folder, {})
    snapshots = saves.Snapshots(
        settings.saves, trainer, None, folder, saved.training_id
    )
    plan = schedule.plan(settings, IMAGES)
    half = plan.batch_size // 2
    images = np.random.default_rng(0).random((half, 32, 32, 3), np.float32)
    data = TrainingSet(images, np.arange(half))
    epochs = trainer.train(data, None, plan.batch_size)
    num_saves = sum(plan.has_save(epoch) for epoch in range(1, plan.epochs + 1))
    num_steps = plan.epochs * -(-IMAGES // half)
    return {
        "GAN step": (lambda: next(epochs), num_steps),
        "GAN save": (lambda: snapshots.save(1), num_saves),
        "`resume.npz`": (lambda: saved.save(trainer.state()), num_saves),
        "... if each epoch": (lambda: saved.save(trainer.state()), plan.epochs),
    }


def classifier_epoch():
    """An epoch of the classifier, and how many there are."""
    from foldergan.classifier import training
    from foldergan.classifier.network import build_classifier
    from foldergan.config.presets import PRESETS
    from foldergan.data.splits import LabelledImages

    settings = PRESETS["dcgan-32"].classifier
    rng = np.random.default_rng(0)
    images = rng.random((IMAGES, 32, 32, 3), np.float32)
    labels = np.eye(5, dtype=np.float32)[rng.integers(0, 5, IMAGES)]
    rows = {
        "training": np.arange(HELD_OUT, IMAGES),
        "validation": np.arange(HELD_OUT),
    }
    classifier = build_classifier(settings, (32, 32, 3), 5)
    epochs = training.train(
        classifier, LabelledImages(images, labels, rows), settings, 0
    )
    return lambda: next(epochs), settings.epochs


def cpu_seconds(work) -> float:
    """CPU seconds of a work, all threads together."""
    start = time.process_time()
    work()
    return time.process_time() - start


def start_up_seconds() -> float:
    """CPU seconds until a new process has TensorFlow and Keras."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", START], cwd=side_by_side.ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__)
    from foldergan import backend

    seconds = {"start-up": [start_up_seconds() for _ in range(options.rounds)]}
    backend.start(0)
    with tempfile.TemporaryDirectory() as name:
        parts = {"classifier epoch": classifier_epoch()} | gan_parts(Path(name))
        for work, _ in parts.values():
            work()  # compiles
        for _ in range(options.rounds):
            for part, (work, _) in parts.items():
                seconds.setdefault(part, []).append(cpu_seconds(work))
    times = {"start-up": 3} | {part: count for part, (_, count) in parts.items()}
    in_all = {
        part: times[part] * statistics.median(each) for part, each in seconds.items()
    }
    run = sum(total for part, total in in_all.items() if not part.startswith("..."))
    print(
        f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}; "
        f"n={options.rounds}, in turn"
    )
    side_by_side.table(
        ["part", "times", "CPU seconds each, median", "in all", "share"],
        [
            [
                part,
                times[part],
                f"{statistics.median(each):.3g}",
                f"{in_all[part]:.0f}",
                f"{in_all[part] / run:.1%}",
            ]
            for part, each in seconds.items()
        ],
    )


if __name__ == "__main__":
    main()
