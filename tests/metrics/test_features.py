"""Images -> features, of the classifier, of any Keras model, of InceptionV3."""

import keras
import numpy as np
import pytest
from conftest import classifier_of
from keras import layers
from tiny_backbone import save_tiny

from foldergan import images
from foldergan.backbones import loading, sources
from foldergan.errors import InputError
from foldergan.metrics import features
from foldergan.metrics.features import FeatureExtractor
from foldergan.storage import models

SHAPE = (8, 8, 3)


def random_images(count=5, shape=SHAPE):
    return np.random.default_rng(0).random((count, *shape), np.float32)


def identity(shape=SHAPE):
    """A model that gives the images that it took."""
    return keras.Sequential([keras.Input(shape), layers.Activation("linear")])


class Recording:
    """Blank images, and how many were read at a time."""

    def __init__(self, count, shape):
        self.shape, self.read = (count, *shape), []

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        self.read.append(len(rows))
        return np.zeros((len(rows), *self.shape[1:]), np.float32)


# Of the classifier.


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_the_last_dense_layer_makes_the_answer_of_the_features(tmp_path, output):
    keras.utils.set_random_seed(0)
    classifier = classifier_of(SHAPE, 2, (4,), 16, output)
    models.save_classifier(tmp_path, classifier, ["a", "b"], ())
    extractor = features.load_extractor("classifier", tmp_path)
    extracted = extractor(random_images())
    assert extracted.shape == (5, 16) and extracted.dtype == np.float32
    assert extracted.std() > 0
    np.testing.assert_allclose(
        classifier.layers[-1](extracted),
        classifier.predict_on_batch(random_images()),
        rtol=1e-5,
    )
    assert extractor.name == "classifier train.h5, 16 features"


def test_a_classifier_without_a_dense_layer_is_refused(tmp_path):
    classifier = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D()]
    )
    models.save_classifier(tmp_path, classifier, ["a", "b"], ())
    with pytest.raises(InputError, match="train.json has no dense layer"):
        features.load_extractor("classifier", tmp_path)


# Of any Keras model.


@pytest.mark.parametrize("name", ["thumbnail.keras", "thumbnail.h5"])
def test_a_models_output_is_flattened(tmp_path, name):
    thumbnail = keras.Sequential([keras.Input(SHAPE), layers.AveragePooling2D(4)])
    thumbnail.save(tmp_path / name)
    extractor = features.load_extractor(str(tmp_path / name), tmp_path / "elsewhere")
    given = random_images()
    expected = given.reshape(5, 2, 4, 2, 4, 3).mean((2, 4)).reshape(5, 12)
    np.testing.assert_allclose(extractor(given), expected, rtol=1e-5)
    assert extractor.name == f"model {name}, 12 features"


def test_a_missing_or_damaged_model_is_said_with_what_to_do(tmp_path):
    path = tmp_path / "net.keras"
    with pytest.raises(InputError, match="net.keras for features is not there; give"):
        features.load_extractor(str(path), tmp_path)
    path.write_bytes(b"no model")
    with pytest.raises(InputError, match="net.keras is damaged.*; give classifier"):
        features.load_extractor(str(path), tmp_path)


@pytest.mark.parametrize(
    "model",
    [
        keras.Sequential([keras.Input((5,)), layers.Dense(2)]),
        keras.Sequential(
            [keras.Input((None, None, 3)), layers.GlobalAveragePooling2D()]
        ),
        keras.Model(given := keras.Input(SHAPE), [given, given]),
        keras.Sequential([layers.Conv2D(2, 3)]),
    ],
    ids=["latents", "images of any size", "gives two arrays", "never built"],
)
def test_a_model_of_other_things_than_images_is_refused(model):
    with pytest.raises(InputError, match="net gives no features: .* not images"):
        FeatureExtractor(model, "net")


# Of InceptionV3.


def test_inception_sees_minus_1_to_1_at_299_pixels(monkeypatch, tmp_path):
    asked = {}

    def tiny(**options):
        asked.update(options)
        shape = options["input_shape"]
        pooling = [keras.Input(shape), layers.AveragePooling2D(37)]
        return keras.Sequential(pooling, name="inception_v3")

    monkeypatch.setattr(keras.applications, "InceptionV3", tiny)
    extractor = features.load_extractor("inception", tmp_path)
    given = np.full((3, *SHAPE), 0.5, np.float32)
    given[0], given[2] = 0, 1
    expected = np.repeat([[-1], [0], [1]], 3, axis=1)
    np.testing.assert_allclose(extractor(given), expected, atol=1e-4)
    assert extractor.name == "InceptionV3 of keras.applications, 3 features"
    assert asked == {
        "include_top": False,
        "weights": "imagenet",
        "input_shape": (299, 299, 3),
    }


