"""Training and using the classifier."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from conftest import classifier_of

from foldergan import backend
from foldergan.classifier import evaluation, training
from foldergan.config.presets import Classifier
from foldergan.data.splits import LabelledImages, epoch_batches
from foldergan.errors import InputError, RunError

SETTINGS = Classifier(epochs=8, batch_size=4, learning_rate=0.005)


def dark_and_bright(count=24):
    """Images of two classes that anyone can tell apart."""
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 0.3, (count, 8, 8, 3)).astype(np.float32)
    images[1::2] += 0.7
    return images, np.eye(2, dtype=np.float32)[np.arange(count) % 2]


def new_classifier(seed=0):
    backend.start(seed)
    return classifier_of((8, 8, 3), 2, (8,), 16)


def history_of(*arguments):
    """The rows that a training yields."""
    classifier, images, labels, rows, settings, seed = arguments
    data = LabelledImages(images, labels, rows)
    epochs = training.train(classifier, data, settings, seed)
    return [{"epoch": epoch} | logs for epoch, logs in epochs]


def trained(settings=SETTINGS, seed=0, images=None, held_out=6):
    classifier = new_classifier(seed)
    all_images, labels = dark_and_bright()
    images = all_images if images is None else images
    rows = np.arange(len(labels))
    rows = {"training": rows[held_out:], "validation": rows[:held_out]}
    return classifier, history_of(classifier, images, labels, rows, settings, seed)


@pytest.fixture(scope="module")
def first():
    return trained()


def assert_equal_weights(one, other):
    for weights, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, same)


def test_it_learns_two_easy_classes(first):
    classifier, history = first
    images, labels = dark_and_bright()
    probabilities = evaluation.predict(classifier, images)
    assert (probabilities.argmax(1) == labels.argmax(1)).all()
    assert [row["epoch"] for row in history] == list(range(1, 9))
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert history[-1]["val_accuracy"] == 1


def test_same_seed_same_weights_other_seed_others(first):
    again, other = trained()[0], trained(seed=1)[0]
    assert_equal_weights(first[0], again)
    assert (first[0].get_weights()[0] != other.get_weights()[0]).any()


@pytest.mark.parametrize("batch_size", [4, 5])  # the last batch of 5 is short
def test_the_loss_curve_is_that_of_one_step_after_the_other(batch_size):
    settings = Classifier(epochs=2, batch_size=batch_size, learning_rate=0.005)
    classifier, history = trained(settings, held_out=0)
    other = new_classifier()
    other.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    other.optimizer.learning_rate = settings.learning_rate
    images, labels = dark_and_bright()
    assert set(history[0]) == {"epoch", "loss", "accuracy"}  # nothing is held out
    for epoch, row in enumerate(history):
        sums = np.zeros(2)
        for rows in epoch_batches(len(images), batch_size, seed=0, epoch=epoch):
            rows = np.sort(rows)
            other.reset_metrics()
            figures = other.train_on_batch(images[rows], labels[rows], return_dict=True)
            sums += np.multiply([figures["loss"], figures["accuracy"]], len(rows))
        expected = sums / len(images)
        np.testing.assert_allclose([row["loss"], row["accuracy"]], expected, rtol=1e-5)
    for weights, same in zip(
        classifier.get_weights(), other.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weights, same, atol=1e-5)


def test_held_out_images_are_not_trained_on():
    images, labels = dark_and_bright()
    spoiled = images.copy()
    spoiled[:6] = 0.5
    settings = Classifier(epochs=2, batch_size=4)
    one, other = (trained(settings, images=data)[0] for data in (images, spoiled))
    assert_equal_weights(one, other)


def test_a_loss_that_is_not_finite_ends_in_a_run_error_that_names_a_way_out():
    with pytest.raises(RunError, match="smaller learning rate"):
        trained(Classifier(epochs=3, batch_size=4, learning_rate=1e30))


def test_a_classifier_that_guesses_is_warned_of(first, capsys):
    images, labels = dark_and_bright()
    evaluation.warn_if_guessing(first[0], images, labels)
    assert capsys.readouterr().out == ""
    evaluation.warn_if_guessing(first[0], np.zeros_like(images), labels)
    assert "right about 50% of a class on average" in capsys.readouterr().out


def test_a_rare_class_counts_as_much_as_a_frequent_one(first, capsys):
    images, labels = dark_and_bright(100)
    rows = np.argsort(labels[:, 1])[:55]  # fifty of one class, five of the other
    images[rows[50:]] = images[rows[0]]
    evaluation.warn_if_guessing(first[0], images[rows], labels[rows])
    assert "right about 50%" in capsys.readouterr().out


def test_a_classifier_of_other_classes_is_refused(first):
    images, _ = dark_and_bright()
    labels = np.eye(3, dtype=np.float32)[np.arange(len(images)) % 3]
    with pytest.raises(InputError, match="tells 2 classes apart .* of 3; to train"):
        evaluation.warn_if_guessing(first[0], images, labels)


RESIDUAL = Classifier(
    epochs=8,
    batch_size=4,
    learning_rate=0.05,
    network="residual",
    augmentation=("mirror", "shift"),
    schedule="one-cycle",
    weight_decay=0.005,
    label_smoothing=0.1,
    class_weights="balanced",
)


def trained_residual(**changed):
    backend.start(0)
    classifier = classifier_of((8, 8, 3), 2, (4, 8, 8), 0, network="residual")
    images, labels = dark_and_bright()
    rows = np.arange(len(labels))
    rows = {"training": rows[6:], "validation": rows[:6]}
    settings = replace(RESIDUAL, **changed)
    return classifier, history_of(classifier, images, labels, rows, settings, 0)


def test_trained_in_bfloat16_it_is_a_float32_network_that_learned_the_same():
    classifier, history = trained_residual(precision="bfloat16")
    assert history[-1]["val_accuracy"] == 1
    assert {layer.dtype_policy.name for layer in classifier.layers} == {"float32"}
    assert {str(weight.dtype) for weight in classifier.weights} == {"float32"}
    images, labels = dark_and_bright()
    said = evaluation.predict(classifier, images, np.arange(6))
    found = evaluation.evaluate(labels[:6], said, RESIDUAL.label_smoothing)
    assert found["accuracy"] == 1
    assert found["loss"] == pytest.approx(history[-1]["val_loss"], rel=0.1)
    plain, _ = trained_residual()
    assert (classifier.get_weights()[0] != plain.get_weights()[0]).any()


def test_few_images_get_as_many_steps_as_are_asked_for():
    _, history = trained_residual(epochs=2, least_steps=14)  # 18 images, 5 steps
    assert len(history) == 3


def shifted(images, pixels):
    """Shifts down and right, or up and left, and reflects what comes in."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "reflect")
    return padded[:, 1 - pixels : 9 - pixels, 1 - pixels : 9 - pixels]


