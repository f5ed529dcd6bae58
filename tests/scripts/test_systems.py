"""Every preset, in order, leaves exactly the files of its seed."""

import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from conftest import NOT_COMPILED, OF_REPORT, OF_TRAIN_MODEL

from foldergan.data.cifar10 import build_cifar10_arrays

pytestmark = [pytest.mark.slow, *NOT_COMPILED]

GAN = {"gan_history.csv", "gan_curves.png", "resume.npz", "run_GANModel.json"}
PREDICTIONS = {"predictions.png", "predictions.csv"}
SMALL = ("--discriminator-filters", "4,4,4,4", "--generator-filters", "4,4,4,4")
NARROW = (
    "--discriminator-filters",
    "2,2,2,2,2,2",
    "--generator-filters",
    "2,2,2,2,2,2",
)
TINY_CLASSIFIER = ("--epochs", 1, "--filters", "4,4", "--dense-units", 4)


def run_all(script, preset, classifier=(), gan=(), predict=()):
    """Runs the scripts in order and names what stands in model/ in the end."""
    for name, arguments in (
        ("TrainModel.py", classifier),
        ("GANModel.py", gan),
        ("GeneratePredict.py", predict),
    ):
        if arguments is not None:
            result = script(name, "--preset", preset, *arguments)
            assert result.code == 0, result.err
    found = set(os.listdir("model")) - {".lock"}
    assert found >= OF_REPORT
    return found - OF_REPORT


