"""Files of any origin never run code, lead elsewhere, or unpack without end."""

import io
import json
import pickle
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
    containers,
    filenames,
    hdf5,
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
    (folder / filenames.CLASSIFIER_H5).write_bytes(hdf5.encode(classifier))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def network(here):
    """An .h5 file of a generator."""
    path = here / "network.h5"
    path.write_bytes(hdf5.encode(generator_of(SHAPE, 4, (4, 4))))
    return path


def test_the_trap_springs_where_code_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / "run").exists()


# Code.

CODE = {
    "a Lambda": {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {
            "name": "code",
            "function": {
                "class_name": "__lambda__",
                "config": {"code": "4wEAAAA=", "defaults": None, "closure": None},
            },
        },
    },
    "a module": {
        "module": "trap",
        "class_name": "Layer",
        "config": {},
        "registered_name": "Layer",
    },
    "a registered name": {
        "module": None,
        "class_name": "Layer",
        "config": {},
        "registered_name": "trap>Layer",
    },
    "a part of Python": {
        "module": "builtins",
        "class_name": "eval",
        "config": "__import__('pathlib').Path('run').touch()",
        "registered_name": "function",
    },
    "a function of Keras that is no layer": {
        "module": "keras.utils",
        "class_name": "get_file",
        "config": {"fname": "run", "origin": "file:///etc/hostname"},
        "registered_name": None,
    },
}


@pytest.fixture(params=CODE.values(), ids=CODE)
def code(request, here):
    """The config of a layer that would run code; a module called trap lies about."""
    (here / "trap.py").write_text("from pathlib import Path\nPath('run').touch()\n")
    yield request.param
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
    with pytest.raises(InputError, match="resume.npz is damaged"):
        checkpoint.Checkpoint(here, {}).load()


@pytest.mark.parametrize("value", [np.array([b"text"]), np.array(["text"])])
def test_a_state_of_anything_but_numbers_is_refused(here, value):
    about = json.dumps({"settings": {}, "tables": {}})
    np.savez(here / filenames.RESUME, about=about, sums=value)
    with pytest.raises(InputError, match="resume.npz is damaged"):
        checkpoint.Checkpoint(here, {}).load()


@pytest.mark.parametrize("distance", ["NaN", "Infinity"])
def test_a_state_with_figures_that_are_not_finite_is_refused(here, distance):
    row = {"epoch": 1, "kernel_distance": 0.5, "frechet_distance": 1}
    tables = {"quality": [row | {"real": 6, "fake": 6}]}
    about = json.dumps({"settings": {}, "tables": tables})
    np.savez(here / filenames.RESUME, about=about.replace("0.5", distance))
    with pytest.raises(InputError, match="resume.npz is damaged"):
        checkpoint.Checkpoint(here, {}).load()


def test_pickled_objects_in_kept_features_are_not_run(here):
    content = io.BytesIO()
    np.save(content, np.array([Bomb()]), allow_pickle=True)
    path = here / "features.npy"
    path.write_bytes(content.getvalue())
    seals.seal(path)
    assert arrays.map_sealed(path) is None


# Other files.


def put_soft_link(file):
    file["foldergan"] = h5py.SoftLink("/model_weights")


def put_external_link(file):
    file["foldergan"] = h5py.ExternalLink("secret.h5", "/")


def put_external_storage(file):
    file.create_dataset("foldergan", (6,), "u1", external="secret.txt")


def put_virtual_dataset(file):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "data", (3,))
    file.create_virtual_dataset("foldergan", layout)


def put_deep_link(file):
    file["model_weights"]["x/y"] = h5py.ExternalLink("secret.h5", "/")


ELSEWHERE = (
    put_soft_link,
    put_external_link,
    put_external_storage,
    put_virtual_dataset,
    put_deep_link,
)


@pytest.mark.parametrize("put", ELSEWHERE)
def test_an_h5_file_that_leads_elsewhere_is_refused(network, put):
    Path("secret.txt").write_bytes(b"secret")
    with h5py.File("secret.h5", "w") as file:
        file["data"] = np.ones(3, np.float32)
    with h5py.File(network, "r+") as file:
        put(file)
    for read in (networks.load_network, models.load_generator_classes):
        with pytest.raises(InputError, match="(leads to|lies in another file)"):
            read(network)


def test_an_h5_file_that_holds_itself_comes_to_an_end(network):
    with h5py.File(network, "r+") as file:
        file["circle"] = file["/"]
    containers.check(network)


def test_a_keras_file_whose_weights_lead_elsewhere_is_refused(here):
    path, weights = here / "network.keras", io.BytesIO()
    with h5py.File(weights, "w") as file:
        put_deep_link({"model_weights": file})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.weights.h5", weights.getvalue())
    with pytest.raises(InputError, match="x/y leads to /"):
        networks.load_network(path)


@pytest.mark.parametrize("name", ["../run", "assets/../../run", "/run", "..\\run"])
def test_a_keras_file_with_a_member_outside_is_refused(here, name):
    path = here / "network.keras"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", "{}")
        file.writestr(name, "code")
    with pytest.raises(InputError, match="run' would lie outside"):
        networks.load_network(path)


def test_a_link_is_replaced_not_written_through(here):
    (here / "secret.txt").write_text("secret")
    (here / "classes.json").symlink_to("secret.txt")
    tables.save_json(here / "classes.json", ["a"])
    assert (here / "secret.txt").read_text() == "secret"
    assert not (here / "classes.json").is_symlink()


# Sizes.


def test_an_h5_file_that_unpacks_to_gigabytes_is_refused(network):
    with h5py.File(network, "r+") as file:
        chunks = {"chunks": (64, 64), "compression": "gzip"}
        file.create_dataset("foldergan", (2**14, 2**14), "f4", **chunks)
    with pytest.raises(InputError, match="unpacks to 1.1 GB"):
        networks.load_network(network)


@pytest.mark.parametrize("name", ["network.keras", "resume.npz"])
def test_a_zip_file_that_unpacks_to_gigabytes_is_refused(here, name):
    path = here / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", bytes(2**20))
        file.infolist()[0].file_size = 3 * 10**8  # as it is written at the end
    load = networks.load_network
    if name == "resume.npz":
        path, load = here, checkpoint.precision_of
    with pytest.raises(InputError, match="unpacks to 0.3 GB"):
        load(path)


def test_little_data_may_be_packed_as_it_likes(network, monkeypatch):
    containers._check(network)
    with h5py.File(network, "r+") as file:
        file.create_dataset("foldergan", (2**22,), "f4", chunks=True, compression=9)
    assert network.stat().st_size < 2**24 / 100
    containers.check(network)
    monkeypatch.setattr(containers, "_ALLOWED", 1)
    with pytest.raises(ValueError, match="unpacks to 0.0 GB"):
        containers._check(network)


def test_what_weights_take_is_no_bomb(network, monkeypatch):
    monkeypatch.setattr(containers, "_ALLOWED", 1)
    containers._check(network)
    assert containers.check(network) is None
    text = network.with_name("text")
    text.write_text("neither HDF5 nor zip")
    assert containers.check(text) is None


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