@pytest.mark.parametrize(
    ("changes", "views"),
    [
        (("shift",), [0, 1, 2]),
        (("mirror",), [0, 3]),
        (("mirror", "shift"), ...),
    ],
)
def test_what_training_changed_counts_as_much_as_the_image(first, changes, views):
    classifier, _ = first
    images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    images[:, :4, :4] *= 0.1  # so that no two views are alike
    shown = [shifted(images, pixels) for pixels in (0, 1, -1)]
    shown += [view[:, :, ::-1] for view in shown]
    said = np.array([evaluation.predict(classifier, view) for view in shown])[views]
    mean = evaluation.predict(classifier, images, augmentation=changes)
    np.testing.assert_allclose(mean, np.mean(said, axis=0), atol=1e-6)
    for view in said:
        assert np.abs(mean - view).max() > 1e-4


def test_a_residual_network_learns_too_and_alike_each_time():
    classifier, history = trained_residual()
    assert history[-1]["val_accuracy"] == 1
    again, _ = trained_residual()
    assert_equal_weights(classifier, again)


@pytest.mark.parametrize("units", [1, 2])
def test_balanced_classes_weigh_alike(units):
    labels = np.eye(2, dtype=np.float32)[[0] * 9 + [1] * 3]
    loss = training._loss(units == 1, np.array([9, 3]), RESIDUAL)
    smooth = Classifier(label_smoothing=0.1)
    plain = training._loss(units == 1, np.array([9, 3]), smooth)
    targets = labels[:, -units:]
    unsure = np.full((12, units), 0.5, np.float32)
    weights = np.array(loss(targets, unsure)) / np.array(plain(targets, unsure))
    np.testing.assert_allclose(weights, [2 / 3] * 9 + [2] * 3, rtol=1e-5)


