"""photo-128 as it is shipped: real weights, real photographs, no network."""

import json
import shutil

import numpy as np
import pytest
from conftest import NOT_COMPILED, OF_REPORT, OF_TRAIN_MODEL, ROOT, table

from foldergan.backbones import sources
from foldergan.config.presets import PRESETS

pytestmark = NOT_COMPILED

PRESET = ("--preset", "photo-128")
COUNT = 20  # photographs of each class
SHORT = (
    "--epochs=1",
    "--warm-up-steps=2",
    "--batch-size=8",
    "--save-every=1",
    "--generator-filters=16,16,16,16,16",
    "--discriminator-filters=8,8,8",
)


def run(script, name, *flags) -> str:
    done = script(name, *PRESET, *flags)
    assert done.code == 0, done.err
    assert "downloading" not in done.out
    assert "has no checksum" not in done.out
    return done.out


def test_what_the_preset_names_is_in_the_package():
    preset = PRESETS["photo-128"]
    assert preset.classifier.backbone == preset.gan.backbone == "EfficientNetLite0"
    assert preset.gan.features in set(sources.SHIPPED) - {preset.gan.backbone}


@pytest.mark.slow
def test_the_three_scripts_on_photographs_with_the_networks_of_the_package(
    script, tmp_path
):
    for folder in sorted((ROOT / "examples" / "clothes").iterdir()):
        (tmp_path / "clothes" / folder.name).mkdir(parents=True)
        for path in sorted(folder.iterdir())[:COUNT]:
            shutil.copy(path, tmp_path / "clothes" / folder.name)
    model = tmp_path / "model"

    run(script, "TrainModel.py", "--dataset=clothes")
    assert {path.name for path in model.iterdir()} >= OF_TRAIN_MODEL | OF_REPORT
    held_out = table(tmp_path, "train_evaluation.csv")[-1]
    assert held_out["part"] == "validation"
    # By chance it is 0.2, and of 20 images half are right in 3 of 1,000 runs.
    assert float(held_out["accuracy"]) > 0.5

    run(script, "GANModel.py", *SHORT)
    (quality,) = table(tmp_path, "gan_quality.csv")
    assert quality.pop("extractor") == "backbone EfficientNetLite1, 1280 features"
    assert np.isfinite([float(figure) for figure in quality.values()]).all()
    names = {"generator_model_001.h5", "generated_plot_e001.png", "generator_best.h5"}
    assert names <= {path.name for path in model.iterdir()}

    said = run(script, "GeneratePredict.py", "--count=10")
    assert "as intended" in said
    record = json.loads((model / "run_GANModel.json").read_text(encoding="utf-8"))
    assert record["preset"]["gan"]["features"] == "EfficientNetLite1"
