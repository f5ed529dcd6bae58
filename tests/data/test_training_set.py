"""What a GAN trains on is of one making, whoever writes arrays there meanwhile."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from foldergan.config.presets import find_preset
from foldergan.config.settings import Data
from foldergan.data import dataset, training_set
from foldergan.errors import InputError
from foldergan.images import resize_all
from foldergan.storage import arrays

SHAPE = (32, 32, 3)


@pytest.fixture
def load(image_folder, tmp_path):
    dataset.build(image_folder, tmp_path, Data(image_shape=SHAPE))
    preset = find_preset("smoke")
    preset = replace(preset, gan=replace(preset.gan, conditioning="class"))

    def load_as(shape=None):
        gan = replace(preset.gan, image_shape=shape)
        return training_set.load(tmp_path, tmp_path, replace(preset, gan=gan), ())

    return load_as


@pytest.mark.parametrize("name", ["load_images", "load_labels", "load_source"])
@pytest.mark.parametrize("is_after", [False, True])
def test_arrays_that_are_replaced_while_they_are_read_are_refused(
    load, image_folder, tmp_path, monkeypatch, name, is_after
):
    """As many images and classes, of other names: nothing else would tell."""
    read = getattr(arrays, name)

    def read_while_another_writes(*given, **options):
        monkeypatch.undo()
        content = read(*given, **options) if is_after else None
        (image_folder / "red").rename(image_folder / "azure")
        dataset.build(image_folder, tmp_path, Data(image_shape=SHAPE))
        return content if is_after else read(*given, **options)

    monkeypatch.setattr(arrays, name, read_while_another_writes)
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
    said = "of other proportions, which are squashed" in capsys.readouterr().out
    assert said is is_said


@pytest.mark.parametrize("of_arrays", ["stretch", "crop"])
@pytest.mark.parametrize("asked", [None, "stretch", "pad"])
def test_arrays_are_resized_as_they_were_made_unless_another_way_is_asked_for(
    load, image_folder, tmp_path, of_arrays, asked
):
    dataset.build(image_folder, tmp_path, Data(image_shape=SHAPE, resize=of_arrays))
    preset = find_preset("smoke")
    gan = replace(preset.gan, image_shape=(64, 48, 3), resize=asked)
    data = training_set.read(tmp_path, gan, 0, preset.data)
    rows = np.arange(2)
    expected = resize_all(
        arrays.load_images(tmp_path)[rows], (64, 48, 3), asked or of_arrays
    )
    np.testing.assert_array_equal(data.images[rows], expected)


@pytest.mark.parametrize("shape", [None, SHAPE, (64, 64, 3), (64, 64, 1)])
def test_grey_arrays_are_drawn_grey(load, image_folder, tmp_path, shape):
    dataset.build(image_folder, tmp_path, Data(image_shape=(32, 32, 1)))
    assert load(shape).image_shape == (*(shape or SHAPE)[:2], 1)


def test_grey_arrays_are_not_drawn_in_the_colour_that_is_asked_for(
    image_folder, tmp_path
):
    dataset.build(image_folder, tmp_path, Data(image_shape=(32, 32, 1)))
    gan = replace(find_preset("smoke").gan, image_shape=(64, 64, 3))
    preset = replace(find_preset("smoke"), gan=gan)
    with pytest.raises(InputError, match="are grey, of one channel") as error:
        training_set.load(tmp_path, tmp_path, preset, ["image_shape"])
    assert error.value.options == ("image_shape",)


@pytest.mark.parametrize(("given", "channels"), [([], 1), (["image_shape"], 3)])
def test_arrays_of_grey_images_are_made_grey_unless_a_shape_is_given(
    image_folder, tmp_path, given, channels
):
    for path in image_folder.glob("*/*"):
        with Image.open(path) as image:
            image.convert("L").save(path)
    smoke = find_preset("smoke")
    preset = replace(
        smoke,
        data=replace(smoke.data, channels="auto"),
        gan=replace(smoke.gan, image_shape=SHAPE, resize="crop"),
    )
    training_set.make_arrays(image_folder, tmp_path, preset, given)
    data = training_set.load(tmp_path, tmp_path, preset, given)
    assert data.image_shape == (32, 32, channels)
    assert arrays.load_source(tmp_path).resize == "crop"
