"""A GAN that is told the class: from the labels to images that were asked for."""

import shutil

import keras
import numpy as np
import pytest
from conftest import NOT_COMPILED, classifier_of, generator_of, table, trained_by

from foldergan.gan import networks
from foldergan.images import cv2
from foldergan.storage import models

pytestmark = NOT_COMPILED

GAN = ("GANModel.py", "--preset", "smoke", "--conditioning", "class")
PREDICT = ("GeneratePredict.py", "--preset", "smoke")
once_trained, trained = trained_by(("TrainModel.py",), GAN)


def test_a_page_has_a_row_for_each_class(trained):
    page = cv2.imread(str(trained / "model" / "generated_plot_e001.png"))
    height, width, _ = page.shape
    assert width / height == pytest.approx(7 / 2, rel=0.05)


def test_a_file_beside_the_class_folders_does_not_cost_the_classes(trained, script):
    """TrainModel.py leaves it out too."""
    picture = next((trained / "dataset" / "red").iterdir())
    shutil.copy(picture, trained / "dataset")
    result = script(*GAN, "--dataset", "dataset", "--strict")
    assert result.code == 0, result.err
    assert "1 files in dataset are in no class folder: not read" in result.out
    assert np.load(trained / "img_label.txt.npy").shape == (8, 2)


def test_the_intended_class_stands_beside_the_predicted(trained, script):
    result = script(*PREDICT, "--count", 5)
    assert result.code == 0, result.err
    rows = table(trained, "predictions.csv")
    assert [row["intended"] for row in rows] == ["blue", "red", "blue", "red", "blue"]
    right = sum(row["intended"] == row["predicted"] for row in rows)
    assert f"as intended: {right} of 5" in result.out


def test_only_one_class_is_drawn_where_asked(trained, script):
    result = script(*PREDICT, "--only", "red")
    assert result.code == 0, result.err
    assert {row["intended"] for row in table(trained, "predictions.csv")} == {"red"}
    result = script(*PREDICT, "--only", "green")
    assert result.code == 2 and "there are blue, red" in result.err


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a", "b", "blue", "red"], "draws 2 classes and the classifier tells 4 apart"),
        (["amber", "blue"], "draws blue, red and the classifier tells amber, blue apa"),
    ],
)
def test_a_classifier_of_other_classes_is_refused(trained, script, names, says):
    other = classifier_of((32, 32, 3), len(names), (4,))
    models.save_classifier(trained / "model", other, names, ())
    result = script(*PREDICT)
    assert result.code == 2 and says in result.err


def test_asking_for_classes_needs_a_generator_with_classes(trained, script):
    script("GANModel.py", "--preset", "smoke")
    for flag, value in (("--only", "red"), ("--per-class", 3)):
        result = script(*PREDICT, flag, value)
        assert result.code == 2 and f"leave out {flag}" in result.err
    assert script(*PREDICT).code == 0
    assert "intended" not in table(trained, "predictions.csv")[0]


def test_arrays_of_ones_own_have_no_class_names(trained, script):
    labels = np.load(trained / "img_label.txt.npy")
    np.save(trained / "img_label.txt.npy", labels[:, ::-1].copy())
    result = script(*GAN)
    assert result.code == 2
    assert "or remove img_data.txt.json if the arrays are your own" in result.err
    (trained / "img_data.txt.json").unlink()
    assert script(*GAN).code == 0
    path = trained / "model" / "generator_model_001.h5"
    assert models.load_generator_classes(path) is None
    assert script(*PREDICT).code == 0


def test_a_resumed_run_goes_on_as_if_unbroken(trained, script):
    def generator():
        return (trained / "model" / "generator_model_002.h5").read_bytes()

    assert script(*GAN, "--epochs", 2, "--resume").code == 0
    resumed = generator()
    (trained / "model" / "generator_model_002.h5").unlink()
    assert script(*GAN, "--epochs", 2).code == 0
    assert generator() == resumed


def test_without_labels_it_is_refused(trained, script):
    (trained / "img_label.txt.npy").unlink()
    result = script(*GAN)
    assert result.code == 2 and "img_label.txt.npy not found" in result.err


def test_plain_keras_draws_with_its_file(trained):
    path = trained / "model" / "generator_model_001.h5"
    model = keras.models.load_model(path, compile=False)
    assert {
        type(layer).__module__.partition(".")[0] for layer in model._flatten_layers()
    } == {"keras"}
    latents = np.zeros((2, 8), "float32")
    drawn = model.predict([latents, np.array([0, 1])], verbose=0)
    assert drawn.shape == (2, 32, 32, 3)


def test_without_classes_a_generator_is_left_alone():
    generator = generator_of((8, 8, 3), 5, (4, 4))
    assert networks.inference_generator(generator, 0) is generator
    assert models.num_classes_of(generator) == 0


def test_a_class_id_becomes_a_loud_one_hot_class_behind_the_latent_vector():
    generator = generator_of((8, 8, 3), 5, (4, 4), num_classes=3)
    drawer = networks.inference_generator(generator, 3)
    assert models.num_classes_of(drawer) == 3
    latents = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    classes = networks.CLASS_SCALE * np.eye(3, dtype=np.float32)
    joined = np.concatenate([latents, classes], axis=1)
    np.testing.assert_allclose(
        drawer.predict([latents, np.arange(3)], verbose=0),
        generator.predict(joined, verbose=0),
        atol=1e-6,
    )
