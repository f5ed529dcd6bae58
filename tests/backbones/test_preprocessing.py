"""The values that a network from a file is given."""

import keras
import numpy as np
import pytest
from keras import layers
from tiny_backbone import build_tiny, random_images

from foldergan.backbones import loading, preprocessing
from foldergan.metrics import features

SHAPE = (32, 32, 3)
IMAGES = random_images(4, SHAPE)
APPLICATIONS = {
    "resnet50": keras.applications.resnet,
    "vgg19": keras.applications.vgg19,
    "resnet101v2": keras.applications.resnet_v2,
    "inception_v3": keras.applications.inception_v3,
    "inception_resnet_v2": keras.applications.inception_resnet_v2,
    "xception": keras.applications.xception,
    "NASNet": keras.applications.nasnet,
    "mobilenet_1.00_224": keras.applications.mobilenet,
    "mobilenetv2_0.35_96": keras.applications.mobilenet_v2,
    "densenet121": keras.applications.densenet,
}


def named(name, shape=(None, None, 3), **arguments):
    """A tiny network that bears another's name."""
    keras.utils.set_random_seed(0)
    tiny = build_tiny(shape, **arguments)
    return keras.Model(tiny.input, tiny.output, name=name)


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_known_name_brings_its_preprocessing(name):
    layer, text = preprocessing.find(named(name))
    expected = APPLICATIONS[name].preprocess_input(255 * IMAGES)
    np.testing.assert_allclose(layer(IMAGES), expected, atol=2e-4)
    assert name in text and "images are given as that was trained" in text


def test_the_names_are_those_that_keras_gives():
    made = keras.applications.MobileNetV2(SHAPE, 0.35, include_top=False, weights=None)
    assert "-1 to 1" in preprocessing.find(made)[1]


@pytest.mark.parametrize(
    ("first", "factor"),
    [
        (layers.Rescaling(1 / 127.5, -1), 255),
        (layers.Rescaling(2.0, -1), 1),
        (layers.Normalization(mean=[120.0] * 3, variance=[9.0] * 3), 255),
        (layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3), 1),
    ],
)
def test_a_first_layer_says_more_than_a_name(first, factor):
    layer, text = preprocessing.find(named("resnet50", first=first))
    given = IMAGES if layer is None else layer(IMAGES)
    np.testing.assert_allclose(given, factor * IMAGES, rtol=1e-6)
    assert not text


@pytest.mark.parametrize("mean", [110.0, 0.4])
def test_a_batch_normalization_knows_what_it_has_seen(mean):
    first = layers.BatchNormalization()
    network = named("mine", first=first)
    first.moving_mean.assign(np.full(3, mean))
    assert (preprocessing.find(network)[0] is not None) == (mean > 2)


@pytest.mark.parametrize("name", ["mine", "functional_1", "resnet50_of_mine"])
def test_other_networks_are_given_0_to_1_and_it_is_said(name):
    layer, text = preprocessing.find(named(name))
    assert layer is None and "images are given as 0 to 1" in text


def test_a_network_within_another_is_known():
    inside = named("densenet121", SHAPE)
    outside = keras.Sequential([keras.Input(SHAPE), inside, layers.Flatten()])
    assert "densenet121" in preprocessing.find(outside)[1]
    # After operations that may be its preprocessing, nothing is added.
    images = keras.Input(SHAPE)
    prepared = keras.applications.densenet.preprocess_input(images)
    layer, text = preprocessing.find(keras.Model(images, inside(prepared)))
    assert layer is None and "does not say" in text


@pytest.mark.parametrize("shape", [SHAPE, (None, None, 3)])
def test_backbones_and_features_of_files_are_preprocessed(tmp_path, capsys, shape):
    """They were given 0 to 1 without a word."""
    network, path = named("resnet50", shape), tmp_path / f"net{len(shape)}.keras"
    network.save(path)
    right = keras.applications.resnet.preprocess_input(255 * IMAGES)
    expected = network(right).numpy()
    loading.say_once.cache_clear()
    backbone = loading.load_backbone(str(path), SHAPE)
    assert "keras.applications' resnet50" in capsys.readouterr().out
    np.testing.assert_allclose(
        backbone(IMAGES)[-1], expected, rtol=1e-3, atol=1e-3 * expected.std()
    )
    extractor = features.load_extractor(str(path), tmp_path)
    if shape == SHAPE:
        assert "keras.applications' resnet50" in capsys.readouterr().out
        np.testing.assert_allclose(
            extractor(IMAGES),
            expected.reshape(4, -1),
            rtol=1e-3,
            atol=1e-3 * expected.std(),
        )
    # A classifier on top of it is rebuilt with nothing of ours installed.
    rebuilt = keras.models.model_from_json(backbone.to_json())
    rebuilt.set_weights(backbone.get_weights())
    np.testing.assert_allclose(rebuilt(IMAGES)[-1], backbone(IMAGES)[-1], rtol=1e-5)