@pytest.mark.parametrize("change", ["mirror", "shift"])
def test_augmented_images_are_what_it_trains_on(change):
    settings = Classifier(epochs=1, batch_size=24, augmentation=(change,))
    plain = Classifier(epochs=1, batch_size=24)
    one, other = (trained(s, held_out=0)[0] for s in (settings, plain))
    assert (one.get_weights()[0] != other.get_weights()[0]).any()


def test_more_images_than_go_through_at_once_come_back_in_order(first):
    images = np.random.default_rng(0).random((300, 8, 8, 3), np.float32)
    probabilities = evaluation.predict(first[0], images)
    assert probabilities.shape == (300, 2) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    backwards = evaluation.predict(first[0], images[::-1])
    np.testing.assert_allclose(probabilities, backwards[::-1], rtol=1e-4)


# What moves the weights.


CYCLE = Classifier(schedule="one-cycle", learning_rate=0.2, weight_decay=0.01)


def test_one_cycle_rises_for_a_quarter_and_falls_to_nothing():
    cycle = training.OneCycle(0.2, num_steps=400)
    sizes = np.array([float(cycle(step)) for step in range(400)])
    assert sizes.argmax() in (99, 100) and sizes.max() == pytest.approx(0.2, rel=0.01)
    assert (np.diff(sizes[:99]) > 0).all() and (np.diff(sizes[100:]) < 0).all()
    np.testing.assert_allclose(np.diff(sizes[:99]), 0.2 / 100, rtol=1e-3)
    np.testing.assert_allclose(np.diff(sizes[101:]), -0.2 / 300, rtol=1e-3)
    assert 0 < sizes[0] < 0.002 and 0 < sizes[-1] < 0.001


def test_no_step_is_negative_should_there_be_more():
    assert float(training.OneCycle(0.2, num_steps=4)(9)) == 0


def test_the_plain_schedule_is_keras_adam():
    optimizer = training.build_optimizer(Classifier(learning_rate=0.003), 10)
    assert type(optimizer) is keras.optimizers.Adam
    assert float(optimizer.learning_rate) == pytest.approx(0.003)
    assert not optimizer.weight_decay


def moved(optimizer, name, gradient=0.0):
    """Where a step takes a variable of this name that stands at 1."""
    variable = keras.Variable([1.0], name=name)
    optimizer.build([variable])
    optimizer.apply([np.array([gradient], np.float32)])
    return float(variable.numpy()[0])


def test_only_kernels_decay():
    size = float(training.OneCycle(0.2, 4)(0))
    optimizer = training.build_optimizer(CYCLE, 4)
    assert moved(optimizer, "kernel") == pytest.approx(1 - 0.01 * size)
    for name in ("bias", "beta", "gamma"):
        assert moved(training.build_optimizer(CYCLE, 4), name) == 1


def test_one_cycle_is_sgd_with_nesterov_momentum():
    size = float(training.OneCycle(0.2, 4)(0))
    there = moved(training.build_optimizer(CYCLE, 4), "bias", gradient=1.0)
    assert there == pytest.approx(1 - 1.9 * size)
