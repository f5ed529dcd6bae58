"""Scripts that are stopped in the middle: nothing half, nothing lost."""

import csv
import json
import random
import shutil
import signal
import time

import cv2
import numpy as np
import pytest

from foldergan.storage import models

pytestmark = pytest.mark.slow

# More epochs than any test waits for: every run here ends by a signal.
ENDLESS = ("--preset", "smoke", "--epochs", 100_000)


def wait_for_epochs(started, count):
    """Waits until a script has reported that many epochs."""
    lines = []
    for line in started.stdout:
        lines.append(line)
        count -= line.startswith("epoch ")
        if not count:
            return
    raise AssertionError("".join(lines) + started.stderr.read())


def epochs_saved(model_dir):
    with np.load(model_dir / "resume.npz") as file:
        return int(file["position"][0])


@pytest.fixture
def arrays(finished, tmp_path):
    """The test's folder, with the arrays that a classifier's training left."""
    for name in ("img_data.txt.npy", "img_label.txt.npy"):
        shutil.copy(finished / name, tmp_path)
    return tmp_path


def assert_ends_as_if_unbroken(script, folder):
    """Trains to one epoch more, and anew without a break: the same state, in bytes."""
    epochs = epochs_saved(folder / "model") + 1
    flags = ("--preset", "smoke", "--epochs", epochs, "--save-every", 1000)
    resumed = script("GANModel.py", *flags, "--resume")
    assert resumed.code == 0, resumed.err
    straight = script("GANModel.py", *flags, "--model-dir", "unbroken")
    assert straight.code == 0, straight.err
    states = [folder / name / "resume.npz" for name in ("model", "unbroken")]
    assert states[0].read_bytes() == states[1].read_bytes()
    histories = [path.with_name("gan_history.csv").read_text() for path in states]
    assert histories[0] == histories[1]


def test_interrupted_twice_the_gan_ends_with_the_weights_of_an_unbroken_run(
    arrays, start, script
):
    more = ("--save-every", 1000)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        started = start(arrays, "GANModel.py", *ENDLESS, *more)
        wait_for_epochs(started, 1)
        started.send_signal(number)
        _, err = started.communicate(timeout=600)
        assert started.returncode == code
        assert err.strip().count("\n") == 0
        assert signal.Signals(number).name in err
        assert "the state is saved; to resume" in err
        assert "--resume" in err
        assert f"epoch {epochs_saved(arrays / 'model')} of 100000 is complete" in err
        more = ("--save-every", 1000, "--resume")
    assert_ends_as_if_unbroken(script, arrays)


def test_an_interrupted_classifier_leaves_the_one_from_before(
    finished, tmp_path, start
):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    model_dir = tmp_path / "model"

    def contents() -> dict[str, bytes]:  # but for the page, which says what happened
        return {path.name: path.read_bytes() for path in model_dir.glob("[!.]*.*")}

    before = contents()
    started = start(tmp_path, "TrainModel.py", *ENDLESS)
    wait_for_epochs(started, 2)  # so the first has its page
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=600)
    assert started.returncode == 130
    assert err.strip().count("\n") == 0
    assert "SIGINT" in err
    after = contents()
    assert before.pop("report.html") != after.pop("report.html")
    assert after == before


@pytest.mark.parametrize(
    ("name", "of", "number"),
    [
        ("TrainModel.py", "EpochProgress.on_epoch", signal.SIGTERM),
        ("GeneratePredict.py", "ImageProgress.on_images", signal.SIGINT),
        ("GeneratePredict.py", "ImageProgress.on_images", signal.SIGTERM),
    ],
)
def test_a_signal_ends_it_at_once_and_leaves_what_was_there(
    finished, tmp_path, script, monkeypatch, name, of, number
):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    before = {p: p.read_bytes() for p in tmp_path.glob("model/[!.]*.*")}
    told = []

    def signalled(*of_progress):
        told.append(of_progress)
        signal.raise_signal(number)

    monkeypatch.setattr(f"foldergan.progress.{of}", signalled)
    result = script(name, "--preset", "smoke", "--seed", 1)
    assert result.code == 128 + number and len(told) == 1
    assert result.err.splitlines()[-1].startswith(f"{name}: stopped by {number.name}")
    assert "Traceback" not in result.err
    after = {p: p.read_bytes() for p in tmp_path.glob("model/[!.]*.*")}
    assert after == before


def assert_every_file_is_whole(model_dir):
    for path in model_dir.rglob("[!.]*.*"):
        match path.suffix:
            case ".html":
                assert path.read_text().endswith("</html>\n")
            case ".h5":
                assert models.load_generator(path).output_shape == (None, 32, 32, 3)
            case ".png":
                assert cv2.imread(str(path)) is not None
            case ".npz":
                with np.load(path) as file:
                    assert all(file[name].size for name in file.files)
            case ".csv":
                with open(path, newline="") as file:
                    rows = list(csv.DictReader(file))
                assert [int(row["epoch"]) for row in rows] == [*range(1, len(rows) + 1)]
                assert all(None not in row.values() for row in rows)
            case ".json":
                json.loads(path.read_text())
            case _:
                pytest.fail(f"what is {path}?")


def test_killed_at_any_moment_the_gan_leaves_whole_files_and_can_go_on(
    arrays, start, script
):
    more = ("--save-every", 1)
    for _ in range(2):
        started = start(arrays, "GANModel.py", *ENDLESS, *more)
        wait_for_epochs(started, 2)  # so the first is saved
        time.sleep(random.uniform(0, 0.7))
        started.kill()
        started.communicate(timeout=600)
        assert started.returncode == -signal.SIGKILL
        assert_every_file_is_whole(arrays / "model")
        more = ("--save-every", 1, "--resume")
    assert_ends_as_if_unbroken(script, arrays)
