"""Training that measures each save by held-out pictures and keeps the best."""

import csv
import json

import pytest

from pipeline import judging

GAN = ("GANModel.py", "--preset", "smoke", "--held-out", "0.5")


@pytest.fixture
def trained(picture_folder, script):
    """A folder with a classifier and twelve pictures a class."""
    for folder in picture_folder.iterdir():
        for number in range(8):
            content = (folder / f"{number % 4}.png").read_bytes()
            (folder / f"{number + 4}.png").write_bytes(content)
    assert script("TrainModel.py", "--preset", "smoke").code == 0
    return picture_folder.parent


@pytest.fixture
def distances(monkeypatch):
    """Makes the judge find these kernel distances, one after the other."""
    measure, found = judging.Judge.measure, []

    def find(judge, pictures):
        found_now = {"kernel_distance": found.pop(0), "kernel_distance_error": 0}
        return measure(judge, pictures) | found_now

    monkeypatch.setattr(judging.Judge, "measure", find)
    return found


def table(folder) -> list[dict]:
    with open(folder / "model" / "gan_quality.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_best_is_kept_with_its_figures(trained, script, distances):
    distances += [3, 1, 2]
    result = script(*GAN, "--epochs", 3)
    assert result.code == 0, result.err
    model = trained / "model"
    assert [row["kernel_distance"] for row in table(trained)] == ["3", "1", "2"]
    about = json.loads((model / "generator_best.json").read_text())
    assert about["epoch"] == 2 and about["real"] == 12 and about["fake"] == 2000
    best = (model / "generator_best.h5").read_bytes()
    assert best == (model / "generator_model_002.h5").read_bytes()
    assert best != (model / "generator_model_003.h5").read_bytes()
    assert (model / "gan_quality.png").is_file()
    assert "epoch 2 was better" in result.out


def test_training_ends_when_patience_does(trained, script, distances):
    distances += [1, 2, 3, 0]
    result = script(*GAN, "--epochs", 4, "--patience", 2, "--saves", "final")
    assert result.code == 0, result.err
    assert "done: 3 epochs" in result.out and len(table(trained)) == 3
    assert (trained / "model" / "final_generated_images.png").exists()


def test_resumed_it_remembers_what_was_best(trained, script, distances):
    distances += [1, 2, 3]
    script(*GAN, "--epochs", 2)
    result = script(*GAN, "--epochs", 3, "--resume")
    assert result.code == 0, result.err
    assert len(table(trained)) == 3
    about = json.loads((trained / "model" / "generator_best.json").read_text())
    assert about["epoch"] == 1


def test_a_new_run_sets_the_best_of_an_earlier_one_aside(trained, script):
    script(*GAN, "--epochs", 1)
    result = script(*GAN[:3], "--epochs", 1)
    assert "generator_best.previous.h5" in result.out
    assert not (trained / "model" / "generator_best.h5").exists()


def test_held_out_pictures_are_not_trained_on(trained, script, monkeypatch):
    from pipeline.adversarial import AdversarialTrainer

    shown, train = [], AdversarialTrainer.train

    def watched(self, images, epochs, batch_size, rows, *rest, **callbacks):
        shown.extend(rows)
        return train(self, images, epochs, batch_size, rows, *rest, **callbacks)

    monkeypatch.setattr(AdversarialTrainer, "train", watched)
    result = script(*GAN, "--epochs", 1)
    assert "held out 12 pictures" in result.out
    assert len(set(shown)) == 12


def test_measuring_needs_a_classifier(trained, script):
    (trained / "model" / "train.h5").unlink()
    result = script(*GAN)
    assert result.code == 2 and "train.h5 not found; run: python Train" in result.err


def test_too_few_to_measure_by_are_refused(trained, script):
    result = script(*GAN[:3], "--held-out", 0.1)
    assert result.code == 2
    assert "leaves 2 to measure by and 6 are needed" in result.err


def test_patience_without_a_measure_is_refused(script):
    result = script("GANModel.py", "--patience", 3)
    assert result.code == 2 and "set held_out" in result.err
