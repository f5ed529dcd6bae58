"""Tests of how Keras and its backend are started."""

import os
import platform
import subprocess
import sys

import pytest
from conftest import ROOT

from foldergan import backend
from foldergan.errors import InputError

_TELL = (
    "from foldergan import backend; backend.load();"
    "from tensorflow.python.util import _pywrap_util_port as port;"
    "print(port.IsMklEnabled())"
)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")
@pytest.mark.parametrize(("given", "expected"), [(None, "True"), ("0", "False")])
def test_onednn_is_on_unless_turned_off(given, expected):
    env = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    if given:
        env["TF_ENABLE_ONEDNN_OPTS"] = given
    command = [sys.executable, "-c", _TELL]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == expected


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("torch", "set it to tensorflow or jax"), ("jax", "requirements-jax.txt")],
)
def test_a_backend_that_cannot_be_is_refused_in_one_sentence(
    monkeypatch, name, way_out
):
    monkeypatch.setenv("KERAS_BACKEND", name)
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=way_out):
        backend.load()


def test_a_keras_json_of_other_defaults_is_overruled():
    backend.load()
    import keras

    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float64")
    backend.load()
    assert keras.config.image_data_format() == "channels_last"
    assert keras.config.floatx() == "float32"


@pytest.mark.parametrize("script", ["TrainModel.py", "GANModel.py"])
def test_nothing_of_the_backend_is_loaded_before_the_images_are(script, tmp_path):
    """Loading it takes seconds, and its chatter is silenced where it is loaded."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", ROOT / script, "--dataset", "missing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}
    assert said.returncode == 2
    assert "PIL.Image" in imported  # by what decodes
    assert not imported & {"keras", "tensorflow"}
