"""Every command that a script prints is run exactly as printed, in odd folders."""

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from conftest import NOT_COMPILED, ROOT, Result, draw_images, end_of, run_here

from foldergan.storage import tables

pytestmark = NOT_COMPILED

FOLDERS = ("--data-dir", "my arrays", "--model-dir", "the model's")
IMAGES = ("--dataset", "my images")
SMOKE = ("--preset", "smoke")


@pytest.fixture
def as_printed(tmp_path, capfd):
    """Runs a printed line in the test's folder: its words as a shell takes them."""

    def run(line: str) -> Result:
        python, script, *arguments = shlex.split(line)
        assert python == sys.orig_argv[0]
        assert os.path.dirname(script) == str(ROOT)  # as `run_here` calls it
        capfd.readouterr()
        code = run_here(tmp_path, os.path.basename(script), *arguments)
        return Result(code, *capfd.readouterr())

    return run


@pytest.fixture
def odd(tmp_path):
    """The test's folder, with a dataset folder of an odd name."""
    draw_images(tmp_path / "my images")
    return tmp_path


def next_of(result: Result) -> str:
    """The command that a script prints for what comes next."""
    assert result.code == 0, result.err
    (line,) = re.findall("^next: (.*)$", result.out, re.MULTILINE)
    return line


def test_each_next_command_leads_to_the_end(odd, script, as_printed):
    first = script("TrainModel.py", *SMOKE, *FOLDERS, *IMAGES)
    second = as_printed(next_of(first))
    assert "preset smoke (recorded in the model's/run_TrainModel.json)" in second.out
    third = as_printed(next_of(second))
    assert third.code == 0 and "next:" not in third.out
    assert "preset smoke (recorded in the model's/run_GANModel.json)" in third.out
    assert (odd / "the model's" / "predictions.csv").is_file()
    assert not (odd / "model").exists()
    for end in (first, second, third):
        assert end.out.splitlines()[-1] == "report: the model's/report.html"


def test_a_classifier_comes_next_where_there_is_none_and_classes_are_known(
    odd, script, as_printed
):
    drawn = script("GANModel.py", *SMOKE, *FOLDERS, *IMAGES)
    trained = as_printed(next_of(drawn))
    assert trained.code == 0 and "saved the model's/train.h5" in trained.out
    flat = ("--dataset", odd / "my images" / "red", "--model-dir", "flat")
    assert "next:" not in script("GANModel.py", *SMOKE, "--data-dir", "flat", *flat).out


def test_what_must_run_before_is_a_whole_command(odd, script, as_printed):
    """From the last script back to the first, and on again as they say."""
    early = script("GeneratePredict.py", *SMOKE, *FOLDERS, "--seed", 3)
    assert early.code == 2 and "train.json not found; run: " in early.err
    train = early.err.strip().partition("run: ")[2]
    assert shlex.split(train)[2:] == [*SMOKE, *FOLDERS, "--seed", "3"]
    assert as_printed(f"{train} --dataset 'my images'").code == 0
    early = script("GeneratePredict.py", *FOLDERS, "--seed", 3)
    assert early.code == 2 and "no generator in the model's; run: " in early.err
    draw = early.err.strip().partition("run: ")[2]
    assert shlex.split(draw)[2:] == [*FOLDERS, "--seed", "3"]
    assert as_printed(draw).code == 0
    assert script("GeneratePredict.py", *FOLDERS, "--seed", 3).code == 0


@pytest.mark.slow
def test_after_a_departure_the_next_command_names_the_preset(odd, script, as_printed):
    (odd / "mine.toml").write_text('base = "smoke"\n[gan]\nlatent_dim = 9\n')
    assert script("GANModel.py", *SMOKE, *FOLDERS, *IMAGES).code == 0
    mine = ("--preset", "mine.toml")
    first = script("TrainModel.py", *mine, *FOLDERS, *IMAGES)
    assert "run_GANModel.json records the preset smoke; this run uses mine" in first.out
    line = next_of(first)
    assert shlex.split(line)[2:] == [*mine, *FOLDERS]
    second = as_printed(line)
    assert "preset mine.toml, " in second.out
    (odd / "mine.toml").unlink()  # its settings are remembered
    assert as_printed(next_of(second)).code == 0


