"""Backbones by name and from files: ranges, channels, what is refused."""

import socket

import keras
import numpy as np
import pytest
from keras import layers
from tiny_backbone import build_tiny, random_images, save_tiny

from foldergan.backbones import loading, sources
from foldergan.errors import InputError

SHAPE = (32, 32, 3)


def loaded(path, shape=SHAPE):
    return loading.load_backbone(str(path), shape)


def last_map(network, images):
    return np.asarray(network(images)[-1])


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5"])
def test_a_file_takes_values_0_to_1(tmp_path, name):
    path = save_tiny(tmp_path, name)
    tiny = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(
        last_map(loaded(path), random_images()),
        np.asarray(tiny(random_images())),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("scale", [1 / 255, 1 / 127.5])
def test_a_file_that_normalizes_bytes_is_given_bytes(tmp_path, scale):
    first = layers.Rescaling(scale, offset=-1.0)
    path = save_tiny(tmp_path, first=first)
    tiny = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(
        last_map(loaded(path), random_images()),
        np.asarray(tiny(255 * random_images())),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_file_that_rescales_values_0_to_1_is_given_those(tmp_path):
    path = save_tiny(tmp_path, first=layers.Rescaling(2.0, offset=-1.0))
    tiny = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(
        last_map(loaded(path), random_images()),
        np.asarray(tiny(random_images())),
        rtol=1e-5,
        atol=1e-6,
    )


def test_grey_images_are_shown_in_three_channels(tmp_path):
    path, grey = save_tiny(tmp_path), random_images(shape=(32, 32, 1))
    np.testing.assert_array_equal(
        last_map(loaded(path, (32, 32, 1)), grey),
        last_map(loaded(path), np.repeat(grey, 3, axis=3)),
    )


def test_a_fixed_size_is_rebuilt(tmp_path):
    path = save_tiny(tmp_path, shape=(64, 64, 3))
    assert loaded(path, (32, 24, 3)).outputs[0].shape[1:] == (8, 6, 6)


def test_it_is_frozen(tmp_path):
    backbone = loaded(save_tiny(tmp_path))
    assert backbone.trainable_variables == []
    for inferred, trained in zip(
        backbone(random_images(), training=False),
        backbone(random_images(), training=True),
        strict=True,
    ):
        np.testing.assert_array_equal(inferred, trained)


def saved(tmp_path, network):
    path = tmp_path / "other.keras"
    network.save(path)
    return path


def test_what_takes_no_images_is_refused(tmp_path):
    network = keras.Sequential([keras.Input((8,)), layers.Dense(2)])
    with pytest.raises(InputError, match="not a network of images"):
        loaded(saved(tmp_path, network))


def test_one_stage_is_too_few(tmp_path):
    network = keras.Sequential(
        [keras.Input(SHAPE), layers.Conv2D(4, 3, strides=4, padding="same")]
    )
    with pytest.raises(InputError, match="1 stage"):
        loaded(saved(tmp_path, network))


def test_a_fixed_size_that_cannot_be_rebuilt_is_refused(tmp_path):
    images = keras.Input((64, 64, 3))
    values = layers.Conv2D(4, 3, strides=4, padding="same")(images)
    values = layers.Reshape((256, 4))(values)
    values = layers.Dense(4)(values)
    values = layers.Reshape((16, 16, 4))(values)
    network = keras.Model(images, build_tiny((16, 16, 4))(values))
    with pytest.raises(InputError, match="no images of 32x32x3"):
        loaded(saved(tmp_path, network))


def test_a_damaged_file_is_refused(tmp_path):
    path = save_tiny(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged"):
        loaded(path)


def test_a_file_with_a_lambda_is_refused(tmp_path):
    images = keras.Input(SHAPE)
    network = build_tiny(SHAPE)
    path = saved(
        tmp_path, keras.Model(images, network(layers.Lambda(lambda x: x)(images)))
    )
    with pytest.raises(InputError, match="stock Keras layers"):
        loaded(path)


def test_a_missing_file_names_what_there_is():
    with pytest.raises(InputError, match="MobileNetV3Small"):
        loaded("nowhere.keras")


def test_grey_files_take_no_colour(tmp_path):
    path = save_tiny(tmp_path, shape=(None, None, 1))
    with pytest.raises(InputError, match="channel"):
        loaded(path)


def test_without_a_network_the_file_and_its_place_are_named(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def refuse(**arguments):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", refuse)
    source = sources.SOURCES["MobileNetV3Small"]
    with pytest.raises(InputError) as raised:
        loaded("MobileNetV3Small")
    assert source.url in str(raised.value) and str(source.path) in str(raised.value)
    said = capsys.readouterr().out
    assert "4 MB" in said and "storage.googleapis.com" in said and "Apache" in said


def test_a_known_network_is_given_bytes(monkeypatch, tmp_path):
    def tiny(include_top, weights, input_shape):
        assert not include_top and weights == "imagenet"
        keras.utils.set_random_seed(0)
        return build_tiny(input_shape)

    monkeypatch.setattr(keras.applications, "EfficientNetB0", tiny)
    given = last_map(loaded("EfficientNetB0"), random_images())
    right = tiny(False, "imagenet", SHAPE)(255 * random_images())
    np.testing.assert_allclose(given, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("content", [b"", b"not what Keras knows"])
def test_a_cached_file_that_keras_removes_is_put_back_and_named(
    monkeypatch, tmp_path, content
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = sources.SOURCES["EfficientNetB0"].path
    path.parent.mkdir()
    path.write_bytes(content)

    def refuse(**arguments):
        path.unlink()  # as of another checksum
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "EfficientNetB0", refuse)
    with pytest.raises(InputError, match="is not that file, or damaged"):
        loaded("EfficientNetB0")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.keras", "is not there"),
        ("folder.keras", "is a folder"),
        ("weights.pt", "is of the ending '.pt'"),
    ],
)
def test_what_is_no_file_of_a_backbone_is_refused_before_it_is_read(
    tmp_path, name, said
):
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(InputError, match=f"{name} {said}; .*MobileNetV3Small"):
        sources.refuse_missing(str(tmp_path / name))
    for known in ("none", "EfficientNetB0", str(save_tiny(tmp_path))):
        sources.refuse_missing(known)


@pytest.mark.parametrize("content", [b"", b"PK", b"text"])
def test_a_file_that_is_no_archive_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "mine.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match="mine.keras is damaged.*no zip archive"):
        loaded(path)


def test_a_backbone_that_takes_no_such_images_is_named(tmp_path):
    images = keras.Input(SHAPE)
    values = layers.Reshape((16, 64, 3))(images)
    network = keras.Model(images, layers.Conv2D(4, 3, strides=2)(values))
    network.save(tmp_path / "fixed.keras")
    with pytest.raises(InputError, match="fixed.keras: it takes no images of 64x64x3"):
        loaded(tmp_path / "fixed.keras", (64, 64, 3))


def test_a_fingerprint_is_of_what_the_file_holds(tmp_path):
    path = save_tiny(tmp_path)
    before = sources.fingerprint(str(path))
    assert before == sources.fingerprint(str(path)) and path.name in before
    path.write_bytes(path.read_bytes() + b" ")
    assert sources.fingerprint(str(path)) != before
    assert sources.fingerprint("EfficientNetB0") == "EfficientNetB0"


# Where keras.applications says how each takes its images.
MODULES = {
    "MobileNetV3Small": keras.applications.mobilenet_v3,
    "MobileNetV3Large": keras.applications.mobilenet_v3,
    "EfficientNetV2B0": keras.applications.efficientnet_v2,
    "EfficientNetB0": keras.applications.efficientnet,
    "ConvNeXtTiny": keras.applications.convnext,
    "ResNet50": keras.applications.resnet50,
    "DenseNet121": keras.applications.densenet,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sources.SOURCES)
def test_each_name_computes_what_keras_does_of_bytes(name, monkeypatch):
    """Its stages are found, and pixels arrive in the range and order that it takes."""
    images, wanted = random_images(2, (64, 64, 3)), {}
    build = getattr(keras.applications, name)

    def built(include_top, weights, input_shape):
        keras.utils.set_random_seed(0)
        network = build(include_top=False, weights=None, input_shape=input_shape)
        rng = np.random.default_rng(0)
        for weight in network.weights:
            if "gamma" in weight.path:  # ConvNeXt's begin near 0
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        for order, pixels in (("rgb", images), ("bgr", images[..., ::-1])):
            values = MODULES[name].preprocess_input(255 * pixels)
            wanted[order] = np.asarray(network(values, training=False))
        return network

    monkeypatch.setattr(keras.applications, name, built)
    backbone = loaded(name, (64, 64, 3))
    assert [x.shape[1:3] for x in backbone.outputs] == [
        (16, 16),
        (8, 8),
        (4, 4),
        (2, 2),
    ]
    given = last_map(backbone, images)
    allowed = 1e-3 * wanted["rgb"].std()
    np.testing.assert_allclose(given, wanted["rgb"], rtol=0, atol=allowed)
    assert np.abs(given - wanted["bgr"]).max() > 10 * allowed
    noisy = np.asarray(backbone(images, training=True)[-1])
    np.testing.assert_array_equal(given, noisy)
    layer_types = {type(layer) for layer in backbone.layers}
    assert all(getattr(layers, kind.__name__, None) for kind in layer_types)


@pytest.mark.slow
@pytest.mark.parametrize("name", sources.SOURCES)
def test_each_name_is_downloaded_from_where_keras_does(name, monkeypatch):
    source = sources.SOURCES[name]
    if source.path.is_file():
        pytest.skip("it is there already, from that address")

    def unreachable(*arguments, **named):
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(InputError) as raised:
        loaded(name, (224, 224, 3))
    assert f"URL fetch failure on {source.url}:" in str(raised.value)
