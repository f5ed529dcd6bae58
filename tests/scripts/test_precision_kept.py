"""What auto decides in the three scripts, and where it stays decided."""

import json
import shutil

import numpy as np
import pytest
from conftest import NOT_COMPILED

from foldergan.gan import networks
from foldergan.nn import convolutions, precision

pytestmark = NOT_COMPILED

EITHER = ("--preset", "smoke", "--auto-precisions", "float32,bfloat16")


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Makes up how many times as fast bfloat16 is, on another machine each time."""

    def make_up(ratio):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache {ratio}"))
        monkeypatch.setattr(precision, "times_as_fast", lambda: ratio)

    return make_up


@pytest.fixture
def computed_in(monkeypatch):
    """Lists every precision that networks are asked to compute in."""
    seen = []
    for module, name in ((convolutions, "copy_of"), (networks, "computing_in")):
        real = getattr(module, name)

        def noted(*arguments, real=real):
            seen.extend(each for each in arguments if isinstance(each, str))
            return real(*arguments)

        monkeypatch.setattr(module, name, noted)
    return seen


def done(result):
    assert result.code == 0, result.err
    return result.out


def recorded(folder, script, section):
    record = json.loads((folder / "model" / f"run_{script}.json").read_text())
    return record["given_precision"], record["preset"][section]["precision"]


def test_all_three_scripts_compute_in_what_is_faster(
    image_folder, script, measured, computed_in
):
    measured(2.0)
    folder = image_folder.parent
    for name, section in (("TrainModel", "classifier"), ("GANModel", "gan")):
        computed_in.clear()
        said = done(script(f"{name}.py", *EITHER))
        assert "precision bfloat16: bfloat16 is 2.00 times as fast" in said
        assert set(computed_in) == {"bfloat16"}
        assert recorded(folder, name, section) == ("auto", "bfloat16")
    computed_in.clear()
    said = done(script("GeneratePredict.py", "--preset", "smoke"))
    assert "generator bfloat16, classifier bfloat16" in said
    assert computed_in == ["bfloat16"] * 2
    # A generator of another training, of which nothing is recorded.
    elsewhere = folder / "elsewhere" / "generator.h5"
    elsewhere.parent.mkdir()
    shutil.copy(next(folder.glob("model/generator_model_*.h5")), elsewhere)
    said = done(
        script("GeneratePredict.py", "--preset", "smoke", "--generator", elsewhere)
    )
    assert "generator float32, classifier bfloat16" in said
    for text in ("", "[1]", '{"preset": 1}', '{"preset": {"gan": []}}'):
        (folder / "model" / "run_GANModel.json").write_text(text)
        said = done(script("GeneratePredict.py", "--preset", "smoke"))
        assert "generator float32, classifier bfloat16" in said


def test_a_training_stays_with_its_precision_on_a_machine_that_would_choose_another(
    image_folder, script, measured, computed_in
):
    folder, gan = image_folder.parent, ("GANModel.py", *EITHER, "--epochs")
    measured(2.0)
    done(script("TrainModel.py", *EITHER))
    done(script(*gan, 2))
    done(script(*gan, 1, "--model-dir", "moved"))
    measured(0.5)
    computed_in.clear()
    said = done(script(*gan, 2, "--model-dir", "moved", "--resume"))
    assert "precision bfloat16: as this training had it before" in said
    assert set(computed_in) == {"bfloat16"}
    states = [np.load(folder / name / "resume.npz") for name in ("model", "moved")]
    for name in states[0].files:
        np.testing.assert_array_equal(states[0][name], states[1][name])
    # A state of one precision is not taken for another.
    result = script(*gan, 2, "--precision", "float32", "--resume")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "precision was bfloat16, is float32" in result.err
    # The same preset and seed once more, and another seed.
    for name, section in (("TrainModel", "classifier"), ("GANModel", "gan")):
        done(script(f"{name}.py", *EITHER))
        assert recorded(folder, name, section) == ("auto", "bfloat16")
    done(script("GANModel.py", *EITHER, "--seed", 1))
    assert recorded(folder, "GANModel", "gan") == ("auto", "float32")


def test_what_was_given_is_no_choice_of_auto(image_folder, script, measured):
    measured(2.0)
    done(script("TrainModel.py", *EITHER, "--precision", "float32"))
    given = recorded(image_folder.parent, "TrainModel", "classifier")
    assert given == ("float32", "float32")
    done(script("TrainModel.py", *EITHER))
    given = recorded(image_folder.parent, "TrainModel", "classifier")
    assert given == ("auto", "bfloat16")
