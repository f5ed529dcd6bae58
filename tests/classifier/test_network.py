"""The first convolution begins as what the images' patches are made of."""

import keras
import numpy as np
from conftest import classifier_of

from foldergan.classifier import network
from foldergan.images import Joined

ROWS = np.arange(40)


def smooth_images(channels=3):
    """Neighbouring pixels and channels say nearly the same, as in photographs."""
    noise = np.random.default_rng(0).normal(size=(50, 16, 16, channels))
    return (0.5 + 0.1 * noise.cumsum(1).cumsum(2).cumsum(3) / 8).astype(np.float32)


def first_answers(images, filters=(20, 8)):
    """What the first convolution answers to images, a row for each pixel."""
    keras.utils.set_random_seed(0)
    classifier = classifier_of(images.shape[1:], 2, filters, 0, network="residual")
    before = classifier.get_weights()
    network.whiten(classifier, images, ROWS)
    for index, (old, new) in enumerate(
        zip(before, classifier.get_weights(), strict=True)
    ):
        assert (old != new).any() == (index == 0)  # of all weights only those
    convolution = classifier.layers[2]
    answers = keras.Model(classifier.inputs, convolution.output).predict_on_batch(
        images[ROWS]
    )
    inner = answers[:, 1:-1:4, 1:-1:4]  # whole patches, those that it was made of
    return inner.reshape(-1, inner.shape[-1])


def test_answers_vary_alike_and_apart_and_come_with_both_signs():
    answers = first_answers(smooth_images())
    covariance = np.cov(answers[:, :4], rowvar=False)
    np.testing.assert_allclose(covariance, np.eye(4), atol=0.2)
    assert np.abs(covariance - np.diag(covariance.diagonal())).max() < 1e-3
    np.testing.assert_allclose(answers[:, :10], -answers[:, 10:], atol=1e-3)
    assert answers[:, 9].var() < 0.9  # an axis of noise is not amplified


def test_filters_beyond_the_nine_axes_of_grey_patches_stay():
    classifier = classifier_of((16, 16, 1), 2, (20, 8), 0, network="residual")
    before = classifier.get_weights()[0]
    network.whiten(classifier, smooth_images(channels=1), ROWS)
    changed = (classifier.get_weights()[0] != before).any(axis=(0, 1, 2))
    np.testing.assert_array_equal(changed, [True] * 18 + [False] * 2)


def test_of_large_images_few_are_read():
    read = []

    class Read(Joined):
        def __getitem__(self, rows):
            read.extend(rows)
            return super().__getitem__(rows)

    images = Read(np.zeros((300, 256, 256, 1), np.float32))
    classifier = classifier_of((256, 256, 1), 2, (2, 2), 0, network="residual")
    network.whiten(classifier, images, np.arange(300))
    assert 40 < len(read) <= 64  # of 250, 2**22 pixels
