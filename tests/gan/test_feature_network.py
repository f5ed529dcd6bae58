"""A discriminator that sees images as a classifier does."""

import re
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import classifier_of

from foldergan import backend
from foldergan.config import settings
from foldergan.config.presets import PRESETS
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError
from foldergan.gan import networks, photograph_trainer

SHAPE = (16, 16, 3)
SETTINGS = PRESETS["smoke"].gan
HEADS = settings.GAN(feature_filters=5, discriminator_filters=(4, 4), dropout=0.0)


def some_classifier(network="residual", filters=(4, 6, 8)):
    backend.start(0)
    return classifier_of(SHAPE, 2, filters, 8, network=network)


def some_images(count=5):
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (count, *SHAPE)).astype(np.float32)


def some_trainer(**changed):
    changed = replace(SETTINGS, discriminator_features="classifier", **changed)
    return photograph_trainer.build_trainer(changed, SHAPE, 2, 0, some_classifier())


@pytest.mark.parametrize(
    ("network", "filters", "shapes"),
    [
        ("residual", (4, 6, 8), [(8, 8, 6), (4, 4, 8)]),
        ("plain", (4, 6), [(7, 7, 4), (2, 2, 6)]),  # (16 - 2) / 2, (7 - 2) / 2
    ],
)
def test_every_size_of_feature_map_is_shown_and_the_image(network, filters, shapes):
    view = networks.build_feature_network(
        some_classifier(network, filters), SHAPE, "float32"
    )
    assert [output.shape[1:] for output in view.outputs] == [*shapes, SHAPE, SHAPE]


def test_the_maps_are_those_of_the_classifier_in_use():
    classifier = some_classifier()
    for layer in classifier.layers:  # as after a training
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 0.3)
    pictures = some_images()
    view = networks.build_feature_network(classifier, SHAPE, "float32")
    *_, smallest, whole, patches = view(pictures)
    np.testing.assert_array_equal(whole, pictures)
    np.testing.assert_array_equal(patches, pictures)
    before = classifier.layers[-2].output  # the largest value of each map
    features = keras.Model(classifier.input, before)((pictures + 1) / 2)
    np.testing.assert_allclose(
        tf.reduce_max(smallest, (1, 2)), features, rtol=1e-4, atol=1e-5
    )


def test_bfloat16_sees_nearly_the_same():
    pictures = some_images()
    exact, rough = (
        networks.build_feature_network(some_classifier(), SHAPE, precision)(pictures)
        for precision in ("float32", "bfloat16")
    )
    assert [maps.dtype for maps in rough[:-2]] == [tf.bfloat16] * 2
    for one, other in zip(exact, rough, strict=True):
        one, other = one.numpy(), tf.cast(other, tf.float32).numpy()
        assert np.abs(one - other).max() < 0.05 * np.abs(one).max()


def test_maps_are_halved_down_to_four_pixels():
    view = networks.build_feature_network(some_classifier(), SHAPE, "float32")
    discriminator = networks.build_heads(HEADS, view, 2)
    strides = [
        [
            layer.strides[0]
            for layer in head.layers
            if isinstance(layer, keras.layers.Conv2D)
        ]
        for head in discriminator.heads
    ]
    # Of 8, of 4, and, of its own widths, the image and its patches.
    assert strides == [[2, 1], [1], [1, 2], [1, 2, 1]]
    *heads, patches = discriminator.heads
    assert {head.output_shape for head in heads} == {(None, 3)}
    assert patches.output_shape == (None, 8, 8, 3)


def test_only_discriminator_and_generator_learn():
    trainer = some_trainer()
    images = (some_images(8) + 1) / 2
    labels = np.eye(2, dtype=np.float32)[np.arange(8) % 2]
    parts = [*trainer.discriminator.heads, trainer.generator]
    before = [part.get_weights() for part in parts]
    view = trainer.feature_network.get_weights()
    data = TrainingSet(images, np.arange(8), labels=labels)
    assert len(list(trainer.train(data, 2, 8))) == 2
    for old, new in zip(view, trainer.feature_network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for part, weights in zip(parts, before, strict=True):
        for old, new in zip(weights, part.get_weights(), strict=True):
            assert (old != new).any(), part.name


def test_the_generator_is_taught_by_every_head():
    trainer = some_trainer()
    heads = trainer.discriminator.heads
    latents, classes = tf.zeros((3, trainer.latent_dim)), tf.eye(3, 2)
    for taught_by in range(len(heads)):
        for number, head in enumerate(heads):
            scale = 1.0 if number == taught_by else 0.0
            kernel = head.layers[-1].kernel
            kernel.assign(scale * tf.ones_like(kernel))
        with tf.GradientTape() as tape:
            features = trainer.seen(trainer.generate(latents, classes), 0, 0)
            loss = trainer.generator_loss(features, classes)
        gradient = tape.gradient(loss, trainer.generator.trainable_variables[0])
        assert np.abs(gradient).max() > 0, taught_by


def test_a_classifier_of_other_images_is_refused():
    with pytest.raises(InputError, match="takes images of 16x16x3, and 32x32x3"):
        networks.build_feature_network(some_classifier(), (32, 32, 3), "float32")


def test_a_classifier_without_feature_maps_is_refused():
    flat = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    with pytest.raises(InputError, match="no feature map"):
        networks.build_feature_network(flat, SHAPE, "float32")


# As a user runs it.

GAN = ("GANModel.py", "--preset", "smoke", "--discriminator-features", "classifier")


def test_it_needs_the_classifier(image_folder, script):
    script("TrainModel.py", "--preset", "smoke")
    (image_folder.parent / "model" / "train.h5").unlink()
    result = script(*GAN)
    assert result.code == 2
    assert re.search(
        r"train\.h5 not found; run: \S*python\S* \S*TrainModel\.py", result.err
    )


@pytest.mark.slow
def test_a_resumed_run_goes_on_as_if_unbroken(image_folder, script):
    more = ("--conditioning", "class", "--ema", "100")
    generator = image_folder.parent / "model" / "generator_model_003.h5"
    script("TrainModel.py", "--preset", "smoke")
    assert script(*GAN, *more, "--epochs", 1).code == 0
    assert script(*GAN, *more, "--epochs", 3, "--resume").code == 0
    resumed = generator.read_bytes()
    assert script(*GAN, *more, "--epochs", 3).code == 0
    assert generator.read_bytes() == resumed


def test_it_needs_a_classifier_of_such_classes(image_folder, script):
    script("TrainModel.py", "--preset", "smoke")
    shutil.copytree(image_folder / "red", image_folder / "green")
    flags = ("--conditioning", "class", "--dataset", image_folder)
    result = script(*GAN, *flags)
    assert result.code == 2 and "tells 2 classes apart" in result.err


@pytest.mark.slow
def test_it_does_not_go_on_with_another_classifier(image_folder, script):
    script("TrainModel.py", "--preset", "smoke")
    assert script(*GAN).code == 0
    script("TrainModel.py", "--preset", "smoke", "--seed", 5)
    result = script(*GAN, "--epochs", 2, "--resume")
    assert result.code == 2 and "classifier" in result.err
