"""Training that measures each save by held-out images and keeps the best."""

import json

import numpy as np
import pytest
from conftest import NOT_COMPILED, table, trained_by
from left_behind import left_behind

from foldergan.metrics import evaluator

pytestmark = NOT_COMPILED

QUALITY = "gan_quality.csv"
GAN = ("GANModel.py", "--preset", "smoke", "--held-out", "0.5")
once_trained, trained = trained_by(("TrainModel.py", "--filters", 16), blue=12, red=12)


@pytest.fixture
def distances(monkeypatch):
    """Makes the judge find these kernel distances, one after the other."""
    measure, found = evaluator.Evaluator.evaluate, []

    def find(judge, pictures, classes):
        names = ("kernel_distance", "kernel_distance_low", "kernel_distance_high")
        row, draws = measure(judge, pictures, classes)
        return row | dict.fromkeys(names, found.pop(0)), 0 * draws

    monkeypatch.setattr(evaluator.Evaluator, "evaluate", find)
    return found


def test_the_best_is_kept_with_its_figures_and_what_it_draws(
    trained, script, distances, monkeypatch
):
    from foldergan.storage import plots

    pages, save = [], plots.save_with_nearest

    def watched(path, images, nearest, columns):
        pages.append((path, images, nearest))
        save(path, images, nearest, columns)

    monkeypatch.setattr(plots, "save_with_nearest", watched)
    distances += [3, 1, 2]
    result = script(*GAN, "--epochs", 3)
    assert result.code == 0, result.err
    model = trained / "model"
    assert [row["kernel_distance"] for row in table(trained, QUALITY)] == [
        "3",
        "1",
        "2",
    ]
    about = json.loads((model / "generator_best.json").read_text())
    assert about["epoch"] == 2 and about["real"] == 12 and about["fake"] == 500
    best = (model / "generator_best.h5").read_bytes()
    assert best == (model / "generator_model_002.h5").read_bytes()
    assert best != (model / "generator_model_003.h5").read_bytes()
    assert (model / "gan_quality.png").is_file()
    assert "epoch 2 was better" in result.out

    assert len(pages) == 2  # of the third, which is no better, no page
    path, images, nearest = pages[-1]
    assert path.name == "generated_nearest.png" and (model / path.name).is_file()
    assert images.shape == nearest.shape and len(images) == 21
    on_disk = np.load(trained / "img_data.txt.npy")
    for image in nearest:
        assert (np.abs(image - on_disk).max((1, 2, 3)) < 1e-6).any()
    assert not np.allclose(images, nearest, atol=0.01)


@pytest.mark.slow
def test_killed_at_each_write_it_leaves_no_figures_of_another(
    trained, script, distances, tmp_path, monkeypatch
):
    """Neither those of an earlier run, nor of an earlier save of the same."""
    distances += [1, 2, 1]
    assert script(*GAN, "--epochs", 1, "--seed", 1).code == 0
    into = tmp_path.with_name(f"{tmp_path.name}-killed")
    with left_behind(trained / "model", into, monkeypatch) as left:
        assert script(*GAN, "--epochs", 2).code == 0
    assert len(left) >= 15
    of: dict[bytes, set[bytes | None]] = {}  # figures or page -> its generators
    for folder in left:
        best = folder / "generator_best.h5"
        there = best.read_bytes() if best.is_file() else None
        for name in ("generator_best.json", "generated_nearest.png"):
            if (folder / name).is_file():
                of.setdefault((folder / name).read_bytes(), set()).add(there)
    assert len(of) == 6 and all(len(found) == 1 for found in of.values())
    assert None not in set().union(*of.values())


def test_a_new_run_sets_the_best_of_an_earlier_one_aside(trained, script):
    script(*GAN, "--epochs", 1)
    before = {
        path.name: path.read_bytes()
        for path in (trained / "model").iterdir()
        if path.is_file()
    }
    model = trained / "model"
    script(*GAN[:3], "--epochs", 1)
    for name in (
        "generator_best.h5",
        "generator_best.json",
        "generated_nearest.png",
        "gan_quality.csv",
        "resume.npz",
    ):
        stem, _, suffix = name.rpartition(".")
        assert (model / f"{stem}.previous.{suffix}").read_bytes() == before[name]
        assert name == "resume.npz" or not (model / name).exists()
    assert (model / "resume.npz").read_bytes() != before["resume.npz"]
    assert not (model / "gan_quality.png").exists()


