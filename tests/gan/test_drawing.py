"""Images that stream by: nothing that grows with their number is held."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import classifier_of, generator_of

from foldergan.classifier.predictions import Predictions
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError
from foldergan.gan import drawing, evaluation, networks, sampling
from foldergan.storage import tables

SHAPE = (8, 8, 3)
NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    generator = networks.inference_generator(
        generator_of(SHAPE, 5, (4, 4), num_classes=3), 3
    )
    classifier = classifier_of((6, 6, 3), 3, (2,))
    path = tmp_path_factory.mktemp("nowhere") / "x.h5"
    return drawing.Networks(generator, classifier, NAMES, (), 3, path)


def test_a_stream_draws_what_is_drawn_at_once(both):
    inputs = sampling.sample_inputs(both.generator, 7, 0)
    batches = sampling.input_batches(both.generator, 7, 0, size=3)
    drawn = list(drawing.draw(both, batches))
    assert [len(each.images) for each in drawn] == [3, 3, 1]
    (whole,) = drawing.draw(both, [inputs])
    for name in ("images", "probabilities", "class_ids"):
        parts = np.concatenate([getattr(each, name) for each in drawn])
        np.testing.assert_allclose(parts, getattr(whole, name), atol=1e-6)
    assert whole.images.shape == (7, *SHAPE)


def test_a_batch_is_let_go_before_the_next_is_drawn(both, monkeypatch):
    """Holding two batches would double the memory that a large one takes."""
    held, most = [], []
    generate = sampling.generate

    def watched(*arguments):
        import weakref

        most.append(sum(ref() is not None for ref in held))
        images = generate(*arguments)
        held.append(weakref.ref(images))
        return images

    monkeypatch.setattr(sampling, "generate", watched)
    for drawn in drawing.draw(
        both, sampling.input_batches(both.generator, 8, 0, None, 2)
    ):
        assert len(drawn.images) == 2
        del drawn
    assert most == [0, 0, 0, 0]


class Means:
    """Stands for a network: the mean colours of each image."""

    name = "means"

    def __call__(self, images, rows=None, is_mirrored=False):
        rows = np.arange(len(images)) if rows is None else rows
        return images[rows].mean((1, 2))


def stream(count, folder):
    """All that GeneratePredict.py keeps of a stream, from images that cost nothing."""
    rng = np.random.default_rng(0)
    real = rng.random((40, *SHAPE), np.float32)
    one_class = np.ones((20, 1))
    data = TrainingSet(
        real, np.arange(20), np.arange(20, 40), held_out_labels=one_class
    )
    evaluator = evaluation.StreamEvaluator(Means(), data, count, seed=0)
    found = Predictions(NAMES, kept=100)
    with tables.writing_csv(folder / "x.csv") as append:
        for _ in range(count // 250):
            said = rng.dirichlet([1, 1, 1], 250)
            append(found.add(said, said.argmax(1)))
            evaluator.add(rng.random((250, *SHAPE), np.float32))
    return found, evaluator


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = []
    for count in (10_000, 40_000):
        tracemalloc.start()
        found, evaluator = stream(count, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.matrix.sum() == count and len(found.rows) == 100
        assert len(np.concatenate(evaluator._features)) == 10_000
        assert len(evaluator.shown_with_nearest()[0]) == 21
    images = 30_000 * 8 * 8 * 3 * 4
    assert peaks[1] - peaks[0] < images / 20


def test_all_of_a_few_images_are_compared_and_shown(tmp_path):
    _, evaluator = stream(250, tmp_path)
    row = evaluator.figures()
    assert (row["fake"], row["real"], row["training"]) == (250, 20, 20)


def test_without_held_out_images_there_are_nearest_ones_and_no_figures():
    real = np.random.default_rng(0).random((9, *SHAPE), np.float32)
    data = TrainingSet(real, np.arange(9))
    evaluator = evaluation.StreamEvaluator(Means(), data, 5, seed=0)
    evaluator.add(real[:5])
    assert evaluator.figures() is None
    np.testing.assert_array_equal(*evaluator.shown_with_nearest())


def test_drawn_images_are_compared_in_the_proportions_of_the_held_out_classes():
    """A generator that repeats the held-out images is as near to them as can be."""
    labels = np.eye(3, dtype=np.float32)[[0] * 60 + [1] * 20 + [2] * 20]
    rng = np.random.default_rng(0)
    shade = labels @ np.float32([[0.1], [0.5], [0.9]])
    real = shade[:, :, None, None] + 0.01 * rng.random((100, *SHAPE), np.float32)
    data = TrainingSet(real, np.arange(100), np.arange(100), labels, labels, NAMES)

    def figures(class_ids, count):
        evaluator = evaluation.StreamEvaluator(
            Means(), data, count, seed=0, class_ids=class_ids
        )
        drawn = np.resize(class_ids, count)
        evaluator.add(np.stack([rng.choice(real[labels[:, n] == 1]) for n in drawn]))
        return evaluator.figures()

    row = figures([0, 1, 2], 300)  # 100 of each, of which 100, 33 and 33 are compared
    assert (row["fake"], row["real"]) == (166, 100)
    assert row["kernel_distance"] < row["kernel_distance_floor"]
    row = figures([2], 50)
    assert (row["fake"], row["real"]) == (50, 20)
    assert row["kernel_distance"] < row["kernel_distance_floor"]
    with pytest.raises(InputError, match="3 images, in the proportions of the"):
        figures([0, 1, 2], 3)


def test_classes_that_few_images_do_not_reach_are_not_compared():
    labels = np.eye(4, dtype=np.float32)[np.arange(40) % 4]
    real = np.random.default_rng(0).random((40, *SHAPE), np.float32)
    data = TrainingSet(real, np.arange(40), np.arange(40), labels, labels, NAMES)
    evaluator = evaluation.StreamEvaluator(Means(), data, 4, 0, [0, 1, 0, 1, 2, 3])
    evaluator.add(real[:4])
    assert evaluator.figures()["real"] == 20


def test_a_class_of_which_too_few_are_held_out_has_no_figures():
    labels = np.eye(2, dtype=np.float32)[[0] * 8 + [1]]
    real = np.random.default_rng(0).random((9, *SHAPE), np.float32)
    data = TrainingSet(real, np.arange(9), np.arange(9), labels, labels, NAMES[:2])
    evaluator = evaluation.StreamEvaluator(Means(), data, 5, seed=0, class_ids=[1])
    evaluator.add(real[:5])
    assert evaluator.figures() is None


def test_too_few_to_compare_are_refused():
    data = TrainingSet(
        np.zeros((9, *SHAPE)), *[np.arange(9)] * 2, held_out_labels=np.ones((9, 1))
    )
    with pytest.raises(InputError, match="3 images are too few .*at least 4"):
        evaluation.StreamEvaluator(Means(), data, 3, seed=0)


def test_classes_that_come_in_turn_are_all_among_the_compared():
    numbers = evaluation._some_of(100_000, 10_000, np.random.default_rng(0))
    assert len(set(numbers)) == 10_000
    assert np.bincount(numbers % 5).min() > 1800


def test_features_that_are_gone_are_said_to_be_of_the_training(monkeypatch, tmp_path):
    settings = SimpleNamespace(features=str(tmp_path / "judge.keras"))
    data = SimpleNamespace(image_shape=SHAPE)
    monkeypatch.setattr(
        evaluation.training_set, "of_generator", lambda *_: (data, settings)
    )
    said = "g.h5 was evaluated in its training by .*judge.keras"
    with pytest.raises(InputError, match=said) as raised:
        evaluation.of_generator(tmp_path, tmp_path, tmp_path / "g.h5", 1, 0, [])
    assert not raised.value.options  # GeneratePredict.py has no such flags
