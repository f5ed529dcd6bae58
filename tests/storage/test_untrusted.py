"""Files of any origin never run code, lead elsewhere, or unpack without end."""

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import crashing
import h5py
import numpy as np
import pytest
from conftest import classifier_of, generator_of

from foldergan.errors import InputError
from foldergan.storage import (
    arrays,
    checkpoint,
    filenames,
    models,
    networks,
    seals,
    tables,
)

SHAPE = (8, 8, 3)


class Bomb:
    """Makes a file called "run" where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("run"),)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, from which modules are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def classifier_files(tmp_path_factory):
    """train.json, and train.h5 that knows nothing of the other's checksum."""
    folder = tmp_path_factory.mktemp("classifier")
    classifier = classifier_of(SHAPE, 2, (4,))
    models.save_classifier(folder, classifier, ["a", "b"], ())
    (folder / filenames.CLASSIFIER_H5).write_bytes(networks.encode(classifier))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def network(here):
    """An .h5 file of a generator."""
    path = here / "network.h5"
    path.write_bytes(networks.encode(generator_of(SHAPE, 4, (4, 4))))
    return path


# Code.

LAMBDA = {"code": "4wEAAAA=", "defaults": None, "closure": None}
LAMBDA = {"class_name": "__lambda__", "config": LAMBDA}
FILE = {"fname": "run", "origin": "file:///etc/hostname"}
TOUCH = "__import__('pathlib').Path('run').touch()"
CODE = {  # module, name of the class, config, registered name
    "a Lambda": ("keras.layers", "Lambda", {"name": "a", "function": LAMBDA}, None),
    "a module": ("trap", "Layer", {}, "Layer"),
    "a registered name": (None, "Layer", {}, "trap>Layer"),
    "a part of Python": ("builtins", "eval", TOUCH, "function"),
    "a function of Keras that is no layer": ("keras.utils", "get_file", FILE, None),
}


@pytest.fixture(params=CODE.values(), ids=CODE)
def code(request, here):
    """The config of a layer that would run code; a module called trap lies about."""
    (here / "trap.py").write_text("from pathlib import Path\nPath('run').touch()\n")
    names = ("module", "class_name", "config", "registered_name")
    yield dict(zip(names, request.param, strict=True))
    assert "trap" not in sys.modules


def with_layer(text: bytes | str, layer) -> str:
    config = json.loads(text)
    config["config"]["layers"].insert(1, layer)
    return json.dumps(config)


def test_code_in_train_json_is_refused(classifier_files, code):
    for name, content in classifier_files.items():
        Path(name).write_bytes(content)
    path = Path(filenames.CLASSIFIER_JSON)
    path.write_text(with_layer(path.read_text(), code))
    with pytest.raises(InputError, match="train.json is damaged"):
        models.load_classifier(Path())


def test_code_in_an_h5_file_is_refused(network, code):
    with h5py.File(network, "r+") as file:
        config = file.attrs["model_config"]
        file.attrs["model_config"] = with_layer(config, code)
    with pytest.raises(InputError, match="network.h5 is damaged"):
        networks.load_network(network)


def test_code_in_a_keras_file_is_refused(here, code):
    path = here / "network.keras"
    generator_of(SHAPE, 4, (4, 4)).save(path)
    with zipfile.ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    content["config.json"] = with_layer(content["config.json"], code)
    with zipfile.ZipFile(path, "w") as file:
        for name, part in content.items():
            file.writestr(name, part)
    with pytest.raises(InputError, match="network.keras is damaged"):
        networks.load_network(path)


@pytest.mark.parametrize("name", ["about", "position"])
def test_pickled_objects_in_a_state_are_not_run(here, name):
    parts = {"about": json.dumps({"settings": {}, "tables": {}})}
    np.savez(here / filenames.RESUME, **parts | {name: np.array([Bomb()])})
    seals.seal(here / filenames.RESUME)
    with pytest.raises(InputError, match="resume.npz is damaged .*allow_pickle"):
        checkpoint.Checkpoint(here, {}).load()


def test_pickled_objects_in_kept_features_are_not_run(here):
    content = io.BytesIO()
    np.save(content, np.array([Bomb()]), allow_pickle=True)
    path = here / "features.npy"
    path.write_bytes(content.getvalue())
    seals.seal(path)
    assert arrays.map_sealed(path) is None


