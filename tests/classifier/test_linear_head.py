"""Multinomial logistic regression with a penalty."""

import numpy as np
import pytest
from counted_rows import CountedRows
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from foldergan.classifier import linear_head
from foldergan.data.splits import balanced_weights


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


def digits(rare=False):
    """A ninth of scikit-learn's digits to fit, perhaps few odd ones, and the rest."""
    features, classes = load_digits(return_X_y=True)
    numbers = np.arange(len(classes))
    is_fitted = numbers % 9 == 0
    if rare:
        is_fitted &= (classes % 2 == 0) | (numbers % 36 == 0)
    labels = np.eye(10, dtype=np.float32)[classes]
    features = features.astype(np.float32)
    return features, labels, np.flatnonzero(is_fitted), np.flatnonzero(~is_fitted)


@pytest.mark.parametrize("rare", [False, True])
def test_it_is_the_regression_of_plain_scikit_learn(rare):
    features, labels, rows, others = digits(rare)
    weights = np.ones(10, np.float32)
    if rare:
        weights = balanced_weights(labels[rows].sum(0))
    head = linear_head.fit(features[:, None], labels, weights, seed=0, rows=rows)
    classes = labels.argmax(1)
    peer = make_pipeline(
        StandardScaler(),
        LogisticRegression(
            C=1 / (head.penalty * len(rows)),
            class_weight=dict(enumerate(weights)),
            max_iter=5000,
            tol=1e-7,
        ),
    ).fit(features[rows].astype(float), classes[rows])
    expected = peer.predict_proba(features[others])
    found = softmax(head.logits(features[others]), axis=1)
    assert np.abs(found - expected).mean() < 0.002
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.995
    assert abs(head.accuracy - peer.score(features[others], classes[others])) < 0.15


def test_the_chosen_penalty_is_at_no_edge_of_those_that_were_tried(monkeypatch):
    features, labels, rows, _ = digits()
    fit = linear_head.fit
    given = features[:, None], labels, np.ones(10, np.float32), 0, rows
    wide = fit(*given).penalty
    assert linear_head.PENALTIES[0] < wide < linear_head.PENALTIES[-1]
    for narrow in (wide * 100, wide / 100):
        monkeypatch.setattr(linear_head, "PENALTIES", (narrow,))
        assert fit(*given).penalty == pytest.approx(wide)


def test_features_that_two_images_differ_by_do_not_drown_the_others():
    features, labels = blobs(60)
    features[:, :, 5] = 0
    features[0, :, 5] = 1e-6
    head = fitted(features, labels)
    new = features[:, 0].copy()
    new[:, 5] = 1.0  # a million times what it was fitted to
    assert (head.logits(new).argmax(1) == labels.argmax(1)).mean() > 0.9


def test_of_features_of_more_than_memory_some_of_each_class_are_read(monkeypatch):
    features, labels = blobs(300, apart=3.0)
    labels[:] = np.eye(3)[[0] * 150 + [1] * 149 + [2]]
    monkeypatch.setattr(linear_head, "_MOST_VALUES", 40 * 12)
    head = fitted(CountedRows(features, most=42), labels)
    assert (head.bias > -29).all()  # the last class has its only image


def test_a_class_without_images_is_never_the_answer():
    features, labels = blobs()
    labels = np.concatenate([labels, np.zeros((len(labels), 1), np.float32)], axis=1)
    logits = fitted(features, labels).logits(features[:, 0])
    assert (logits.argmax(1) == labels.argmax(1)).all()
    assert softmax(logits, axis=1)[:, 3].max() < 1e-6


def test_noise_takes_the_largest_penalty():
    features, _ = blobs(apart=0.0, d=50)
    _, labels = blobs(seed=1)
    assert fitted(features, labels).penalty >= linear_head.PENALTIES[-1]


@pytest.mark.parametrize("count", [2, 3, 7])
def test_very_few_images_are_enough(count):
    features, labels = blobs(count, classes=2)
    head = fitted(features, labels)
    assert (head.logits(features[:, 0]).argmax(1) == labels.argmax(1)).all()
