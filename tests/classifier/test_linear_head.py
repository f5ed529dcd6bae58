"""Multinomial logistic regression with a penalty."""

import numpy as np
import pytest

from foldergan.classifier import linear_head


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
    basis = linear_head._Basis(features)
    weights = np.ones(3, np.float32)
    rotated = basis.rotate(features)
    kernel, bias = linear_head._solve(rotated, labels, weights, basis.variances, 0.1)
    rows = rotated.reshape(-1, rotated.shape[-1])
    targets = np.repeat(labels, 2, axis=0)
    logits = rows @ kernel + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    gradient = rows.T @ (probabilities - targets) / len(rows) + 0.1 * kernel
    assert np.abs(gradient).max() < 1e-4
    np.testing.assert_allclose(probabilities.mean(0), targets.mean(0), atol=1e-4)


def test_features_as_they_come_give_the_logits_of_the_basis():
    features, labels = blobs()
    basis = linear_head._Basis(features)
    rng = np.random.default_rng(1)
    kernel = rng.standard_normal((len(basis.variances), 3)).astype(np.float32)
    bias = rng.standard_normal(3).astype(np.float32)
    own_kernel, own_bias = basis.unrotate(kernel, bias)
    np.testing.assert_allclose(
        features[:, 0] @ own_kernel + own_bias,
        basis.rotate(features)[:, 0] @ kernel + bias,
        rtol=1e-3,
        atol=1e-3,
    )


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
