"""Networks as ONNX files: ONNX Runtime computes what Keras does."""

import importlib.util

import keras
import numpy as np
import pytest
from conftest import classifier_of, generator_of
from tiny_backbone import random_images, save_normalizing_classifier

from foldergan.gan.networks import inference_generator
from foldergan.storage import models, onnx

MOST_APART = 1e-5  # float32, summed in another order
needs_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("onnx", "tf2onnx", "onnxruntime"))),
    reason="needs requirements-optional.txt and onnxruntime",
)


def run(path, *values):
    """Runs a file; returns its answer, and what its inputs are called."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    (answer,) = session.run(None, dict(zip(names, values, strict=True)))
    return answer, names


@needs_onnx
def test_a_classifier_gives_the_same_probabilities(tmp_path):
    keras.utils.set_random_seed(0)
    classifier = classifier_of((16, 12, 3), 3, (4, 8), network="residual")
    models.save_classifier(tmp_path, classifier, ["a", "b", "c"], ("none",))
    path = onnx.export_classifier(tmp_path)
    assert path == tmp_path / "train.onnx"
    images = np.random.default_rng(0).random((5, 16, 12, 3), np.float32)
    found, names = run(path, images)
    assert names == ["images"] and found.dtype == np.float32
    np.testing.assert_allclose(
        found, classifier.predict(images, verbose=0), atol=MOST_APART
    )
    assert np.ptp(found) > 10 * MOST_APART


@needs_onnx
def test_a_backbone_that_normalizes_has_no_other_inputs(tmp_path):
    """As EfficientNets do: its mean and variance are no weights of a usual kind."""
    classifier = save_normalizing_classifier(tmp_path)
    images = random_images()
    found, names = run(onnx.export_classifier(tmp_path), images)
    assert names == ["images"] and np.ptp(found) > 10 * MOST_APART
    np.testing.assert_allclose(
        found, classifier.predict(images, verbose=0), atol=MOST_APART
    )


@needs_onnx
@pytest.mark.parametrize("num_classes", [0, 3])
def test_a_generator_draws_the_same_images(tmp_path, num_classes):
    keras.utils.set_random_seed(0)
    generator = inference_generator(
        generator_of((16, 16, 3), 6, (8, 8), "batch", num_classes), num_classes
    )
    saved = tmp_path / "generator_model_080.h5"
    models.save_model(saved, generator)
    path = onnx.export_generator(saved, tmp_path)
    assert path == tmp_path / "generator_model_080.onnx"
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((5, 6), np.float32)]
    if num_classes:
        inputs.append(np.array([0, 1, 2, 1, 0], np.int32))
    found, names = run(path, *inputs)
    assert names == ["latents", "class_ids"][: len(inputs)]
    drawn = generator.predict(inputs if num_classes else inputs[0], verbose=0)
    np.testing.assert_allclose(found, drawn, atol=MOST_APART)
    assert np.ptp(found) > 10 * MOST_APART


@needs_onnx
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    models.save_model(tmp_path / "a.h5", generator_of((16, 16, 3), 6, (8, 8)))
    (tmp_path / "a.onnx").write_bytes(b"old")

    def fill(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keras.Model, "export", fill)
    with pytest.raises(Exception, match="could not write .*a.onnx: .*No space"):
        onnx.export_generator(tmp_path / "a.h5", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.h5", "a.onnx"}
    assert (tmp_path / "a.onnx").read_bytes() == b"old"


@needs_onnx
def test_each_script_writes_the_networks_that_it_has(image_folder, tmp_path, script):
    model, preset = tmp_path / "model", ("--preset", "smoke")
    done = script("TrainModel.py", *preset, "--export-onnx")
    assert done.code == 0, done.err
    saved, following, report = done.out.splitlines()[-3:]
    assert saved == "saved model/train.onnx"
    assert following.startswith("next: ") and report == "report: model/report.html"
    (model / "train.onnx").unlink()
    models.save_model(
        model / "generator_model_002.h5", generator_of((32, 32, 3), 6, (8, 8))
    )
    done = script("GeneratePredict.py", *preset, "--count=2", "--export-onnx")
    assert done.code == 0, done.err
    names = {path.name for path in model.glob("*.onnx")}
    assert names == {"train.onnx", "generator_model_002.onnx"}
    # They go with the networks that they are of.
    assert script("TrainModel.py", *preset).code == 0
    assert script("GANModel.py", *preset, "--epochs=2", "--save-every=2").code == 0
    assert not list(model.glob("*.onnx"))


@pytest.mark.parametrize("name", ["TrainModel.py", "GeneratePredict.py"])
def test_missing_packages_end_in_a_sentence_before_any_work(
    image_folder, tmp_path, script, monkeypatch, name
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda x, *a: None if x == "tf2onnx" else find(x)
    )
    done = script(name, "--preset", "smoke", "--export-onnx")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "ONNX files need the package tf2onnx" in done.err
    assert "requirements-optional.txt; leave out --export-onnx" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
