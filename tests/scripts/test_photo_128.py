"""photo-128 through its three scripts, with a tiny backbone, and its judge's rule."""

import json
import shutil

import keras
import numpy as np
import pytest
from conftest import NOT_COMPILED, draw_images, run_here
from tiny_backbone import save_tiny

from foldergan.storage import models

pytestmark = NOT_COMPILED

PRESET = ("--preset", "photo-128")
TINY = (
    "--image-shape=32x32x3",
    "--generator-filters=4,4,4",
    "--discriminator-filters=4,4",
    "--feature-filters=4",
    "--latent-dim=6",
    "--code-size=4",
    "--warm-up-steps=1",
    "--batch-size=4",
    "--epochs=2",
    "--save-every=1",
)


def train(folder, backbone, *flags) -> int:
    return run_here(
        folder,
        "TrainModel.py",
        *PRESET,
        f"--backbone={backbone}",
        f"--dataset={draw_images(folder / 'pictures')}",
        "--image-shape=32x32x3",
        *flags,
    )


@pytest.fixture(scope="module")
def once_trained(tmp_path_factory):
    """A folder with a backbone and a classifier that uses it: copy it."""
    folder = tmp_path_factory.mktemp("trained")
    assert train(folder, save_tiny(folder)) == 0
    return folder


@pytest.fixture
def trained(once_trained, tmp_path):
    shutil.copytree(once_trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def backbone(request, tmp_path):
    """A backbone in the test's folder, that of the classifier where there is one."""
    if "trained" in request.fixturenames:
        return request.getfixturevalue("trained") / "tiny.keras"
    return save_tiny(tmp_path)


def change_weights(backbone) -> None:
    network = keras.models.load_model(backbone)
    network.set_weights([weight + 1 for weight in network.get_weights()])
    network.save(backbone)


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


@pytest.mark.slow
def test_a_grey_folder_without_classes_is_drawn_and_evaluated(
    script, tmp_path, backbone
):
    dataset = draw_images(tmp_path / "pictures")
    judge = save_tiny(tmp_path, "judge.keras")
    change_weights(judge)
    for path in list(dataset.rglob("*.*")):
        path.rename(dataset / f"{path.parent.name}-{path.name}")
    command = (
        "GANModel.py",
        *PRESET,
        *TINY,
        f"--backbone={backbone}",
        f"--dataset={dataset}",
        "--image-shape=32x32x1",
        "--conditioning=none",
        "--held-out=0.8",
        f"--features={judge}",
    )
    done = script(*command)
    assert done.code == 0, done.err
    drawer = keras.models.load_model(
        tmp_path / "model" / "generator_best.h5", compile=False
    )
    assert drawer.output_shape == (None, 32, 32, 1)
    change_weights(backbone)
    done = script(*command, "--epochs=3", "--resume")
    assert done.code == 2 and "backbone" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("features", ["itself", "classifier"])
def test_evaluation_is_by_another_network_unless_said(
    script, trained, backbone, features
):
    """The classifier of this preset uses the same backbone."""
    named = backbone if features == "itself" else features
    mine = trained / "mine.toml"
    mine.write_text(f'base = "photo-128"\n[gan]\nfeatures = "{named}"\n')
    command = ("GANModel.py", "--preset", mine, *TINY, f"--backbone={backbone}")
    done = script(*command, "--held-out=0.8")
    assert done.code == 2
    assert "flatter it" in done.err and "change --features" in done.err
    if features == "classifier":
        done = script(*command, "--held-out=0.8", f"--features={named}")
        assert done.code == 0, done.err


def test_beside_a_backbone_the_classifier_is_in_float32_and_of_no_shifts(
    tmp_path, backbone, capfd
):
    flags = ("--precision=bfloat16", "--augmentation=shift")
    assert train(tmp_path, backbone, *flags) == 0
    said = capfd.readouterr().out
    assert "without effect" in said and "not shifted" in said
    record = json.loads((tmp_path / "model" / "run_TrainModel.json").read_text())
    assert record["preset"]["classifier"]["precision"] == "float32"
    assert models.load_classifier(tmp_path / "model").augmentation == ("none",)


def test_a_backbone_that_has_changed_is_refused(script, trained, backbone):
    change_weights(backbone)
    done = script(
        "GANModel.py", *PRESET, *TINY, f"--backbone={backbone}", "--held-out=0"
    )
    assert done.code == 2 and "trained through the backbone" in done.err


def test_a_missing_start_ends_in_a_sentence_before_anything_is_moved(
    script, trained, backbone
):
    before = sorted((trained / "model").iterdir())
    done = script(
        "GANModel.py",
        *PRESET,
        *TINY,
        f"--backbone={backbone}",
        "--held-out=0",
        "--start-from=gone.npz",
    )
    assert done.code == 2 and "gone.npz" in done.err
    assert "--start-from" in done.err and "tools/pretrain_generator.py" in done.err
    assert sorted((trained / "model").iterdir()) == before


def test_a_missing_backbone_ends_in_a_sentence(script, trained):
    (trained / "model" / "train.h5").unlink()
    done = script(
        "GANModel.py", *PRESET, *TINY, "--backbone=gone.keras", "--held-out=0"
    )
    assert done.code == 2
    assert "backbone gone.keras is not there" in done.err


@pytest.mark.parametrize("name", ["TrainModel.py", "GANModel.py"])
def test_a_missing_backbone_costs_no_arrays(script, trained, name):
    dataset = draw_images(trained / "others")
    kept = (trained / "img_data.txt.npy").read_bytes()
    done = script(name, *PRESET, "--backbone=gone.keras", f"--dataset={dataset}")
    assert done.code == 2 and "gone.keras is not there" in done.err
    assert (trained / "img_data.txt.npy").read_bytes() == kept
