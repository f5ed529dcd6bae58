"""GeneratePredict.py --export: a dataset folder that resumes where it stopped."""

import json
import shutil
import signal

import numpy as np
import pytest
from conftest import NOT_COMPILED, trained_by
from left_behind import left_behind

from foldergan.storage import plots, seals

pytestmark = NOT_COMPILED

PREDICT = ("GeneratePredict.py", "--preset", "smoke")
EXPORT = (*PREDICT, "--export", "more", "--min-confidence", 0)
once_trained, trained = trained_by(  # the classifier knows red from blue
    ("TrainModel.py", "--epochs", "30", "--validation-split", "0"),
    ("GANModel.py", "--epochs", "2"),
    red=3,
)


@pytest.fixture
def work(trained, monkeypatch):
    """The folder, where what is drawn is called blue and red in turn."""
    from foldergan.classifier import evaluation

    predict = evaluation.predict

    def in_turn(*images, **how):
        said = predict(*images, **how)
        said[::2] = said[::2, ::-1]
        return said

    monkeypatch.setattr(evaluation, "predict", in_turn)
    return trained


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_an_export_is_a_dataset_folder(work, script):
    result = script(*EXPORT, "--per-class", 40)
    assert result.code == 0, result.err
    made = contents(work / "more")
    images = [f"{n}/gen_{i:06d}.png" for n in ("blue", "red") for i in range(1, 41)]
    assert set(made) == {*images, "export.json", "SHA256SUMS"}
    record = json.loads(made["export.json"])
    assert record["state"]["kept"] == {"blue": 40, "red": 40}
    path = work / "model" / "generator_model_001.h5"
    assert record["made_from"]["generator"] == seals.checksum_of(path)
    assert record["about"]["trained_on"]["held_out"] == 0.0
    model = ("--model-dir", "other", "--data-dir", "other")
    result = script(
        *("TrainModel.py", "--preset", "smoke", "--dataset", "more"), *model
    )
    assert result.code == 0, result.err
    assert "blue 40, red 40" in result.out


def test_near_copies_are_refused_if_asked(work, script, monkeypatch):
    from foldergan.metrics.evaluator import Evaluator

    find, asked = Evaluator.nearest, []

    def a_third(self, features):  # half would be all of one class
        nearest = find(self, features)
        asked.append(len(features))
        is_repeat = np.arange(len(features)) % 3 == 0
        return nearest._replace(is_repeat=is_repeat)

    monkeypatch.setattr(Evaluator, "nearest", a_third)
    command = (*EXPORT, "--per-class", 40, "--refuse-near-copies")
    result = script(*command)
    assert result.code == 0, result.err
    record = json.loads((work / "more" / "export.json").read_text())
    assert record["made_from"]["refuse_near_copies"] is True
    assert 0 < sum(record["state"]["copies"]) == sum((n + 2) // 3 for n in asked)
    result = script(*EXPORT, "--per-class", 40)
    assert result.code == 2 and "refuse_near_copies" in result.err
    result = script(*PREDICT, "--refuse-near-copies")
    assert result.code == 2 and "goes with --export" in result.err


@pytest.mark.slow
def test_killed_at_each_write_it_loses_and_repeats_nothing(
    work, script, monkeypatch, tmp_path_factory
):
    """What a run goes through in two batches; each state then goes on to the end."""
    from foldergan.gan import balanced_set

    monkeypatch.setattr(balanced_set, "_BATCH", (2, 2))
    flags = (*EXPORT, "--per-class", 2)
    into = tmp_path_factory.mktemp("killed") / "more"
    with left_behind(work / "more", into, monkeypatch) as left:
        assert script(*flags).code == 0
    unbroken = contents(work / "more")
    # A record, two images and a record a batch, checksums: each half and whole.
    assert len(left) >= 14
    half = [copy for copy in left if any(copy.rglob(".tmp-*"))]
    assert len(half) >= 8
    for copy in half:
        shutil.rmtree(work / "more")
        copy.rename(work / "more")
        for path in (work / "more").rglob("[!.]*.*"):
            name = str(path.relative_to(work / "more"))
            assert name == "export.json" or path.read_bytes() == unbroken[name]
        result = script(*flags)
        assert result.code == 0, result.err
        assert contents(work / "more") == unbroken


def test_a_signal_ends_it_after_a_batch_and_the_same_command_goes_on(
    work, script, monkeypatch
):
    flags = ("--per-class", 200)
    assert script(*EXPORT, *flags).code == 0
    (work / "more").rename(work / "unbroken")
    save_image, numbers = plots.save_image, []

    def signalled(path, image, **options):
        numbers.append(len(numbers))
        if len(numbers) == 2:
            signal.raise_signal(signal.SIGTERM)
        save_image(path, image, **options)

    with monkeypatch.context() as patch:
        patch.setattr(plots, "save_image", signalled)
        result = script(*EXPORT, *flags)
    assert result.code == 143 and f"{len(numbers)} images are kept" in result.err
    assert "; to resume: " in result.err
    assert 2 < len(numbers) < 400
    assert script(*EXPORT, *flags).code == 0
    assert contents(work / "more") == contents(work / "unbroken")


def test_a_complete_export_is_left_as_it_is(work, script):
    assert script(*EXPORT, "--per-class", 3).code == 0
    times = {path: path.stat().st_mtime_ns for path in (work / "more").rglob("*.png")}
    result = script(*EXPORT, "--per-class", 3)
    assert result.code == 0 and "6 of 6 images are in more" in result.out
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_without_a_number_the_classes_are_levelled(work, script):
    result = script(*EXPORT)
    assert result.code == 0, result.err
    assert {name.partition("/")[0] for name in contents(work / "more")} == {
        "red",
        "export.json",
        "SHA256SUMS",
    }
    assert json.loads((work / "more" / "export.json").read_text())["made_from"][
        "images"
    ] == {"blue": 0, "red": 1}


def test_another_export_is_refused(work, script):
    assert script(*EXPORT, "--per-class", 2).code == 0
    before = contents(work)
    for flags, words in (
        (("--seed", 1), "seed was 0, is 1"),
        (("--min-confidence", 0.1), "min_confidence was 0.0, is 0.1"),
        (("--generator", "generator_model_002.h5"), "generator was"),
        (("--only", "red"), "images was"),
    ):
        result = script(*EXPORT, "--per-class", 2, *flags)
        assert result.code == 2 and result.err.count("\n") == 1
        assert words in result.err and "another folder with --export" in result.err
        assert contents(work) == before


def test_a_folder_of_something_else_is_refused(work, script):
    before = contents(work)
    result = script(*PREDICT, "--export", "dataset")
    assert result.code == 2 and "dataset is not empty, and no export" in result.err
    assert contents(work) == before


def test_a_class_that_cannot_be_filled_ends_in_a_sentence(work, script):
    result = script(*EXPORT[:-1], 0.9999, "--per-class", 5)
    assert result.code == 1 and "Traceback" not in result.err
    sentence = result.err.splitlines()[-1]
    assert "more lacks images: blue has" in sentence
    assert "with a probability below 0.9999" in sentence
    assert "change --min-confidence" in sentence


@pytest.mark.parametrize("flag", ["--evaluate", "--show", "--count=3"])
def test_what_an_export_does_not_do_is_refused(work, script, flag):
    result = script(*EXPORT, flag)
    assert result.code == 2 and "--export goes with" in result.err