@pytest.fixture
def cifar10(monkeypatch):
    """Forty images in place of the download."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 32, 32, 3), np.uint8)
    labels = np.arange(40, dtype=np.uint8)[:, None] % 10
    monkeypatch.setattr(
        keras.datasets.cifar10, "load_data", lambda: ((pixels, labels), (None, None))
    )
    return pixels


def test_cifar10_dcgan_and_its_three_networks(script, cifar10, tmp_path):
    found = run_all(
        script,
        "cifar10-dcgan",
        classifier=TINY_CLASSIFIER,
        gan=("--epochs", 2, "--save-every", 1, "--output-dir", "drive", *SMALL),
    )

    assert found == OF_TRAIN_MODEL | GAN | PREDICTIONS | {
        "generator.h5",
        "discriminator.h5",
        "gan.h5",
        "gan_generated_image_epoch_1.jpg",
        "gan_generated_image_epoch_2.jpg",
    }
    assert os.listdir("drive") == ["final_generated_images.png"]
    assert np.load("img_label.txt.npy").shape == (40, 10)
    np.testing.assert_allclose(np.load("img_data.txt.npy") * 255, cifar10, atol=1e-4)

    generator, discriminator, combined = (
        keras.models.load_model(f"model/{name}.h5", compile=False)
        for name in ("generator", "discriminator", "gan")
    )
    latents = np.random.default_rng(0).standard_normal((5, 100), np.float32)
    images = generator.predict(latents, verbose=0)
    probabilities = combined.predict(latents, verbose=0)
    assert np.abs(images).max() <= 1
    assert ((probabilities > 0) & (probabilities < 1)).all()
    np.testing.assert_allclose(
        probabilities, discriminator.predict(images, verbose=0), rtol=1e-5
    )
    assert discriminator.trainable_weights  # a frozen one would come back without


def test_cifar10_in_grey(cifar10, tmp_path):
    build_cifar10_arrays(tmp_path, (32, 32, 1))
    grey = np.load(tmp_path / "img_data.txt.npy")
    expected = cifar10 / 255 @ np.float32([[0.299], [0.587], [0.114]])  # BT.601
    np.testing.assert_allclose(grey, expected, atol=0.6 / 255)


def test_cifar10_without_network_or_copy_says_where_to_put_it(script, monkeypatch):
    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fail)
    monkeypatch.setenv("KERAS_HOME", "/elsewhere")
    result = script("GANModel.py", "--preset", "cifar10-dcgan")
    assert result.code == 2
    assert "/elsewhere/datasets/cifar-10-batches-py-target_archive" in result.err
    assert "--dataset" in result.err and "Traceback" not in result.err


def test_gan_128_needs_no_classes_and_sets_other_labels_aside(
    script, image_folder, tmp_path
):
    run_all(script, "smoke", (), None, None)
    flat = image_folder / "red"
    gan = ("--dataset", flat, "--epochs", 1, "--image-shape", "32x32x3", *NARROW)
    found = run_all(script, "gan-128", None, gan, None)
    assert found - OF_TRAIN_MODEL == GAN | {
        "generator_model_001.h5",
        "generated_plot_e001.png",
        *(f"generated_image_epoch_001_{number}.png" for number in range(32)),
    }
    assert not (tmp_path / "img_label.txt.npy").exists()
    assert (tmp_path / "img_label.txt.previous.npy").exists()
    single = cv2.imread("model/generated_image_epoch_001_0.png")
    assert single.shape == (32, 32, 3)


def test_greyscale_goes_the_whole_way(script, image_folder):
    shape = ("--image-shape", "32x32x1")
    found = run_all(
        script, "gan-128", (*TINY_CLASSIFIER, *shape), ("--epochs", 1, *shape, *NARROW)
    )
    assert found > OF_TRAIN_MODEL | GAN | PREDICTIONS
    assert np.load("img_data.txt.npy").shape == (8, 32, 32, 1)
    generator = keras.models.load_model("model/generator_model_001.h5", compile=False)
    assert generator.output_shape == (None, 32, 32, 1)
    page = cv2.imread("model/generated_plot_e001.png")
    assert (page[..., 0] == page[..., 1]).all()


def test_binary_350(script, image_folder):
    """With narrow networks; the real widths are counted in test_networks.py."""
    found = run_all(
        script,
        "binary-350",
        classifier=("--epochs", 1, "--filters", "2,2,2", "--dense-units", 2),
        gan=("--epochs", 1, "--generator-filters", "2,2,2,2,2"),
        predict=("--count", 4),
    )
    assert found == OF_TRAIN_MODEL | GAN | PREDICTIONS | {
        "generator_model_001.h5",
        "generated_plot_e001.png",
    }
    assert np.load("img_data.txt.npy", mmap_mode="r").shape == (8, 350, 350, 3)
    generator = keras.models.load_model("model/generator_model_001.h5", compile=False)
    assert generator.output_shape == (None, 64, 64, 3)
    parts = [
        line.split(",")[0]
        for line in Path("model/train_evaluation.csv").read_text().splitlines()
    ]
    assert parts == ["part", "training", "validation", "test"]


def test_one_sigmoid_unit_learns_two_classes(script, image_folder):
    """Categorical cross-entropy on a lone unit would stay at chance."""
    arguments = ("--output", "sigmoid", "--epochs", 30, "--learning-rate", 0.01)
    result = script("TrainModel.py", "--preset", "smoke", *arguments)
    assert "accuracy 100.0% (61.0-100.0%) of 6" in result.out


def test_one_sigmoid_unit_refuses_three_classes(script, image_folder):
    (image_folder / "red").joinpath("0.png").rename(image_folder / "green.png")
    (image_folder / "green").mkdir()
    (image_folder / "green.png").rename(image_folder / "green" / "0.png")
    result = script("TrainModel.py", "--preset", "smoke", "--output", "sigmoid")
    assert result.code == 2
    assert not os.path.exists("img_data.txt.npy")
    assert "use softmax" in result.err and "change --output" in result.err
    assert "Traceback" not in result.err


def test_arrays_are_made_when_missing_or_asked_for_and_never_when_resuming(
    script, image_folder, tmp_path
):
    arguments = ("--preset", "gan-128", "--image-shape", "32x32x3", *NARROW, "--epochs")
    assert "read 8 images" in script("GANModel.py", *arguments, 1).out
    before = (tmp_path / "img_data.txt.npy").read_bytes()
    (image_folder / "red" / "0.png").unlink()
    more = ("--dataset", image_folder, "--resume")
    resumed = script("GANModel.py", *arguments, 2, *more)
    assert resumed.code == 0 and "read 7 images" not in resumed.out, resumed.err
    assert (tmp_path / "img_data.txt.npy").read_bytes() == before
    again = script("GANModel.py", *arguments, 1)
    assert again.code == 0 and "read 7 images" not in again.out
    assert (tmp_path / "img_data.txt.npy").read_bytes() == before
