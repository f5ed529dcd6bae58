"""Files as Keras 2.15 wrote them: a whole network is loaded, a train.json refused."""

import json

import h5py
import numpy as np
import pytest

from foldergan.errors import InputError
from foldergan.storage import models, networks

_COMMON = {"trainable": True, "dtype": "float32"}
_KERNEL = {
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "bias_constraint": None,
}
_LAYERS = {
    "InputLayer": {"batch_input_shape": [None, 8, 8, 3], "name": "conv2d_input"},
    "Conv2D": {
        "batch_input_shape": [None, 8, 8, 3],
        "name": "conv2d",
        "filters": 4,
        "kernel_size": [3, 3],
        "strides": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
        **_KERNEL,
        **_COMMON,
    },
    "Flatten": {"name": "flatten", "data_format": "channels_last", **_COMMON},
    "Dense": {"name": "dense", "units": 2, **_KERNEL, **_COMMON},
}
_SHAPES = {
    "conv2d": {"kernel:0": (3, 3, 3, 4), "bias:0": (4,)},
    "flatten": {},
    "dense": {"kernel:0": (256, 2), "bias:0": (2,)},
}


@pytest.fixture
def folder(tmp_path):
    """train.json, train.h5, classes.json; and the weights in whole.h5 as well."""
    text = json.dumps(
        {
            "class_name": "Sequential",
            "config": {
                "name": "sequential",
                "layers": [
                    {"class_name": name, "config": config}
                    for name, config in _LAYERS.items()
                ],
            },
            "keras_version": "2.15.0",
            "backend": "tensorflow",
        }
    )
    (tmp_path / "train.json").write_text(text)
    (tmp_path / "classes.json").write_text('["a", "b"]')
    with h5py.File(tmp_path / "train.h5", "w") as file:
        _write(file)
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["model_config"] = "2.15.0", text
        _write(file.create_group("model_weights"))
    return tmp_path


def _write(group):
    group.attrs["layer_names"] = [name.encode() for name in _SHAPES]
    for name, shapes in _SHAPES.items():
        layer = group.create_group(name)
        layer.attrs["weight_names"] = [f"{name}/{each}".encode() for each in shapes]
        for each, shape in shapes.items():
            layer[f"{name}/{each}"] = np.full(shape, len(shape), np.float32)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")
def test_a_whole_network_is_loaded(folder):
    network = networks.load_network(folder / "whole.h5")
    weights = network.get_weights()
    assert [len(weight.shape) for weight in weights] == [4, 1, 2, 1]
    for weight in weights:
        np.testing.assert_array_equal(weight, len(weight.shape))


def test_a_train_json_is_refused_with_the_reason(folder):
    with pytest.raises(InputError, match="Keras 2.15.0 wrote it.*run: python Train"):
        models.load_classifier(folder)


def test_reasons_of_other_libraries_are_kept_short(folder):
    path = folder / "train.json"
    path.write_text(path.read_text().replace("2.15.0", "3.0.0"))
    with pytest.raises(InputError, match="Could not locate") as caught:
        models.load_classifier(folder)
    assert len(str(caught.value)) < 600
