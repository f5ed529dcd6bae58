"""The three scripts as a user runs them, and what they leave on disk."""

import json
import os
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import OF_REPORT, OF_TRAIN_MODEL, draw_images, end_of, table

from foldergan.storage import arrays, filenames, locking

ARRAYS = {"img_data.txt.npy", "img_label.txt.npy"}
ORIGIN = "img_data.txt.json"
OF_GAN_MODEL = {
    *(f"generator_model_00{epoch}.h5" for epoch in (1, 2, 3, 4)),
    *(f"generated_plot_e00{epoch}.png" for epoch in (1, 2, 3, 4)),
    "gan_history.csv",
    "gan_curves.png",
    "resume.npz",
    "run_GANModel.json",
}
OF_GENERATE_PREDICT = {"predictions.png", "predictions.csv"}

A_STRANGERS_SCRIPT = """
import sys, keras, numpy as np
folder = sys.argv[1]
try:
    import foldergan
except ImportError:
    pass
else:
    sys.exit("this was to run without the package")
images = np.load(f"{folder}/img_data.txt.npy")
labels = np.load(f"{folder}/img_label.txt.npy")
assert images.shape == (8, 32, 32, 3) and images.dtype == np.float32
assert 0 <= images.min() < images.max() <= 1
assert labels.shape == (8, 2) and labels.dtype == np.float32
assert labels.sum(0).tolist() == [4, 4] and set(labels.ravel()) == {0, 1}
blue, red = images[labels[:, 0] == 1], images[labels[:, 1] == 1]
assert (blue[..., 2] > blue[..., 0]).all() and (red[..., 0] > red[..., 2]).all()

with open(f"{folder}/model/train.json") as file:
    classifier = keras.models.model_from_json(file.read())
fresh = classifier.predict(images, verbose=0)
classifier.load_weights(f"{folder}/model/train.h5")
probabilities = classifier.predict(images, verbose=0)
assert probabilities.shape == (8, 2)
assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
assert not np.allclose(probabilities, fresh)
whole = keras.models.load_model(f"{folder}/model/train.h5", compile=False)
assert np.array_equal(whole.predict(images, verbose=0), probabilities)

generator = keras.models.load_model(f"{folder}/model/generator_model_004.h5")
assert generator.input_shape == (None, 8)
latents = np.random.default_rng(0).normal(size=(5, 8))
images = generator.predict(latents, verbose=0)
assert images.shape == (5, 32, 32, 3)
assert -1 <= images.min() < 0 < images.max() <= 1
print("read everything")
"""


def contents(folder):
    """The bytes of every file below a folder, except process ids and times."""
    of_times = (".lock", ".lock-arrays", ORIGIN, "report.html")
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in of_times
        if not path.name.startswith("times_")
    }


