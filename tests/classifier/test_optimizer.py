"""What moves the classifier's weights."""

import keras
import numpy as np
import pytest

from foldergan.classifier import training
from foldergan.config.settings import Classifier

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
