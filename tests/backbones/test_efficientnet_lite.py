"""The networks whose weights are part of the package."""

import keras
import numpy as np
import pytest
from conftest import ROOT
from tiny_backbone import random_images

from foldergan.backbones import efficientnet_lite, loading, sources
from foldergan.errors import InputError
from foldergan.metrics import features


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the smaller file of weights, which is loaded in its place."""
    path = tmp_path / "efficientnet_lite0.npz"
    path.write_bytes(efficientnet_lite.weights_path(0).read_bytes())
    monkeypatch.setattr(efficientnet_lite, "weights_path", lambda number: path)
    return path


@pytest.mark.parametrize(("name", "number"), sources.SHIPPED.items())
def test_every_weight_is_that_of_the_file_in_float32(name, number):
    network = efficientnet_lite.load(number)
    with np.load(efficientnet_lite.weights_path(number)) as arrays:
        assert set(arrays) == {weight.path for weight in network.weights}
        for weight in network.weights:
            assert arrays[weight.path].dtype == np.float16
            assert weight.dtype == "float32"
            np.testing.assert_array_equal(weight, arrays[weight.path])


@pytest.mark.parametrize("name", sources.SHIPPED)
def test_its_stages_are_found(name):
    backbone = loading.load_backbone(name, (96, 64, 3))
    assert [x.shape[1:] for x in backbone.outputs] == [
        (24, 16, 24),
        (12, 8, 40),
        (6, 4, 112),
        (3, 2, 1280),
    ]
    assert backbone.trainable_variables == []


def test_values_0_to_1_go_in():
    """As the authors normalize values 0-255: less 127, by 128."""
    images = random_images(shape=(64, 64, 3))
    network = efficientnet_lite.load(0)
    within = keras.Model(network.get_layer("stem").input, network.output)
    given = loading.load_backbone("EfficientNetLite0", (64, 64, 3))(images)[-1]
    np.testing.assert_allclose(
        given, within((255 * images - 127) / 128), rtol=1e-4, atol=1e-4
    )


def test_they_share_no_weights(tmp_path):
    """The one evaluates what the other has taught."""
    taught, judge = sources.SHIPPED
    extractor = features.load_extractor(judge, tmp_path, 64)
    network = loading.load_backbone(taught, (64, 64, 3))
    features.refuse_network_of(extractor, network)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
        lambda content: content[:-1000],
        lambda content: b"",
    ],
    ids=["a flipped bit", "cut off", "empty"],
)
def test_a_damaged_file_is_named(copied, damage):
    copied.write_bytes(damage(copied.read_bytes()))
    with pytest.raises(InputError, match=f"{copied} is damaged: its SHA-256.*install"):
        efficientnet_lite.load(0)


def test_a_missing_file_is_named(copied):
    copied.unlink()
    with pytest.raises(InputError, match=f"{copied} is not there; install foldergan"):
        efficientnet_lite.load(0)


def test_both_files_are_small_and_have_a_licence():
    folder = efficientnet_lite.weights_path(0).parent
    sizes = [efficientnet_lite.weights_path(n).stat().st_size for n in (0, 1)]
    assert sum(sizes) <= 16e6
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    assert (folder.relative_to(ROOT) / "LICENSE").as_posix() in (
        ROOT / "pyproject.toml"
    ).read_text(encoding="utf-8")