# Other files.


def put_soft_link(group, name, shape):
    group["other"] = np.ones(shape, np.float32)
    group[name] = h5py.SoftLink("other")


def put_external_link(group, name, shape):
    group[name] = h5py.ExternalLink("secret.h5", "/data")


def put_external_storage(group, name, shape):
    group.create_dataset(name, shape, "f4", external="secret.txt")


def put_virtual_dataset(group, name, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource("secret.h5", "data", shape)
    group.create_virtual_dataset(name, layout)


ELSEWHERE = (
    put_soft_link,
    put_external_link,
    put_external_storage,
    put_virtual_dataset,
)


def first_weight(file) -> h5py.Dataset:
    found = []
    file.visititems(lambda _, item: found.append(item))
    return next(item for item in found if isinstance(item, h5py.Dataset))


@pytest.mark.parametrize("put", ELSEWHERE)
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_weights_that_lie_elsewhere_are_refused(here, put, ending):
    path = here / f"network.{ending}"
    generator_of(SHAPE, 4, (4, 4)).save(path)
    weights = path
    if ending == "keras":
        weights = here / "weights.h5"
        with zipfile.ZipFile(path) as zipped:
            config = zipped.read("config.json")
            weights.write_bytes(zipped.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        weight = first_weight(file)
        group, name = weight.parent, weight.name.rpartition("/")[2]
        secret = np.ones(weight.shape, np.float32)
        with h5py.File("secret.h5", "w") as other:
            other["data"] = secret
        Path("secret.txt").write_bytes(secret.tobytes())
        del group[name]
        put(group, name, secret.shape)
    if ending == "keras":
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr("config.json", config)
            zipped.write(weights, "model.weights.h5")
    with pytest.raises(InputError, match="is damaged .*(Not allowed|not be loaded)"):
        networks.load_network(path)


@pytest.mark.parametrize("put", ELSEWHERE)
def test_class_names_that_lie_elsewhere_are_refused(network, put):
    with h5py.File("secret.h5", "w") as file:
        file["data"] = np.ones(3, np.float32)
    with h5py.File(network, "r+") as file:
        put(file, "foldergan", (3,))
    with pytest.raises(InputError, match="is damaged"):
        models.load_generator_classes(network)


@pytest.mark.parametrize("name", ["../run", "assets/../../run"])
def test_nothing_of_a_keras_file_lands_outside(here, name):
    path = here / "folder" / "network.keras"
    path.parent.mkdir()
    generator_of(SHAPE, 4, (4, 4)).save(path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, "code")
    with contextlib.suppress(InputError):
        networks.load_network(path)
    assert {each.name for each in here.rglob("*")} == {"folder", "network.keras"}


def test_a_link_is_replaced_not_written_through(here):
    (here / "secret.txt").write_text("secret")
    (here / "classes.json").symlink_to("secret.txt")
    tables.save_json(here / "classes.json", ["a"])
    assert (here / "secret.txt").read_text() == "secret"
    assert not (here / "classes.json").is_symlink()


# Sizes.


def test_weights_that_unpack_to_gigabytes_are_refused(network):
    with h5py.File(network, "r+") as file:
        weight = first_weight(file)
        group, name = weight.parent, weight.name
        del file[name]
        chunks = {"chunks": (64, 64), "compression": "gzip"}
        group.create_dataset(name, (2**15, 2**16), "f4", **chunks)
    with pytest.raises(InputError, match="bomb"):
        networks.load_network(network)


# Crashes.


def test_a_file_that_crashes_its_library_is_named(network):
    network.write_bytes(network.read_bytes() + b"CRASH")
    code = f"""
from pathlib import Path
from foldergan.storage import models
models.load_generator_classes(Path({str(network)!r}))
"""
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=crashing.environment(network.parent / "shim"),
        capture_output=True,
        text=True,
    )
    assert found.returncode == 1
    assert found.stderr.endswith(
        f"InputError: {network} is damaged (crashes the library that reads it, "
        "SIGSEGV); run: python GANModel.py\n"
    )
