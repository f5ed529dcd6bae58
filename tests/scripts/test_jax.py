"""The three scripts on JAX, where an import of TensorFlow fails."""

import json
import os
import shutil

import keras
import numpy as np
import pytest
from conftest import OF_REPORT, OF_TRAIN_MODEL, draw_images
from jax_process import needs_jax, run_in_jax

pytestmark = [pytest.mark.slow, needs_jax]

OF_GAN = {"gan_history.csv", "gan_curves.png", "resume.npz", "run_GANModel.json"}
SMOKE = ("--preset", "smoke")


def done(folder, name, *arguments):
    said = run_in_jax(folder, name, *SMOKE, *arguments)
    assert said.returncode == 0, said.stderr
    return said.stdout


def state_in(folder):
    with np.load(folder / "model" / "resume.npz") as file:
        state = dict(file)
    assert json.loads(str(state.pop("about")))["backend"] == "jax"
    return state


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in which the three scripts have run."""
    folder = tmp_path_factory.mktemp("jax")
    draw_images(folder / "dataset")
    done(folder, "TrainModel.py")
    done(folder, "GANModel.py", "--epochs", 4)
    done(folder, "GeneratePredict.py")
    return folder


def test_they_leave_the_files_that_they_leave_on_tensorflow(whole, finished):
    found, expected = (set(os.listdir(each / "model")) for each in (whole, finished))
    assert found - {".lock"} == expected - {".lock"}
    assert found > OF_TRAIN_MODEL | OF_GAN | OF_REPORT
    record = json.loads((whole / "model" / "run_GANModel.json").read_text())
    assert record["versions"]["backend"] == "jax"
    assert "jax" in record["versions"] and "tensorflow" not in record["versions"]


def test_tensorflow_reads_its_networks(whole, finished):
    for name in ("train", "generator_model_004"):
        ours, theirs = (
            keras.models.load_model(each / "model" / f"{name}.h5", compile=False)
            for each in (whole, finished)
        )
        assert ours.to_json() == theirs.to_json()
    latents = np.ones((2, theirs.input_shape[1]), np.float32)
    assert np.isfinite(ours.predict(latents, verbose=0)).all()


def test_same_seed_same_weights_and_what_goes_on_ends_with_them(whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "model")
    done(tmp_path, "GANModel.py", "--epochs", 2)
    assert "resuming after epoch 2" in done(
        tmp_path, "GANModel.py", "--epochs", 4, "--resume"
    )
    one, other = (state_in(each) for each in (whole, tmp_path))
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_it_goes_on_with_what_tensorflow_began(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    said = done(tmp_path, "GANModel.py", "--epochs", 5, "--resume")
    assert "resuming after epoch 4" in said
    assert "backend was tensorflow, is jax" in said
    assert state_in(tmp_path)["position"][0] == 5