def test_held_out_images_are_not_trained_on(trained, script, monkeypatch):
    from foldergan.gan.trainer import Trainer

    sides, train, judge = {}, Trainer.train, evaluator.Evaluator.__init__

    def watched(self, data, *rest, **callbacks):
        sides["shown"] = set(data.rows)
        return train(self, data, *rest, **callbacks)

    def watched_judge(self, extractor, images, rows, held_out, *others):
        sides["not to repeat"], sides["held out"] = set(rows), set(held_out)
        judge(self, extractor, images, rows, held_out, *others)

    monkeypatch.setattr(Trainer, "train", watched)
    monkeypatch.setattr(evaluator.Evaluator, "__init__", watched_judge)
    result = script(*GAN[:3], "--held-out", 0.25, "--epochs", 1)
    assert "held out 6 images" in result.out
    assert len(sides["held out"]) == 6
    assert (
        sides["shown"] == sides["not to repeat"] == set(range(24)) - sides["held out"]
    )


def test_training_ends_when_patience_does_and_stays_ended(trained, script, distances):
    distances += [1, 2, 3]
    arguments = (*GAN, "--epochs", 3, "--patience", 1, "--saves", "final")
    result = script(*arguments)
    assert result.code == 0, result.err
    assert "done: 2 epochs" in result.out and len(table(trained, QUALITY)) == 2
    assert (trained / "model" / "final_generated_images.png").exists()
    state = (trained / "model" / "resume.npz").read_bytes()
    result = script(*arguments, "--resume")
    assert result.code == 0 and "done: 2 epochs" in result.out
    assert (trained / "model" / "resume.npz").read_bytes() == state
    assert len(table(trained, QUALITY)) == 2
    result = script(*GAN, "--epochs", 3, "--saves", "final", "--resume")
    assert "done: 3 epochs" in result.out and len(table(trained, QUALITY)) == 3
    about = json.loads((trained / "model" / "generator_best.json").read_text())
    assert about["epoch"] == 1  # it was remembered


def test_any_keras_model_can_measure(trained, script):
    import keras

    thumbnail = keras.Sequential(
        [keras.Input((32, 32, 3)), keras.layers.AveragePooling2D(16)]
    )
    thumbnail.save(trained / "thumbnail.keras")
    (trained / "model" / "train.h5").unlink()  # nobody asks for it
    result = script(*GAN, "--epochs", 1, "--features", "thumbnail.keras")
    assert result.code == 0, result.err
    assert (
        table(trained, QUALITY)[0]["extractor"] == "model thumbnail.keras, 12 features"
    )


def test_drawn_classes_are_in_the_proportions_of_those_held_out():
    labels = np.eye(3)[[2, 0, 0, 2, 0, 0, 2, 0, 0, 1]]
    from foldergan.gan.evaluation import fake_classes

    class_ids = fake_classes(labels)
    assert np.bincount(class_ids).tolist() == [300, 50, 150]
    many = np.eye(3)[[0] * 6000 + [1] * 4000]
    assert np.bincount(fake_classes(many)).tolist() == [1200, 800]
    some = np.eye(3)[[0] * 100 + [2] * 100]
    assert np.bincount(fake_classes(some)).tolist() == [500, 0, 500]


def test_the_judge_is_shown_rare_classes_rarely(trained, script, monkeypatch):
    from foldergan.gan import sampling

    for number in range(4, 12):
        (trained / "dataset" / "red" / f"{number}.png").unlink()
    assert script("TrainModel.py", "--preset", "smoke").code == 0
    asked, generate = [], sampling.generate

    def watched(generator, inputs):
        asked.append(inputs)
        return generate(generator, inputs)

    monkeypatch.setattr(sampling, "generate", watched)
    result = script(*GAN, "--epochs", 1, "--conditioning", "class")
    assert result.code == 0, result.err
    of_a_page = 2 * 7 + 21  # the grid, and what stands beside its nearest
    judged = np.concatenate([ids for _, ids in asked if len(ids) > of_a_page])
    assert np.bincount(judged).tolist() == [375, 125]


def test_what_cannot_measure_is_refused(trained, script):
    result = script(*GAN[:3], "--held-out", 0.1)
    assert result.code == 2
    assert "leaves 2 to evaluate by and 6 are needed" in result.err
    # The classifier was taken without a word, as a backbone never was.
    result = script(*GAN, "--discriminator-features", "classifier")
    assert result.code == 2 and "flatter it" in result.err
    assert "change --features" in result.err
    (trained / "model" / "train.h5").unlink()
    result = script(*GAN)
    assert result.code == 2 and "train.h5 not found; run: " in result.err
    assert "/TrainModel.py" in result.err


def test_the_images_to_show_are_spread_over_the_classes():
    from foldergan.gan import evaluation

    class_ids = evaluation.fake_classes(np.eye(3)[[0] * 10 + [1] * 10 + [2]])
    latents, shown = evaluation.inputs_to_show([np.arange(500), class_ids])
    assert np.bincount(shown).tolist() == [10, 10, 1]
    np.testing.assert_array_equal(class_ids[latents], shown)
    np.testing.assert_array_equal(evaluation.inputs_to_show(np.arange(500)), latents)
