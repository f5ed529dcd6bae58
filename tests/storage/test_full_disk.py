"""A disk that fills up while networks are saved: one sentence, the old files."""

import signal
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import classifier_of, discriminator_of, generator_of

from foldergan.errors import RunError
from foldergan.gan.saves import Snapshots
from foldergan.storage import models
from foldergan.storage.checkpoint import Checkpoint

# Windows has no limit on the size of files.
resource = pytest.importorskip("resource")

SHAPE = (8, 8, 3)
OLD = b"old"
H5_OF = {
    "any": {"any.h5"},
    "classifier": {"train.h5"},
    "networks": {
        "discriminator.h5",
        "gan.h5",
        "generator.h5",
        "generator_model_001.h5",
    },
    "named": {"generator_model_001.h5"},
    "best": {"generator_best.h5"},
    "state": set(),
}


@pytest.fixture(scope="module")
def networks():
    """A classifier, a discriminator, and generators without and with classes."""
    return (
        classifier_of(SHAPE, 2, (4,), 8),
        discriminator_of(SHAPE, (4, 4)),
        generator_of(SHAPE, 5, (4, 4)),
        generator_of(SHAPE, 5, (4, 4), num_classes=2),
    )


@pytest.fixture(params=H5_OF)
def writer(request, tmp_path, networks):
    """What is written, and a function that writes it into the test's folder."""
    classifier, discriminator, plain, generator = networks
    of_plain, of_named = (
        SimpleNamespace(discriminator=discriminator, inference_generator=each, seed=0)
        for each in (plain, generator)
    )
    snapshots = Snapshots(("generator", "networks"), of_plain, None, tmp_path, "a")
    named = Snapshots(("generator",), of_named, ["a", "b"], tmp_path, "a")
    row = {"epoch": 1, "kernel_distance": 1.0, "kernel_distance_error": 0.1}
    row |= {"frechet_distance": 1.0, "real": 7, "fake": 7, "extractor": "any"}
    images = np.full((7, *SHAPE), 0.5, np.float32)
    writers = {
        "any": lambda: models.save_model(tmp_path / "any.h5", plain),
        "classifier": lambda: models.save_classifier(
            tmp_path, classifier, ["a", "b"], ()
        ),
        "networks": lambda: snapshots.save(1),
        "named": lambda: named.save(1),
        "best": lambda: named.save_quality([row], lambda: (images, images)),
        "state": lambda: Checkpoint(tmp_path, {}).save({"w": np.ones((64, 128))}),
    }
    return request.param, writers[request.param]


@pytest.fixture
def limited():
    """Lets no file grow beyond some bytes, until it is called again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda limit=soft: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_writer_of_networks_on_a_full_disk_keeps_the_old_file(
    writer, tmp_path, limited
):
    what, write = writer
    keras.utils.clear_session()  # layers are numbered anew: the same bytes each time
    write()
    whole = files_of(tmp_path)
    assert H5_OF[what] <= whole.keys()
    largest = max(map(len, whole.values()))
    for limit in (1, largest // 2, largest - 1):
        for name in whole:
            (tmp_path / name).write_bytes(OLD)
        keras.utils.clear_session()
        limited(limit)
        with pytest.raises(RunError, match=r"^could not write [^\n]*$") as error:
            write()
        limited()
        left = files_of(tmp_path)
        failed = str(error.value).removeprefix(f"could not write {tmp_path}/")
        assert left[failed.partition(": ")[0]] == OLD
        assert left.keys() == whole.keys()
        assert all(left[name] in (OLD, whole[name]) for name in whole)
