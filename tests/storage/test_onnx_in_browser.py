"""examples/browser.html in a real browser, with networks of a folder of models."""

import functools
import importlib.util
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import chromium
import keras
import numpy as np
import pytest
from conftest import ROOT, classifier_of, generator_of
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from foldergan.gan.networks import inference_generator
from foldergan.storage import models, onnx, tables

RUNTIME = ROOT / ".onnxruntime-web"  # tools/get_onnxruntime_web.py fills it
NAMES = ["boat", "fish"]
RUN = """
const [latents, classIds, done] = arguments;
(async () => {
  const session = await ort.InferenceSession.create("generator_model_080.onnx");
  const tensors = {
    latents: new ort.Tensor("float32", Float32Array.from(latents.flat()), [2, 6]),
    class_ids: new ort.Tensor("int32", Int32Array.from(classIds), [2]),
  };
  return [...(await session.run(tensors))[session.outputNames[0]].data];
})().then(done, (error) => done(String(error)));
"""

pytestmark = [
    chromium.needed,
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("onnx", "tf2onnx"))),
        reason="needs requirements-optional.txt",
    ),
    pytest.mark.skipif(
        not RUNTIME.is_dir(),
        reason="no onnxruntime-web: python tools/get_onnxruntime_web.py "
        ".onnxruntime-web",
    ),
]


@pytest.fixture
def driver(tmp_path_factory):
    with chromium.started(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def address(tmp_path):
    """Serves the page and networks of two classes, whose sizes differ."""
    keras.utils.set_random_seed(0)
    models.save_classifier(
        tmp_path, classifier_of((12, 16, 3), 2, (4,)), NAMES, ("none",)
    )
    generator = inference_generator(generator_of((16, 16, 3), 6, (8, 8), "none", 2), 2)
    models.save_model(tmp_path / "generator_model_080.h5", generator)
    onnx.export_classifier(tmp_path)
    onnx.export_generator(tmp_path / "generator_model_080.h5", tmp_path)
    tables.save_json(tmp_path / "classes.json", NAMES)
    shutil.copy(ROOT / "examples" / "browser.html", tmp_path)
    shutil.copytree(RUNTIME, tmp_path / "ort")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/browser.html"
    server.shutdown()
    server.server_close()


def state_of(driver, address) -> str:
    """Opens the page, and returns what it says in the end."""
    driver.get(address)
    state = driver.find_element(By.ID, "state")
    WebDriverWait(driver, 120).until(lambda _: "Loading" not in state.text)
    return state.text


def test_both_networks_run_and_agree_with_keras(driver, address, tmp_path):
    assert state_of(driver, address) == "12 pictures, drawn and classified here."
    captions = [each.text for each in driver.find_elements(By.TAG_NAME, "figcaption")]
    assert len(captions) == 12
    assert {text.split()[0] for text in captions} <= set(NAMES)
    assert all(50 <= int(text.split()[1]) <= 100 for text in captions)
    errors = [each["message"] for each in driver.get_log("browser")]
    assert [error for error in errors if "favicon" not in error] == []

    latents = np.random.default_rng(0).standard_normal((2, 6), np.float32)
    class_ids = np.array([0, 1])
    driver.set_script_timeout(120)
    found = driver.execute_async_script(RUN, latents.tolist(), class_ids.tolist())
    generator = models.load_generator(tmp_path / "generator_model_080.h5")
    drawn = generator.predict([latents, class_ids], verbose=0)
    np.testing.assert_allclose(np.reshape(found, drawn.shape), drawn, atol=1e-5)

    (tmp_path / "train.onnx").unlink()
    assert state_of(driver, address).startswith("Failed: ")
