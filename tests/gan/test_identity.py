"""What must be the same when a training goes on, or trains with others."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from foldergan.config.presets import PRESETS
from foldergan.config.settings import Data
from foldergan.errors import InputError
from foldergan.gan import identity


@pytest.fixture
def named(tmp_path):
    """Names what a training must have in common, in a folder without networks."""

    def name(evaluates=True, **changed):
        settings = replace(PRESETS["smoke"].gan, **changed)
        data = SimpleNamespace(
            identity="4x8x8x3 ab", grouping=Data(), held_out=np.arange(2)
        )
        return identity.of_training(settings, 0, data, tmp_path, evaluates)

    return name


def test_the_first_process_needs_the_classifier_that_evaluates(named):
    with pytest.raises(InputError, match="train.json"):
        named(held_out=0.2, features="classifier")


def test_another_process_does_not(named):
    both = named(False, held_out=0.2, features="classifier")
    assert "classifier" not in both


def test_another_process_needs_the_one_that_the_discriminator_looks_through(named):
    with pytest.raises(InputError, match="train.json"):
        named(False, discriminator_features="classifier")


def test_a_file_of_features_is_told_from_another_of_its_name(named, tmp_path):
    path = tmp_path / "judge.keras"
    found = []
    for content in ("one", "other"):
        path.write_text(content)
        found.append(named(held_out=0.2, features=str(path))["network of features"])
    assert found[0] != found[1]
    assert "network of features" not in named(held_out=0.0, features=str(path))
    assert "network of features" not in named(False, held_out=0.2, features=str(path))


def test_what_is_held_out_is_part_of_it(named):
    known = named(False, held_out=0.2)
    assert known["group_by"] == "none" and known["near_duplicates"] == "keep-together"
    assert "held_out_rows" in known and "held_out_rows" not in named(False)
