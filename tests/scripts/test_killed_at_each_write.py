"""Scripts that die at each write and rename: the old set or the new, never a mix."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT

from foldergan.errors import InputError
from foldergan.storage import arrays, generators, manifest, models, seals

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]
SMOKE = ("--preset", "smoke")


def left_by(template: Path, folder: Path, name: str, *flags) -> list[Path]:
    """What a script leaves that dies at each point; the last of it ended well."""
    folder.mkdir()
    run = subprocess.run(
        [sys.executable, Path(__file__).with_name("dying.py"), template, folder, name]
        + [str(flag) for flag in (*SMOKE, *flags)],
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    ends = [json.loads(line) for line in run.stdout.splitlines()]
    last = folder / str(ends[-1]["point"])
    assert ends[-1]["code"] == 0, (last / "output.txt").read_text()
    return [folder / str(end["point"]) for end in ends]


def arrays_in(folder: Path) -> str:
    """Names the arrays that are read in a folder, or says that they are refused."""
    try:
        images = arrays.load_images(folder)
        labels = arrays.load_labels(folder, len(images))
        names = manifest.load_arrays(folder).class_names
    except InputError as error:
        assert "is not the file that" in str(error)
        return "refused"
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() + str(names)


def classifier_in(folder: Path) -> str:
    try:
        loaded = models.load_classifier(folder / "model")
    except InputError as error:
        assert "train.h5" in str(error)
        return "refused"
    weights = b"".join(weight.tobytes() for weight in loaded.model.get_weights())
    return hashlib.sha256(weights).hexdigest() + str(loaded.class_names)


def test_arrays_and_classifier_are_old_or_new(finished, tmp_path):
    template = tmp_path / "template"
    shutil.copytree(finished, template)
    # Sorted otherwise: the new labels, or names, would be wrong for the old images.
    (template / "dataset" / "red").rename(template / "dataset" / "azure")
    *killed, new = left_by(template, tmp_path / "left", "TrainModel.py")
    assert len(killed) >= 20
    for read in (arrays_in, classifier_in):
        old_and_new = {read(template), read(new)}
        assert len(old_and_new) == 2 and "refused" not in old_and_new
        found = [read(folder) for folder in killed]
        assert set(found) <= old_and_new | {"refused"}, (read, found)
        assert found[0] == read(template) and set(found) >= old_and_new
        # A kill between two renames is refused, and nothing but that is.
        assert found.count("refused") <= 2, (read, found)


def test_whatever_a_gan_leaves_is_whole(finished, tmp_path):
    template = tmp_path / "template"
    shutil.copytree(finished, template)
    flags = ("--seed", 1, "--epochs", 2)
    *killed, new = left_by(template, tmp_path / "left", "GANModel.py", *flags)
    assert len(killed) >= 15
    for folder in (*killed, new):
        for path in generators.list_generators(folder / "model"):
            models.load_generator(path)
        kept = sorted((folder / "model").glob("resume*.npz"))
        assert kept  # of the run before, under either name, or of this one
        for path in kept:
            seals.check(path)
            with np.load(path) as file:
                assert all(file[name].size for name in file.files)
