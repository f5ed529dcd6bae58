"""What a GAN trains on is of one making, whoever writes arrays there meanwhile."""

import argparse
from dataclasses import replace

import pytest

from foldergan.config.presets import find_preset
from foldergan.data import dataset, training_set
from foldergan.errors import InputError
from foldergan.storage import arrays, manifest

SHAPE = (32, 32, 3)


@pytest.fixture
def load(image_folder, tmp_path):
    dataset.build_arrays(image_folder, tmp_path, SHAPE)
    preset = find_preset("smoke")
    preset = replace(preset, gan=replace(preset.gan, conditioning="class"))
    options = argparse.Namespace(
        data_dir=tmp_path,
        model_dir=tmp_path / "model",
        dataset=None,
        resume=False,
        strict=False,
    )

    def load_as(shape=None):
        gan = replace(preset.gan, image_shape=shape)
        return training_set.load(options, replace(preset, gan=gan))

    return load_as


@pytest.mark.parametrize(
    ("module", "name"),
    [(arrays, "load_images"), (arrays, "load_labels"), (manifest, "load_arrays")],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_arrays_that_are_replaced_while_they_are_read_are_refused(
    load, image_folder, tmp_path, monkeypatch, module, name, is_after
):
    """As many images and classes, of other names: nothing else would tell."""
    read = getattr(module, name)

    def read_while_another_writes(*given, **options):
        monkeypatch.undo()
        content = read(*given, **options) if is_after else None
        (image_folder / "red").rename(image_folder / "azure")
        dataset.build_arrays(image_folder, tmp_path, SHAPE)
        return content if is_after else read(*given, **options)

    monkeypatch.setattr(module, name, read_while_another_writes)
    with pytest.raises(InputError, match="were replaced while they were read"):
        load()
    assert load().class_names == ["azure", "blue"]


def test_a_fault_of_the_arrays_themselves_is_still_named(load, tmp_path):
    path = tmp_path / "img_label.txt.npy"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="img_label.txt.npy is damaged"):
        load()


@pytest.mark.parametrize(
    ("shape", "is_said"),
    [(None, False), ((32, 32, 3), False), ((64, 64, 3), False), ((64, 48, 3), True)],
)
def test_images_that_are_stretched_are_warned_of(load, capsys, shape, is_said):
    assert load(shape).image_shape == (shape or SHAPE)
    said = "of other proportions, which are stretched" in capsys.readouterr().out
    assert said is is_said
