"""Scripts that are stopped in the middle: nothing half, nothing lost."""

import shutil
import signal

import numpy as np
import pytest

pytestmark = pytest.mark.slow

GAN = ("GANModel.py", "--preset", "smoke", "--save-every", 1000, "--epochs")


def wait_for_an_epoch(started):
    lines = []
    for line in started.stdout:
        lines.append(line)
        if line.startswith("epoch "):
            return
    raise AssertionError("".join(lines) + started.stderr.read())


def epochs_saved(model_dir):
    with np.load(model_dir / "resume.npz") as file:
        return int(file["position"][0])


def test_interrupted_twice_the_gan_ends_with_the_weights_of_an_unbroken_run(
    finished, tmp_path, start, script
):
    for name in ("img_data.txt.npy", "img_label.txt.npy"):
        shutil.copy(finished / name, tmp_path)
    more = ()
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        started = start(tmp_path, *GAN, 100_000, *more)  # longer than any test waits
        wait_for_an_epoch(started)
        started.send_signal(number)
        _, err = started.communicate(timeout=600)
        assert started.returncode == code
        assert err.strip().count("\n") == 0
        assert signal.Signals(number).name in err
        assert "the state is saved; to resume" in err
        assert "--resume" in err
        epochs = epochs_saved(tmp_path / "model")
        assert f"epoch {epochs} of 100000 is complete" in err
        more = ("--resume",)
    for flags in (more, ("--model-dir", "unbroken")):
        result = script(*GAN, epochs + 1, *flags)
        assert result.code == 0, result.err
    for name in ("resume.npz", "gan_history.csv"):
        ends = [(tmp_path / each / name).read_bytes() for each in ("model", "unbroken")]
        assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("name", "of", "number"),
    [
        ("TrainModel.py", "EpochProgress.on_epoch", signal.SIGTERM),
        ("GeneratePredict.py", "ImageProgress.on_images", signal.SIGINT),
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
