"""The features of a backbone that a discriminator sees, and its heads."""

import keras
import numpy as np
import pytest
from tiny_backbone import random_images, save_tiny

from foldergan.backbones import loading
from foldergan.config.settings import GAN
from foldergan.gan import photograph_trainer, photographs

SHAPE = (32, 32, 3)


def build_network(tmp_path, shape=SHAPE, seed=0):
    backbone = loading.load_backbone(str(save_tiny(tmp_path)), shape)
    images = keras.Input(shape)
    return photographs.build_feature_network(backbone(images), images, [5, 6, 7], seed)


def tanh_images(count=40, shape=SHAPE):
    return 2 * random_images(count, shape) - 1


def test_it_shows_a_map_a_stage_the_images_twice_and_features(tmp_path):
    feature_network = build_network(tmp_path)
    shapes = [output.shape[1:] for output in feature_network.outputs]
    assert shapes == [(8, 8, 5), (4, 4, 6), (2, 2, 7), SHAPE, SHAPE, (10,)]
    *_, first, second, _ = feature_network(tanh_images(3), training=False)
    np.testing.assert_array_equal(first, tanh_images(3))
    np.testing.assert_array_equal(second, first)


def test_real_images_are_shown_with_mean_0_and_deviation_1(tmp_path):
    feature_network, images = build_network(tmp_path), tanh_images()
    photographs.calibrate(feature_network, images)
    assert feature_network.trainable_variables == []
    for shown in feature_network(images, training=False)[:3]:
        np.testing.assert_allclose(np.mean(shown, (0, 1, 2)), 0, atol=1e-2)
        np.testing.assert_allclose(np.std(shown, (0, 1, 2)), 1, atol=0.1)


def test_the_mixing_hangs_on_the_seed(tmp_path):
    one, same, other = (build_network(tmp_path, seed=seed) for seed in (0, 0, 1))
    shown = [
        np.asarray(feature_network(tanh_images(2))[0])
        for feature_network in (one, same, other)
    ]
    np.testing.assert_array_equal(shown[0], shown[1])
    assert (shown[0] != shown[2]).any()


def test_a_kernel_keeps_the_deviation_of_what_it_mixes():
    draw = photographs._he_normal((2**31 - 1, 0))  # any seed that a script takes
    kernel = draw((3, 3, 50, 40), "float32")
    assert kernel.dtype == np.float32
    np.testing.assert_allclose(kernel.std(), (2 / 450) ** 0.5, rtol=0.02)
    assert abs(kernel.mean()) < 2e-3


@pytest.mark.parametrize("num_classes", [0, 3])
def test_every_head_ends_in_logits(tmp_path, num_classes):
    feature_network = build_network(tmp_path)
    heads = photographs.build_heads(
        GAN(feature_filters=4, discriminator_filters=(4, 4)),
        feature_network,
        num_classes,
    )
    *shown, _ = feature_network(tanh_images(2))
    outputs = [head(values) for head, values in zip(heads.heads, shown, strict=True)]
    assert all(output.shape[-1] == 1 + num_classes for output in outputs)
    for output in outputs[:3]:  # one logit an image
        assert np.prod(output.shape[1:-1]) == 1


def test_dropout_of_a_backbone_is_never_active(tmp_path):
    """It was, while the feature network was calibrated."""
    path = save_tiny(tmp_path, dropout=0.9)
    settings = GAN(
        backbone=str(path),
        latent_dim=6,
        generator_filters=(4, 4, 4),
        discriminator_filters=(4, 4),
    )
    network = photograph_trainer.build_trainer(settings, SHAPE, 0, 0).feature_network
    images = tanh_images(4)
    for one, other in zip(
        network(images, training=True), network(images, training=True), strict=True
    ):
        np.testing.assert_array_equal(one, other)
