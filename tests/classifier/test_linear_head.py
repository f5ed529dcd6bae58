"""Multinomial logistic regression with a penalty."""

import numpy as np
import pytest
from counted_rows import CountedRows

from foldergan.classifier import linear_head, standardized
from foldergan.classifier.standardized import Standardized


def blobs(count=40, classes=3, d=6, views=2, apart=3.0, seed=0):
    """Features around one middle a class, each image with views close by."""
    rng = np.random.default_rng(seed)
    columns = np.arange(count) % classes
    middles = apart * rng.standard_normal((classes, d))
    images = middles[columns] + rng.standard_normal((count, d))
    features = images[:, None] + 0.1 * rng.standard_normal((count, views, d))
    return features.astype(np.float32), np.eye(classes, dtype=np.float32)[columns]


def fitted(features, labels, weights=None):
    weights = np.ones(labels.shape[1], np.float32) if weights is None else weights
    return linear_head.fit(features, labels, weights, seed=0)


def test_classes_apart_are_told_apart():
    features, labels = blobs()
    head = fitted(features, labels)
    assert (head.logits(features[:, 0]).argmax(1) == labels.argmax(1)).all()
    assert head.accuracy > 0.9
    assert head.kernel.dtype == head.bias.dtype == np.float32


def test_the_gradient_of_the_penalized_loss_vanishes():
    features, labels = blobs(200, apart=0.5)
    data, rows = Standardized(features, np.arange(200)), np.arange(200)
    weights = np.ones(3, np.float32)
    objective = linear_head._Objective(data, labels, weights, data.axes)
    kernel, bias = objective.solve(rows, data.variances, 0.1)
    seen = data[rows].reshape(-1, 6) @ data.axes
    targets = np.repeat(labels, 2, axis=0)
    logits = seen @ kernel + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = seen.T @ (probabilities - targets) / len(seen) + 0.1 * kernel
    assert np.abs(gradient).max() < 1e-4
    np.testing.assert_allclose(probabilities.mean(0), targets.mean(0), atol=1e-4)


def test_features_as_they_come_give_the_logits_of_the_axes():
    features, labels = blobs()
    data = Standardized(features, np.arange(len(features)))
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((len(data.variances), 3)).astype(np.float32)
    bias = rng.standard_normal(3).astype(np.float32)
    own_kernel, own_bias = data.for_given(kernel, bias)
    np.testing.assert_allclose(
        features[:, 0] @ own_kernel + own_bias,
        data[np.arange(len(features))][:, 0] @ data.axes @ kernel + bias,
        rtol=1e-3,
        atol=1e-3,
    )


def test_axes_are_those_of_the_rows_that_are_fitted():
    features, _ = blobs(60)
    features[40:] += 100
    data = Standardized(features, np.arange(40))
    seen = data[np.arange(40)].reshape(-1, 6)
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(seen.std(0), 1, rtol=1e-4)
    np.testing.assert_allclose((seen @ data.axes).var(0), data.variances, rtol=1e-3)


def test_features_of_more_than_memory_are_read_in_blocks(monkeypatch):
    """The penalty is chosen by some of them, the head is fitted to all."""
    features, labels = blobs(300, apart=0.5)
    monkeypatch.setattr(linear_head, "PENALTIES", (0.1,))
    whole = fitted(features, labels)
    monkeypatch.setattr(standardized, "_MOST_KEPT", 40 * 12)
    monkeypatch.setattr(standardized, "_VALUES", 16 * 12)
    head = fitted(CountedRows(features, most=40), labels)
    np.testing.assert_allclose(head.kernel, whole.kernel, atol=1e-4)


def test_noise_takes_the_largest_penalty():
    features, _ = blobs(apart=0.0, d=50)
    _, labels = blobs(seed=1)
    assert fitted(features, labels).penalty == linear_head.PENALTIES[-1]


def test_a_weighty_class_is_chosen_more():
    features, labels = blobs(90, apart=0.3)
    even = fitted(features, labels).logits(features[:, 0])
    weighty = fitted(features, labels, np.array([5.0, 1.0, 1.0], np.float32))
    chosen = weighty.logits(features[:, 0]).argmax(1) == 0
    assert chosen.mean() > (even.argmax(1) == 0).mean()


def test_features_that_never_change_do_no_harm():
    features, labels = blobs()
    features[:, :, 0] = 7.0
    head = fitted(features, labels)
    assert np.isfinite(head.kernel).all() and head.accuracy > 0.9


@pytest.mark.parametrize("count", [2, 3, 7])
def test_very_few_images_are_enough(count):
    features, labels = blobs(count, classes=2)
    head = fitted(features, labels)
    assert (head.logits(features[:, 0]).argmax(1) == labels.argmax(1)).all()
