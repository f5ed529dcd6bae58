"""photo-128 through its three scripts, with a tiny backbone, and its judge's rule."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import draw_pictures

sys.path.append(str(Path(__file__).parents[1] / "backbones"))
from tiny_backbone import save_tiny

PRESET = ("--preset", "photo-128")
TINY = (
    "--image-shape=32x32x3",
    "--generator-filters=4,4,4",
    "--discriminator-filters=4,4",
    "--feature-filters=4",
    "--latent-dim=6",
    "--code-size=4",
    "--warm-up-steps=1",
    "--blur-steps=2",
    "--batch-size=4",
    "--epochs=2",
    "--save-every=1",
)


@pytest.fixture
def backbone(tmp_path):
    return save_tiny(tmp_path)


@pytest.fixture
def trained(script, tmp_path, backbone):
    dataset = draw_pictures(tmp_path / "pictures")
    done = script(
        "TrainModel.py",
        *PRESET,
        f"--backbone={backbone}",
        f"--dataset={dataset}",
        "--image-shape=32x32x3",
    )
    assert done.code == 0, done.err
    return tmp_path


def test_the_three_scripts_work_together(script, trained, backbone):
    done = script(
        "GANModel.py", *PRESET, *TINY, f"--backbone={backbone}", "--held-out=0"
    )
    assert done.code == 0, done.err
    drawer = keras.models.load_model(
        trained / "model" / "generator_model_002.h5", compile=False
    )
    drawn = drawer([np.zeros((2, 6), np.float32), np.array([0, 1])])
    assert drawn.shape == (2, 32, 32, 3)
    done = script(
        "GeneratePredict.py", *PRESET, "--count=4", "--generator=generator_model_002.h5"
    )
    assert done.code == 0, done.err
    assert "as intended" in done.out


def test_a_folder_without_classes_is_drawn_too(script, tmp_path, backbone):
    dataset = draw_pictures(tmp_path / "pictures")
    for path in list(dataset.rglob("*.*")):
        path.rename(dataset / f"{path.parent.name}-{path.name}")
    done = script(
        "GANModel.py",
        *PRESET,
        *TINY,
        f"--backbone={backbone}",
        f"--dataset={dataset}",
        "--conditioning=none",
        "--held-out=0",
    )
    assert done.code == 0, done.err


@pytest.mark.parametrize("features", ["itself", "classifier"])
def test_the_judge_is_another_network(script, trained, backbone, features):
    named = backbone if features == "itself" else features
    judged = (f"--features={named}", "--held-out=0.8")
    done = script("GANModel.py", *PRESET, *TINY, f"--backbone={backbone}", *judged)
    assert done.code == 2
    assert "flatter it" in done.err


def test_the_same_network_judges_when_that_is_said(script, trained, backbone):
    done = script(
        "GANModel.py",
        *PRESET,
        *TINY,
        f"--backbone={backbone}",
        "--features=classifier",
        "--held-out=0.8",
        "--judge-sees-backbone=allow",
    )
    assert done.code == 0, done.err


def test_a_missing_backbone_ends_in_a_sentence(script, trained):
    done = script(
        "GANModel.py", *PRESET, *TINY, "--backbone=gone.keras", "--held-out=0"
    )
    assert done.code == 2
    assert "--backbone gone.keras is not there" in done.err