@pytest.fixture
def copied(finished, tmp_path):
    """The test's folder, with all that a finished run left."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def assert_refused(result, *words):
    """Checks for exit code 2 and one line on stderr that has these words."""
    assert result.code == 2
    assert result.err.count("\n") == 1
    for word in words:
        assert str(word) in result.err


def test_the_scripts_leave_exactly_their_files(finished):
    folder = finished
    top = {path.name for path in folder.iterdir()} - {".lock-arrays"}
    of_splits = {filenames.FILES, filenames.NEAR_DUPLICATES}
    assert top == {"dataset", "model", ORIGIN} | of_splits | ARRAYS
    model = {path.name for path in (folder / "model").iterdir()} - {".lock"}
    assert model == OF_TRAIN_MODEL | OF_GAN_MODEL | OF_GENERATE_PREDICT | OF_REPORT


def test_the_page_shows_what_all_three_have_done(finished):
    text = (finished / "model" / "report.html").read_text(encoding="utf-8")
    found = re.findall(r'<section id="(\w+)"', text)
    assert found == ["dataset", "classifier", "gan", "generated", "runs"]
    assert "could not be shown" not in text and "was running" not in text
    assert text.count('class="frame"') == 4  # epochs
    for words in (
        "generated with generator_model_001.h5",
        "TrainModel.py",
        "GANModel.py",
    ):
        assert words in text


def test_the_tables_have_a_row_an_epoch_and_a_row_a_image(finished):
    for name, column, numbers in (
        ("gan_history.csv", "epoch", "1234"),
        ("train_history.csv", "epoch", "1"),
        ("predictions.csv", "picture", "1234"),
    ):
        assert [row[column] for row in table(finished, name)] == list(numbers)
    predictions = table(finished, "predictions.csv")
    assert {row["predicted"] for row in predictions} <= {"blue", "red"}


def test_same_seed_same_bytes_also_when_resumed_half_way(
    finished, script, image_folder, tmp_path
):
    """The finished run trained its GAN for four epochs without a break."""
    gan = ("GANModel.py", "--epochs")
    for command in (
        ("TrainModel.py",),
        (*gan, 2),
        (*gan, 4, "--resume"),
        ("GeneratePredict.py",),
    ):
        result = script(*command, "--preset", "smoke")
        assert result.code == 0, result.err
    one, other = contents(finished), contents(tmp_path)
    assert set(one) == set(other)
    assert [name for name in one if one[name] != other[name]] == []


def test_another_seed_gives_other_networks_from_the_same_arrays(copied, script):
    before = contents(copied)
    for name in ("TrainModel.py", "GANModel.py", "GeneratePredict.py"):
        result = script(name, "--preset", "smoke", "--seed", 1)
        assert result.code == 0, result.err
    after = contents(copied)
    for name in ARRAYS:
        assert after[name] == before[name]
    networks = ("train.h5", "generator_model_001.h5")
    for name in ("train_history.csv", "predictions.csv", *networks):
        assert after[f"model/{name}"] != before[f"model/{name}"]
    for name in networks:
        weights = []
        for number, data in enumerate((before, after)):
            path = copied / f"{number}.h5"
            path.write_bytes(data[f"model/{name}"])
            model = keras.models.load_model(path, compile=False)
            weights.append(model.get_weights()[0])
        assert (weights[0] != weights[1]).any()


@pytest.mark.slow
def test_saved_models_are_enough_to_generate_without_a_screen(
    finished, process, tmp_path
):
    """In a fresh folder, with no MPLBACKEND and no DISPLAY set."""
    (tmp_path / "model").mkdir()
    needed = ("train.json", "train.h5", "classes.json", "generator_model_001.h5")
    for name in needed:
        shutil.copy(finished / "model" / name, tmp_path / "model")
    result = process("GeneratePredict.py", "--preset", "smoke", "--show")
    assert result.code == 0, result.err
    assert result.err == ""
    assert [line for line in result.out.splitlines() if "--show" in line] == [
        "warning: --show needs a screen and there is none"
    ]
    for name in OF_GENERATE_PREDICT:
        expected = (finished / "model" / name).read_bytes()
        assert (tmp_path / "model" / name).read_bytes() == expected
    made = {path.name for path in (tmp_path / "model").iterdir()}
    assert made == {*needed, *OF_GENERATE_PREDICT, *OF_REPORT}


@pytest.mark.slow
def test_a_stranger_reads_everything_with_keras_and_numpy_alone(finished, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", A_STRANGERS_SCRIPT, finished],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.stdout == "read everything\n", done.stderr


def test_the_run_is_recorded_beside_the_model(finished):
    path = finished / "model" / "run_GANModel.json"
    record = json.loads(path.read_text())
    assert record["preset"]["name"] == "smoke"
    assert record["preset"]["gan"]["epochs"] == 4  # as given, not as in the preset
    assert record["versions"]["keras"] == keras.__version__


# Going on, and what keeps a run from doing so.


def test_nothing_to_resume(copied, script):
    (copied / "model" / "resume.npz").unlink()
    before = contents(copied)
    result = script("GANModel.py", "--preset", "smoke", "--resume")
    assert_refused(result, "nothing to resume", "resume.npz", "without --resume")
    assert contents(copied) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--seed", 5), "seed was 0, is 5"),
        (
            ("--latent-dim", 9, "--beta-1", 0.9, "--generator-filters", "4,4,4,8"),
            "beta_1 was 0.5, is 0.9; generator_filters was [4, 4, 4, 4], is "
            "[4, 4, 4, 8]; latent_dim was 8, is 9",
        ),
    ],
)
def test_resuming_with_other_settings_is_refused(copied, script, flags, words):
    before = contents(copied)
    result = script("GANModel.py", "--preset", "smoke", "--resume", *flags)
    assert_refused(result, "resume.npz", "other settings", words)
    assert contents(copied) == before


def test_epochs_saves_and_learning_rates_may_change_which_is_said(copied, script):
    flags = ("--resume", "--epochs", 5, "--save-every", 2)
    before = np.load(copied / "model" / "resume.npz")["generator/0"]
    rate = ("--generator-learning-rate", 1e-9)
    result = script("GANModel.py", "--preset", "smoke", *flags, *rate)
    assert result.code == 0, result.err
    assert "resuming after epoch 4" in result.out
    assert result.out.count("epoch 5/5") == 1
    assert (copied / "model" / "generator_model_005.h5").is_file()
    said = "note: generator_learning_rate was 0.0002, is 1e-09 from here on\n"
    assert said in result.out and "discriminator_learning_rate was" not in result.out
    after = np.load(copied / "model" / "resume.npz")["generator/0"]
    assert 0 < np.abs(after - before).max() < 1e-6


def test_a_gan_that_diverges_ends_in_1_and_keeps_the_last_good_state(copied, script):
    before = contents(copied / "model")
    flags = ("--resume", "--epochs", 6, "--generator-learning-rate", 1e30)
    result = script("GANModel.py", "--preset", "smoke", *flags)
    assert result.code == 1 and "Traceback" not in result.err
    assert "smaller learning rates" in result.err.splitlines()[-1]
    after = contents(copied / "model")
    assert all(after[n] == before[n] for n in before if n.endswith((".h5", ".npz")))


def test_going_on_with_another_version_is_said(copied, script):
    path = copied / "model" / "run_GANModel.json"
    record = json.loads(path.read_text())
    now, record["versions"]["keras"] = record["versions"]["keras"], "3.0.0"
    path.write_text(json.dumps(record))
    flags = ("--preset", "smoke", "--resume", "--epochs", 5)
    result = script("GANModel.py", *flags)
    assert result.code == 0, result.err
    said = f"warning: results may differ in their bits: keras was 3.0.0, is {now}\n"
    assert said in result.out
    assert "warning: results" not in script("GANModel.py", *flags).out  # recorded now


def test_a_damaged_state_is_refused_and_named(copied, script):
    path = copied / "model" / "resume.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    before = contents(copied)
    result = script("GANModel.py", "--preset", "smoke", "--resume")
    assert_refused(result, path.relative_to(copied), "damaged")
    assert contents(copied) == before


@pytest.mark.parametrize("name", ["TrainModel.py", "GANModel.py"])
def test_a_second_run_in_the_folder_is_refused(copied, process, name):
    before = contents(copied)
    with locking.training_folder(copied / "model"):
        result = process(name, "--preset", "smoke")
    assert_refused(result, f"process {os.getpid()}", "--model-dir")
    assert contents(copied) == before


def test_arrays_cannot_be_replaced_between_making_and_loading_them(
    image_folder, tmp_path, script, start, monkeypatch
):
    """The class names would be of one folder and the labels of another."""
    other = draw_images(tmp_path / "other")
    (other / "red").rename(other / "azure")
    load, ends = arrays.load_images, []

    def load_while_another_begins(data_dir):
        flags = ("--preset", "smoke", "--dataset", other, "--model-dir", "second")
        ends.append(end_of(start(tmp_path, "TrainModel.py", *flags)))
        return load(data_dir)

    monkeypatch.setattr(arrays, "load_images", load_while_another_begins)
    result = script("TrainModel.py", "--preset", "smoke")
    assert result.code == 0, result.err
    assert_refused(ends[0], f"process {os.getpid()}", "--data-dir")
    assert arrays.load_source(tmp_path).class_names == ["blue", "red"]


# What a script takes from another, and what it checks.

SMOKE = ("--preset", "smoke")


def test_test_time_augmentation_is_that_of_the_classifier(copied, script):
    """It was taken from the preset: what --augmentation had asked for was forgotten."""
    from foldergan.storage import models

    assert script("TrainModel.py", *SMOKE, "--augmentation", "shift").code == 0
    loaded = models.load_classifier(copied / "model")
    assert loaded.augmentation == ("shift",)
    with pytest.MonkeyPatch.context() as patch:
        asked = []
        from foldergan.classifier import evaluation

        predict = evaluation.predict

        def watched(*arguments, augmentation):
            asked.append(augmentation)
            return predict(*arguments, augmentation=augmentation)

        patch.setattr(evaluation, "predict", watched)
        assert script("GeneratePredict.py", *SMOKE).code == 0
    assert asked == [("shift",)]


def test_only_the_sections_that_a_script_uses_must_fit(image_folder, script):
    """A GAN of doublings cannot draw 50x50; that is no reason not to classify it."""
    assert script("TrainModel.py", *SMOKE, "--image-shape", "50x50x3").code == 0
    result = script("GANModel.py", *SMOKE)
    assert result.code == 2 and "multiples of 8, not 50x50" in result.err
    assert "change --image-shape or --generator-filters" in result.err


def test_a_classifier_beside_the_names_of_another_is_refused(copied, script):
    names = copied / "model" / "classes.json"
    names.write_text('["red", "blue"]', encoding="utf-8")
    result = script("GeneratePredict.py", *SMOKE)
    assert result.code == 2 and "name other classes" in result.err
