"""Tests of how TensorFlow is started."""

import os
import platform
import subprocess
import sys

import pytest

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
