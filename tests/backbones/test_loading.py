"""Backbones by name and from files: ranges, channels, what is refused."""

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
@pytest.mark.parametrize(
    ("first", "factor"),
    [(None, 1), (layers.Rescaling(2.0, -1.0), 1), (layers.Rescaling(1 / 127.5), 255)],
)
def test_a_file_is_given_the_values_that_it_takes(tmp_path, name, first, factor):
    path = save_tiny(tmp_path, name, first=first)
    tiny = keras.models.load_model(path, compile=False)
    np.testing.assert_allclose(
        last_map(loaded(path), random_images()),
        np.asarray(tiny(factor * random_images())),
        rtol=1e-4,
        atol=1e-5,
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
    with pytest.raises(InputError, match="other.keras: it takes no images of 32x32x3"):
        loaded(saved(tmp_path, network))


def test_a_file_with_a_lambda_is_refused(tmp_path):
    images = keras.Input(SHAPE)
    network = build_tiny(SHAPE)
    path = saved(
        tmp_path, keras.Model(images, network(layers.Lambda(lambda x: x)(images)))
    )
    with pytest.raises(InputError, match="stock Keras layers"):
        loaded(path)


def test_grey_files_take_no_colour(tmp_path):
    path = save_tiny(tmp_path, shape=(None, None, 1))
    with pytest.raises(InputError, match="channel"):
        loaded(path)


@pytest.mark.parametrize("is_there", [False, True])
def test_without_a_network_the_file_and_its_place_are_named(
    tmp_path, monkeypatch, capsys, is_there
):
    def refuse(**arguments):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV3Small", refuse)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    source = sources.SOURCES["MobileNetV3Small"]
    if is_there:
        source.path.parent.mkdir()
        source.path.write_bytes(b"not what Keras knows")
    with pytest.raises(InputError) as raised:
        loaded("MobileNetV3Small")
    damaged = f"{source.path} is not that file, or damaged"
    assert (damaged in str(raised.value)) == is_there
    assert f"download {source.url} elsewhere" in str(raised.value)
    said = capsys.readouterr().out
    for words in ("4 MB", "storage.googleapis.com", "Apache", str(source.path)):
        assert (words in said) != is_there


def test_a_known_network_is_given_bytes(monkeypatch, tmp_path):
    def tiny(include_top, weights, input_shape):
        assert not include_top and weights == "imagenet"
        keras.utils.set_random_seed(0)
        return build_tiny(input_shape, first=layers.Rescaling(1 / 255))

    monkeypatch.setattr(keras.applications, "EfficientNetB0", tiny)
    given = last_map(loaded("EfficientNetB0"), random_images())
    right = tiny(False, "imagenet", SHAPE)(255 * random_images())
    np.testing.assert_allclose(given, right, rtol=1e-4, atol=1e-4)


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
@pytest.mark.filterwarnings("ignore:.input_shape. is undefined")
@pytest.mark.parametrize("name", sources.SOURCES)
def test_each_name_computes_what_keras_does_of_bytes(name, monkeypatch):
    """Its stages are found, and pixels arrive in the range and order that it takes."""
    images, wanted, asked = random_images(2, (64, 64, 3)), {}, []
    build = getattr(keras.applications, name)

    def built(include_top, weights, input_shape):
        keras.utils.set_random_seed(0)
        network = build(include_top=False, weights=weights, input_shape=input_shape)
        rng = np.random.default_rng(0)
        for weight in network.weights:
            if "gamma" in weight.path:  # ConvNeXt's begin near 0
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        for order, pixels in (("rgb", images), ("bgr", images[..., ::-1])):
            values = MODULES[name].preprocess_input(255 * pixels)
            wanted[order] = np.asarray(network(values, training=False))
        return network

    def get_file(fname, origin, cache_subdir, **options):
        asked.append((origin, cache_subdir, fname))

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *arguments: None)
    monkeypatch.setattr(keras.applications, name, built)
    backbone = loaded(name, (64, 64, 3))
    source = sources.SOURCES[name]
    assert asked == [(source.url, "models", source.path.name)]
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
