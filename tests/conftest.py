"""What the tests share: tiny images, and the scripts run as a user would."""

import contextlib
import csv
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from foldergan.images import cv2

ROOT = Path(__file__).parent.parent
OF_TRAIN_MODEL = {
    "train.json",
    "train.h5",
    "classes.json",
    "train_history.csv",
    "train_evaluation.csv",
    "train_classes.csv",
    "train_reliability.csv",
    "train_reliability.png",
    "train_curves.png",
    "confusion_matrix.png",
    "run_TrainModel.json",
}
# Nothing that the tests measure is remembered for the user.
CACHE = tempfile.TemporaryDirectory(prefix="foldergan-tests-")
os.environ["XDG_CACHE_HOME"] = CACHE.name
OF_REPORT = {"report.html", "report", "README.md"}  # of each script
ENVIRONMENT = dict(os.environ)  # before anything here adds to it
os.environ.setdefault("MPLBACKEND", "agg")
# As `backend.load` has it, which comes too late where a test imports TensorFlow.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class Result:
    """The end of a script: its exit code and what it printed."""

    def __init__(self, code: int, out: str, err: str):
        self.code, self.out, self.err = code, out, err


def run_here(folder: Path, name: str, *arguments) -> int:
    """Runs a script in this process, in a folder: fast, TensorFlow is warm.

    Returns:
        Its exit code.
    """
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    if "keras" in sys.modules:  # layers are numbered anew, as in a new process
        sys.modules["keras"].utils.clear_session(free_memory=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        try:
            runpy.run_path(str(ROOT / name), run_name="__main__")
        except SystemExit as end:
            return end.code or 0
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
    raise AssertionError("a script ends by sys.exit")


@pytest.fixture
def script(tmp_path, monkeypatch, capfd):
    """Runs a script in this process, in the test's folder, as of `run_here`."""

    def run(name: str, *arguments: str) -> Result:
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        code = run_here(tmp_path, name, *arguments)
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session", autouse=True)
def charts_are_drawn_once():
    """Most pages of the tests have the same charts, and each takes a fifth second."""
    from foldergan.storage import plots

    draw, drawn = plots.as_svg, {}

    def draw_once(chart):
        if repr(chart) not in drawn:
            drawn[repr(chart)] = draw(chart)
        return drawn[repr(chart)]

    plots.as_svg = draw_once
    yield
    plots.as_svg = draw


@contextlib.contextmanager
def eagerly():
    """Does not compile what TensorFlow computes: many times as fast for a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def eager():
    """Lets a test run as of `eagerly`."""
    with eagerly():
        yield


# What trains for an epoch or two is not worth compiling. Of that Keras warns.
NOT_COMPILED = [
    pytest.mark.usefixtures("eager"),
    pytest.mark.filterwarnings("ignore:Even though the .tf.config"),
    pytest.mark.filterwarnings("ignore:The structure of .inputs. doesn't match"),
]


@pytest.fixture(scope="session")
def start():
    """Starts a script in a process of its own, as from a login without a screen."""
    hidden = {"MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY"}
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in hidden}
    started = []

    def start_script(folder: Path, name: str, *arguments) -> subprocess.Popen:
        started.append(
            subprocess.Popen(
                [sys.executable, ROOT / name, *map(str, arguments)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield start_script
    for each in started:
        with each:
            each.kill()


def end_of(started: subprocess.Popen) -> Result:
    """Waits for a script that was started."""
    out, err = started.communicate(timeout=600)
    return Result(started.returncode, out, err)


@pytest.fixture
def process(tmp_path, start):
    """Runs a script in a process of its own, in an empty folder."""
    return lambda name, *arguments: end_of(start(tmp_path, name, *arguments))


def classifier_of(
    image_shape, num_classes, filters, dense_units=8, output="softmax", network="plain"
):
    """Builds a classifier, as of `build_classifier`, from a few of its settings."""
    from foldergan.classifier.network import build_classifier
    from foldergan.config.settings import Classifier

    settings = Classifier(
        filters=filters, dense_units=dense_units or 1, output=output, network=network
    )
    return build_classifier(settings, image_shape, num_classes)


def discriminator_of(image_shape, filters, dropout=0.0, num_classes=0):
    """Builds a discriminator from a few of its settings."""
    from foldergan.config.settings import GAN
    from foldergan.gan.networks import build_discriminator

    settings = GAN(discriminator_filters=filters, dropout=dropout)
    return build_discriminator(settings, image_shape, num_classes)


def generator_of(image_shape, latent_dim, filters, normalization="none", num_classes=0):
    """Builds a generator from a few of its settings, as files have it."""
    from foldergan.config.settings import GAN
    from foldergan.gan.networks import build_generator
    from foldergan.nn.convolutions import copy_of

    settings = GAN(
        latent_dim=latent_dim,
        generator_filters=filters,
        generator_normalization=normalization,
    )
    return copy_of(build_generator(settings, image_shape, num_classes))


def draw_images(dataset: Path, blue: int = 4, red: int = 4) -> Path:
    """Fills a dataset/ of two classes with some images each: red and blue ones."""
    rng = np.random.default_rng(0)
    for name, channel, count in (("blue", 0, blue), ("red", 2, red)):  # OpenCV's order
        folder = dataset / name
        folder.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 64, (40, 48, 3), np.uint8)
            pixels[..., channel] += 160
            cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return dataset


@pytest.fixture
def image_folder(tmp_path) -> Path:
    """A dataset/ in the test's folder, as of `draw_images`."""
    return draw_images(tmp_path / "dataset")


def table(folder: Path, name: str) -> list[dict[str, str]]:
    """Reads a table in a folder's model/."""
    with open(folder / "model" / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def trained_by(*commands, **counts):
    """Makes two fixtures: a folder in which scripts have run, and a copy of it.

    Args:
        commands: names of scripts with their flags, beside the preset smoke.
        counts: of images, as of `draw_images`.
    """

    @pytest.fixture(scope="module")
    def once_trained(tmp_path_factory) -> Path:
        folder = tmp_path_factory.mktemp("trained")
        draw_images(folder / "dataset", **counts)
        with eagerly():
            for command in commands:
                assert run_here(folder, *command, "--preset", "smoke") == 0
        return folder

    @pytest.fixture
    def trained(once_trained, tmp_path) -> Path:
        shutil.copytree(once_trained, tmp_path, dirs_exist_ok=True)
        return tmp_path

    return once_trained, trained


@pytest.fixture(scope="session")
def finished(tmp_path_factory, start) -> Path:
    """A folder in which the three scripts have run: copy it, do not write there."""
    folder = tmp_path_factory.mktemp("finished")
    draw_images(folder / "dataset")
    for name in ("TrainModel.py", "GANModel.py --epochs 4", "GeneratePredict.py"):
        result = end_of(start(folder, *name.split(), "--preset", "smoke"))
        assert result.code == 0, result.err
    return folder


@pytest.fixture(scope="session")
def filled(tmp_path_factory) -> Path:
    """The model folder of all scripts, made without training: do not write there."""
    import report_folder

    return report_folder.fill(tmp_path_factory.mktemp("filled")).parent


@pytest.fixture
def model_dir(filled, tmp_path) -> Path:
    """A copy of it, to write in."""
    shutil.copytree(filled, tmp_path / "model")
    return tmp_path / "model"
