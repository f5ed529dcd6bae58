"""Pooled features and where they are kept."""

import keras
import numpy as np
import pytest
from keras import layers
from tiny_backbone import random_images, save_tiny

from foldergan.backbones import features
from foldergan.classifier import transfer
from foldergan.errors import InputError


@pytest.fixture
def trunk(tmp_path):
    return transfer.build_trunk(str(save_tiny(tmp_path)), (32, 32, 3))


def test_a_mirror_image_is_a_second_view(trunk):
    images = random_images(3)
    found = features.cached_features(trunk, images, True, None)
    assert found.shape[:2] == (3, 2) and found.dtype == np.float32
    for view, shown in enumerate((images, images[:, :, ::-1])):
        np.testing.assert_allclose(found[:, view], trunk(shown), rtol=1e-4, atol=1e-5)


def test_the_second_time_they_are_read(trunk, tmp_path, capsys):
    images = random_images()
    first = features.cached_features(trunk, images, False, tmp_path)
    again = features.cached_features(trunk, images, False, tmp_path)
    np.testing.assert_array_equal(first, again)
    assert "are read from" in capsys.readouterr().out


def test_other_images_weights_and_views_are_computed(trunk, tmp_path):
    images, cache = random_images(), tmp_path

    def count(images, is_mirrored=False):
        features.cached_features(trunk, images, is_mirrored, cache)
        return len(list(cache.glob("*.npy")))

    assert count(images) == 1
    changed = images.copy()
    changed[-1, -1, -1, -1] += 0.01
    assert count(changed) == 2
    assert count(images, is_mirrored=True) == 3
    trunk.set_weights([weight + 1 for weight in trunk.get_weights()])
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


def flipped(kept, place):
    return kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda k: k[:-7], lambda k: flipped(k, -80), lambda k: flipped(k, -200)],
    ids=["cut off", "a flipped bit", "another"],
)
def test_kept_features_that_have_changed_are_computed_anew(trunk, tmp_path, damage):
    images, cache = random_images(), tmp_path
    right = np.array(features.cached_features(trunk, images, False, cache))
    (path,) = cache.glob("*.npy")
    kept = path.read_bytes()
    path.write_bytes(damage(kept))
    again = features.cached_features(trunk, images, False, cache)
    np.testing.assert_array_equal(again, right)
    assert path.read_bytes() == kept


def test_infinite_features_are_an_error(trunk):
    trunk.set_weights([np.full_like(weight, np.inf) for weight in trunk.get_weights()])
    with pytest.raises(InputError, match="NaN or infinite"):
        features.cached_features(trunk, random_images(), False, None)
