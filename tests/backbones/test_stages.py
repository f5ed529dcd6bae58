"""Finding the ends of a network's stages."""

import keras
import numpy as np
import pytest
from keras import layers
from tiny_backbone import build_tiny, random_images

from foldergan.backbones import stages
from foldergan.errors import InputError


def stages_of(network, shape=(32, 32, 3)):
    images = keras.Input(shape)
    found = stages.find_stages(network, images)
    return keras.Model(images, list(found.values())), list(found)


def shapes_of(model):
    return [output.shape[1:] for output in model.outputs]


def test_the_last_map_before_each_halving_is_found():
    model, strides = stages_of(build_tiny())
    assert strides == [4, 8, 16]
    assert shapes_of(model) == [(8, 8, 6), (4, 4, 12), (2, 2, 10)]


def test_the_maps_are_the_networks_own():
    tiny = build_tiny()
    model, _ = stages_of(tiny)
    names = ["end_4", "end_8", "end_16"]
    wanted = keras.Model(tiny.input, [tiny.get_layer(name).output for name in names])
    images = random_images()
    for given, right in zip(model(images), wanted(images), strict=True):
        np.testing.assert_allclose(given, right, rtol=1e-5, atol=1e-6)


def test_a_network_inside_another_is_looked_into():
    tiny = build_tiny()
    outer = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(2.0),
            tiny,
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    model, strides = stages_of(outer)
    assert strides == [4, 8, 16]
    np.testing.assert_allclose(
        model(random_images())[2], tiny(2.0 * random_images()), rtol=1e-5, atol=1e-6
    )


def test_a_sequential_network_has_stages_too():
    network = keras.Sequential([keras.Input((32, 32, 3))])
    for width in (4, 5, 6):
        network.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        network.add(layers.MaxPooling2D())
    model, strides = stages_of(network)
    assert strides == [4, 8]
    assert shapes_of(model) == [(8, 8, 6), (4, 4, 6)]


def test_maps_end_where_they_are_flattened():
    network = keras.Sequential(
        [build_tiny((64, 64, 3)), layers.Flatten(), layers.Dense(5)]
    )
    assert stages_of(network)[1] == [4, 8, 16]


def test_what_is_no_graph_of_layers_is_refused():
    class Own(keras.Model):
        def call(self, values):
            return values

    with pytest.raises(InputError, match="neither a functional nor a sequential"):
        stages_of(Own())
