"""The model card: what it tells, whose it is, whether its code runs."""

import re
from dataclasses import replace

import keras
import pytest
import report_folder
from conftest import classifier_of, generator_of
from report_folder import NASTY

from foldergan.config.presets import find_preset
from foldergan.gan.networks import inference_generator
from foldergan.nn.convolutions import copy_of
from foldergan.report import card
from foldergan.report.run import RunReport
from foldergan.storage import filenames, models, tables
from foldergan.storage.run_directory import RunDirectory


def test_it_tells_what_the_folder_holds(model_dir):
    (model_dir / filenames.BEST_GENERATOR).touch()
    text = card.render(model_dir)
    front, body = text.split("---\n", 2)[1:]
    assert "license: unknown" in front
    assert {"- image-classification", "- gan", "- keras"} <= set(front.splitlines())
    assert "A classifier of images into 3 classes, and a generator" in body
    assert '36 images of "pictures", 16x16 pixels, RGB; 1 that could not' in body
    assert "| boat | 12 |" in body
    assert "| validation | 36 | 0.5 | 90.0 % (75.1 to 96.9) | 80.0 % |" in body
    assert "go by balanced accuracy" in body
    assert "Never predicted in the last of these parts: boat." in body
    assert "| KID | 1 | 0 |" in body
    assert "| Near copies | 0.05 | 0.05 |" in body
    assert 'load_model("generator_best.h5"' in body
    assert "    latent_dim = 8\n" in body and "    numpy 2\n" in body


def test_names_are_no_commands(filled):
    text = card.render(filled)
    assert NASTY not in text and r"\<script\>" in text


def test_of_a_generator_that_was_not_evaluated_it_says_so(model_dir):
    (model_dir / filenames.BEST_FIGURES).unlink()
    text = card.render(model_dir)
    assert "was not evaluated" in text and "KID" not in text
    assert "load_model" not in text


def test_it_names_the_newest_generator_of_this_training(model_dir):
    record = tables.load_json(model_dir / "run_GANModel.json")
    tables.save_json(model_dir / "run_GANModel.json", record | {"training": "now"})
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for epoch, training in ((10, "now"), (20, "now"), (90, "before")):
        path = model_dir / filenames.GENERATOR.format(epoch=epoch)
        models.save_model(path, network, {"training": training})
    assert 'load_model("generator_model_020.h5"' in card.render(model_dir)


@pytest.mark.parametrize(
    ("conditioning", "output"), [("none", "sigmoid"), ("class", "softmax")]
)
def test_its_code_runs(tmp_path, monkeypatch, capsys, conditioning, output):
    names = ["a", "b"]
    preset = find_preset("smoke")
    preset = replace(
        preset,
        classifier=replace(preset.classifier, output=output),
        gan=replace(preset.gan, conditioning=conditioning),
    )
    classifier = classifier_of((32, 32, 3), 2, (4,), output=output)
    models.save_classifier(tmp_path, classifier, names, ("none",))
    num_classes = 2 if conditioning == "class" else 0
    generator = inference_generator(
        generator_of((32, 32, 3), preset.gan.latent_dim, (4, 4), "none", num_classes),
        num_classes,
    )
    models.save_model(tmp_path / "generator_model_004.h5", copy_of(generator))
    report_folder.add_dataset(RunReport(tmp_path, "TrainModel"), tmp_path, names)
    for script in ("TrainModel", "GANModel"):
        RunDirectory(tmp_path).save_run(script, preset, {}, "float32")
    code = re.search("```python\n(.*?)```", card.render(tmp_path), re.S)[1]
    monkeypatch.chdir(tmp_path)
    known = {}
    exec(code, known)
    assert known["drawn"].shape == (16, 32, 32, 3)
    assert 0 <= known["drawn"].min() < known["drawn"].max() <= 1
    assert re.search(r"^\['[ab]'\]$", capsys.readouterr().out, re.M)


def test_a_card_that_nobody_touched_is_written_anew(model_dir):
    before = (model_dir / filenames.CARD).read_text(encoding="utf-8")
    tables.save_csv(model_dir / "train_evaluation.csv", [])
    card.update(model_dir)
    after = (model_dir / filenames.CARD).read_text(encoding="utf-8")
    assert "| validation |" in before and "| validation |" not in after


@pytest.mark.parametrize("text", ["My own words.\n", None])
def test_what_a_person_wrote_is_left_alone(model_dir, capsys, text):
    path = model_dir / filenames.CARD
    if text is None:  # only the licence was filled in
        text = path.read_text(encoding="utf-8").replace("unknown", "mit", 1)
    path.write_text(text, encoding="utf-8")
    with RunReport(model_dir, "TrainModel"):
        pass
    assert path.read_text(encoding="utf-8") == text
    assert "README.md is yours" in capsys.readouterr().out


def test_damaged_records_cost_the_card_and_no_training(model_dir, capsys):
    before = (model_dir / filenames.CARD).read_bytes()
    (model_dir / filenames.CLASS_NAMES).write_text("{")
    with RunReport(model_dir, "TrainModel"):
        pass
    assert "no model card was written" in capsys.readouterr().out
    assert (model_dir / filenames.CARD).read_bytes() == before
