"""How long it takes until something happens.

    python benchmarks/start_up.py

    numpy           python -c "import numpy", for comparison
    tensorflow      python -c "import tensorflow", for comparison
    SCRIPT --help   until the help stands on the screen
    GANModel.py     until one training step of dcgan-32 is compiled, done and saved
    GeneratePredict.py            until all is drawn, with the networks of smoke
    GeneratePredict.py, no child  ... not inspected in a child process first

The ways take turns.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import side_by_side

WITHOUT_CHILD = f"""
import runpy, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import side_by_side
side_by_side.read_without_child()
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def process(*command):
    """Work that runs one process, and returns the CPU seconds that it took."""

    def work():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, *command], check=True, stdout=subprocess.DEVNULL
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    work()
    return work


def first_step(options):
    """One step on as many images as it takes."""
    folder = Path(tempfile.mkdtemp())
    images = np.random.default_rng(0).random((64, 32, 32, 3), np.float32)
    np.save(folder / "img_data.txt.npy", images)
    script = str(side_by_side.ROOT / "GANModel.py")
    places = ("--data-dir", str(folder), "--model-dir", str(folder / "model"))
    return process(script, "--epochs", "1", *places)


def predict(options, *code):
    """Forty-nine images, by networks of `smoke`."""
    folder = Path(tempfile.mkdtemp())
    script = str(side_by_side.ROOT / "GeneratePredict.py")
    places = ("--data-dir", str(folder), "--model-dir", str(folder / "model"))
    for name in ("TrainModel.py", "GANModel.py"):
        dataset = ("--dataset", str(side_by_side.ROOT / "dataset"))
        script_before = str(side_by_side.ROOT / name)
        process(script_before, "--preset", "smoke", *dataset, *places)
    return process(*code, script, "--preset", "smoke", *places[2:])


def _help(script):
    return lambda options: process(str(side_by_side.ROOT / script), "--help")


CONTENDERS = {
    "numpy": lambda options: process("-c", "import numpy"),
    "tensorflow": lambda options: process("-c", "import tensorflow"),
    "TrainModel.py --help": _help("TrainModel.py"),
    "GANModel.py --help": _help("GANModel.py"),
    "GeneratePredict.py --help": _help("GeneratePredict.py"),
    "GANModel.py": first_step,
    "GeneratePredict.py": predict,
    "GeneratePredict.py, no child": lambda options: predict(
        options, "-c", WITHOUT_CHILD
    ),
}


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, rounds=7)
    replies = side_by_side.compare(CONTENDERS, options, "numpy", "tensorflow")
    rows = []
    for name, reply in replies.items():
        cpu = sorted(one["result"] for one in reply)[len(reply) // 2]
        seconds = side_by_side.median(reply)
        rows.append([name, f"{seconds:.2f}", side_by_side.spread(reply), f"{cpu:.2f}"])
    side_by_side.table(["start", "s, median", "spread", "CPU seconds"], rows)


if __name__ == "__main__":
    main()
