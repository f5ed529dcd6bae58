"""Pooled features and where they are kept."""

import keras
import numpy as np
import pytest
from keras import layers
from tiny_backbone import random_images, save_tiny

from foldergan.backbones import features, loading
from foldergan.classifier import transfer
from foldergan.errors import InputError


@pytest.fixture
def backbone(tmp_path):
    return loading.load_backbone(str(save_tiny(tmp_path)), (32, 32, 3))


def test_a_view_is_pooled_as_the_image_shown_so(backbone):
    images = random_images(3)
    views = ("image", "mirror", "top-left")
    pooled = features.cached_features(backbone, images, views, None)
    assert pooled.shape == (3, 3, 10) and pooled.dtype == np.float32
    last = np.asarray(backbone(images[:, :, ::-1])[-1])
    np.testing.assert_allclose(pooled[:, 1], last.mean((1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", features.VIEWS)
def test_every_view_keeps_shape_and_range(name):
    images = random_images(2, (32, 24, 3))
    shown = features.view_of(images, name)
    assert shown.shape == images.shape
    assert shown.min() >= 0 and shown.max() <= 1


def test_a_crop_is_of_its_corner():
    images = np.zeros((1, 32, 32, 3), np.float32)
    images[:, :4] = 1
    assert features.view_of(images, "top-left")[0, 0].mean() > 0.9
    assert features.view_of(images, "bottom-right").max() == 0


def test_the_second_time_they_are_read(backbone, tmp_path, capsys):
    images = random_images()
    first = features.cached_features(backbone, images, ("image",), tmp_path)
    again = features.cached_features(backbone, images, ("image",), tmp_path)
    np.testing.assert_array_equal(first, again)
    assert "are read from" in capsys.readouterr().out


def test_other_images_weights_and_views_are_computed(backbone, tmp_path):
    images, cache = random_images(), tmp_path

    def count(images, views=("image",)):
        features.cached_features(backbone, images, views, cache)
        return len(list(cache.glob("*.npy")))

    assert count(images) == 1
    changed = images.copy()
    changed[-1, -1, -1, -1] += 0.01
    assert count(changed) == 2
    assert count(images, ("image", "mirror")) == 3
    backbone.set_weights([weight + 1 for weight in backbone.get_weights()])
    assert count(images) == 4


def trunk_checksum(folder, **arguments):
    """Of the network whose features are kept, with a backbone within it."""
    path = save_tiny(folder, **arguments)
    return features.checksum(transfer.build_trunk(str(path), (32, 32, 3)))


def test_features_are_found_again_whatever_keras_names_the_layers(tmp_path):
    before = trunk_checksum(tmp_path)
    layers.Dense(1), keras.Sequential()  # so that the next ones have higher numbers
    assert trunk_checksum(tmp_path) == before


@pytest.mark.parametrize(
    "changed", [{"first": layers.Rescaling(2.0, offset=-1.0)}, {"dropout": 0.5}]
)
def test_a_backbone_of_other_layers_has_other_features(tmp_path, changed):
    assert trunk_checksum(tmp_path) != trunk_checksum(tmp_path, **changed)


def test_a_backbone_of_another_normalization_has_other_features(tmp_path):
    def normalization(mean):
        return layers.Normalization(mean=[mean] * 3, variance=[1.0] * 3)

    one, other = (trunk_checksum(tmp_path, first=normalization(m)) for m in (0.0, 0.5))
    assert one != other


def test_a_damaged_file_is_computed_again(backbone, tmp_path):
    images, cache = random_images(), tmp_path
    right = np.array(features.cached_features(backbone, images, ("image",), cache))
    for path in cache.glob("*.npy"):
        path.write_bytes(path.read_bytes()[:-7])
    again = features.cached_features(backbone, images, ("image",), cache)
    np.testing.assert_array_equal(again, right)


@pytest.mark.parametrize("place", [-80, -200])
def test_kept_features_that_have_changed_are_computed_anew(backbone, tmp_path, place):
    images, cache = random_images(), tmp_path
    right = np.array(features.cached_features(backbone, images, ("image",), cache))
    (path,) = cache.glob("*.npy")
    kept = path.read_bytes()
    changed = bytearray(kept)
    changed[place] ^= 1
    path.write_bytes(changed)
    again = features.cached_features(backbone, images, ("image",), cache)
    np.testing.assert_array_equal(again, right)
    assert path.read_bytes() == kept


def test_infinite_features_are_an_error(backbone):
    backbone.set_weights(
        [np.full_like(weight, np.inf) for weight in backbone.get_weights()]
    )
    with pytest.raises(InputError, match="NaN or infinite"):
        features.cached_features(backbone, random_images(), ("image",), None)