def test_a_network_that_cannot_be_had_says_that_features_may_be_others(
    monkeypatch, tmp_path
):
    def unreachable(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(InputError) as raised:
        features.load_extractor("inception", tmp_path)
    source = sources.INCEPTION
    assert str(raised.value) == (
        "features: backbone InceptionV3 is not to be had (URL fetch failure); download "
        f"{source.url} elsewhere and put it at {source.path}"
    )
    assert raised.value.options == ("features", "held_out")


def test_the_weights_are_those_that_keras_looks_for(monkeypatch):
    asked = []

    def get_file(name, url, cache_subdir, **options):
        asked.append((url, cache_subdir, name))
        raise ConnectionError

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(ConnectionError):
        keras.applications.InceptionV3(include_top=False, input_shape=(299, 299, 3))
    assert asked == [(sources.INCEPTION.url, "models", sources.INCEPTION.path.name)]


# Images of every size, and many of them.


@pytest.mark.parametrize("size", [(4, 4), (12, 10)])
def test_images_are_resized_as_everywhere_else(size):
    given = random_images(shape=(*size, 3))
    found = FeatureExtractor(identity(), "pixels")(given).reshape(-1, *SHAPE)
    np.testing.assert_array_equal(found, images.resize_all(given, SHAPE))


def test_grey_images_are_given_to_a_model_of_rgb_three_times(tmp_path):
    extractor = features.load_extractor(str(save_tiny(tmp_path)), tmp_path)
    grey = random_images()[..., :1]
    expected = extractor(grey.repeat(3, axis=3))
    np.testing.assert_allclose(extractor(grey), expected, rtol=1e-4, atol=1e-7)


def test_more_images_than_a_batch_stay_in_order_their_mirror_images_behind():
    given = random_images(600, (2, 2, 1))
    found = FeatureExtractor(identity((2, 2, 1)), "pixels")(given, np.arange(600), True)
    expected = np.concatenate([given, given[:, :, ::-1]])
    np.testing.assert_array_equal(found.reshape(1200, 2, 2, 1), expected)


@pytest.mark.parametrize(
    ("shape", "model_shape", "most"),
    [
        ((4, 4, 3), (4, 4, 3), 256),
        ((4, 4, 3), (700, 800, 3), 2),
        ((700, 800, 3), (4, 4, 3), 2),
    ],
)
def test_images_are_read_as_many_at_a_time_as_memory_holds(shape, model_shape, most):
    given = Recording(2 * most + 1, shape)
    pooled = keras.Sequential([keras.Input(model_shape), layers.MaxPooling2D(4)])
    FeatureExtractor(pooled, "net")(given)
    assert given.read == [most, most, 1]


# Of a backbone.


def test_a_file_for_images_of_any_size_is_a_backbone(tmp_path):
    path = save_tiny(tmp_path)
    extractor = features.load_extractor(str(path), tmp_path)
    assert extractor.name == "backbone tiny.keras, 10 features"
    network = keras.models.load_model(path)
    expected = network(random_images(2, (224, 224, 3))).numpy().mean((1, 2))
    found = extractor(random_images(2, (224, 224, 3)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("size", "seen"), [(16, 64), (32, 96), (128, 224)])
def test_small_images_are_not_enlarged_more_than_helps(tmp_path, size, seen):
    path = str(save_tiny(tmp_path))
    extractor = features.load_extractor(path, tmp_path, size)
    assert extractor.model.input_shape[1:3] == (seen, seen)
    at_size = "" if seen == 224 else f" at {seen} pixels"
    assert extractor.name == f"backbone tiny.keras{at_size}, 10 features"


def test_features_that_are_not_finite_are_refused_by_name():
    network = keras.Sequential([keras.Input(SHAPE), layers.Rescaling(np.inf)])
    extractor = FeatureExtractor(network, "model huge.keras")
    with pytest.raises(InputError, match="huge.keras.* NaN or infinite") as raised:
        extractor(random_images())
    assert raised.value.options == ("features",)


def test_a_grey_model_for_images_of_any_size_judges_grey_images(tmp_path):
    path = save_tiny(tmp_path, "grey.keras", shape=(None, None, 1))
    extractor = features.load_extractor(str(path), tmp_path)
    assert np.isfinite(extractor(random_images(shape=(*SHAPE[:2], 1)))).all()
    with pytest.raises(InputError, match="takes images of 1 channels, not of 3"):
        extractor(random_images())


# Of the network that the discriminator uses.


def test_a_classifier_shares_the_backbone_below_it(tmp_path):
    path = str(save_tiny(tmp_path))
    one, other = (loading.load_backbone(path, (size, size, 3)) for size in (32, 64))
    pooled = layers.GlobalAveragePooling2D()(other.outputs[-1])
    classifier = keras.Model(other.inputs[0], layers.Dense(3)(pooled))
    extractor = FeatureExtractor(classifier, "classifier")
    with pytest.raises(InputError, match="discriminator uses the same network"):
        features.refuse_network_of(extractor, one)
    other.set_weights([weight + 0.1 for weight in other.get_weights()])
    features.refuse_network_of(extractor, one)