def test_a_stopped_training_says_how_to_go_on(odd, script, as_printed, monkeypatch):
    assert script("TrainModel.py", *SMOKE, *FOLDERS, *IMAGES).code == 0
    save_csv = tables.save_csv

    def signalled(path, rows):
        save_csv(path, rows)
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(tables, "save_csv", signalled)
        stopped = script("GANModel.py", *FOLDERS, "--epochs", 2)
    assert stopped.code == 143
    line = stopped.err.strip().partition("to resume: ")[2]
    assert shlex.split(line)[2:] == [*FOLDERS, "--epochs", "2", "--resume"]
    result = as_printed(line)
    assert result.code == 0 and "resuming after epoch 1" in result.out


@pytest.mark.slow
def test_an_export_says_how_to_train_with_it(odd, script, as_printed):
    assert script("TrainModel.py", *SMOKE, *FOLDERS, *IMAGES).code == 0
    assert script("GANModel.py", *FOLDERS).code == 0
    flags = ("--export", "more of it", "--per-class", 1, "--min-confidence", 0)
    export = script("GeneratePredict.py", *FOLDERS, *flags, "--only", "blue")
    before = (odd / "the model's" / "train.h5").read_bytes()
    result = as_printed(next_of(export))
    assert result.code == 0, result.err
    assert "1 of more of it are added to the training" in result.out
    assert (odd / "the model's" / "train.h5").read_bytes() == before
    assert (odd / "the model's-more" / "train.h5").is_file()


@pytest.mark.slow
def test_a_best_generator_makes_way_with_a_word_and_comes_back(odd, script, as_printed):
    images = draw_images(odd / "many")
    for number in range(8):  # enough to hold some out
        for name in ("blue", "red"):
            source = images / name / f"{number % 4}.png"
            (images / name / f"copy{number}.png").write_bytes(source.read_bytes())
    flags = ("--features", "classifier", "--held-out", "0.5")
    train = script("TrainModel.py", *SMOKE, *FOLDERS, "--dataset", "many")
    assert train.code == 0
    assert script("GANModel.py", *FOLDERS, *flags).code == 0
    model = odd / "the model's"
    best = (model / "generator_best.h5").read_bytes()
    state = (model / "resume.npz").read_bytes()

    result = script("GANModel.py", *FOLDERS, *flags, "--seed", 1)
    assert result.code == 0, result.err
    assert (model / "generator_best.previous.h5").read_bytes() == best
    moved = dict(re.findall("^  (.*) -> (.*)$", result.out, re.MULTILINE))
    assert moved["generator_best.h5"] == "generator_best.previous.h5"
    assert moved["resume.npz"] == "resume.previous.npz"
    assert "name another folder with --model-dir to keep both" in result.out
    line = re.search("best generator still generates: (.*)", result.out)[1]
    assert as_printed(line).code == 0

    for name, kept in moved.items():  # as it says
        (model / kept).replace(model / name)
    again = script("GANModel.py", *FOLDERS, *flags, "--resume", "--epochs", 2)
    assert again.code == 0 and "resuming after epoch 1" in again.out
    assert state != (model / "resume.npz").read_bytes()


@pytest.mark.parametrize("name", ["TrainModel", "GANModel", "GeneratePredict"])
def test_the_first_line_comes_before_anything_heavy(odd, name):
    """Whoever imports something heavy finds that line printed already."""
    code = f"""
import runpy, sys

class Blocker:
    def find_spec(self, module, path=None, target=None):
        if module in {{"tensorflow", "keras", "numpy", "cv2", "h5py", "matplotlib"}}:
            raise SystemExit(f"{{module}} is heavy")

sys.meta_path.insert(0, Blocker())
sys.argv = ["{name}.py", "--preset", "smoke", "--data-dir", "my arrays"]
runpy.run_module("{name}", run_name="__main__")
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=odd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    read = "images of dataset, " if name == "TrainModel" else ""
    expected = f"{name}.py: preset smoke, {read}arrays in my arrays, models in model\n"
    assert done.stdout == expected
    assert done.stderr.endswith(" is heavy\n")


@pytest.mark.slow
def test_a_process_of_its_own_prints_commands_that_a_shell_runs(odd, start):
    early = end_of(start(odd, "GANModel.py", *SMOKE, *FOLDERS))
    line = early.err.strip().partition("run: ")[2]
    done = subprocess.run(
        f"{line} --dataset 'my images'", shell=True, cwd=odd, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert (odd / "the model's" / "train.h5").is_file()
