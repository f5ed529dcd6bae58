"""What a folder of images is like, and which preset suits it."""

import numpy as np
import pytest
from PIL import Image

from foldergan.config.commands import flag_of
from foldergan.config.settings import Data
from foldergan.data import dataset, folders, inspection
from foldergan.errors import InputError
from foldergan.storage import arrays


def draw(folder, counts, size=(12, 8), mode="RGB", first=0):
    """Draws noise, (height, width), so many of each class."""
    rng = np.random.default_rng(first)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            pixels = rng.integers(0, 255, (*size, 3), np.uint8)
            image = Image.fromarray(pixels).convert(mode)
            image.save(folder / name / f"{number:03}.png")
    return folder


def text_of(folder) -> str:
    return "\n".join(inspection.report(inspection.inspect(folder)))


# What images have in common.


def test_looks_are_ranges_medians_and_counts():
    facts = [(10, 20, True), (30, 30, False), (20, 90, False)]
    looks = inspection.Looks.of(facts, (8, 8, 3))
    assert looks.heights == [10, 20, 30] and looks.widths == [20, 30, 90]
    assert (looks.images, looks.grey, looks.squashed) == (3, 1, 2)
    assert str(looks) == (
        "heights 10 to 30 (median 20), widths 20 to 90 (median 30) pixels; in colour, "
        "1 of them grey"
    )


@pytest.mark.parametrize(
    ("size", "shape", "is_squashed"),
    [
        ((100, 100), (32, 32), 0),
        ((100, 104), (32, 32), 0),  # nobody sees it
        ((100, 106), (32, 32), 1),
        ((106, 100), (32, 32), 1),
        ((100, 200), (32, 64), 0),
        ((100, 100), (32, 64), 1),
    ],
)
def test_other_proportions_than_those_of_the_shape_count(size, shape, is_squashed):
    looks = inspection.Looks.of([(*size, False)], (*shape, 3))
    assert looks.squashed == is_squashed


@pytest.mark.parametrize(("grey", "are_grey"), [(100, True), (98, True), (97, False)])
def test_nearly_all_are_grey(grey, are_grey):
    facts = [(8, 8, number < grey) for number in range(100)]
    assert inspection.Looks.of(facts, (8, 8, 3)).are_grey is are_grey


@pytest.mark.parametrize(
    ("colour", "is_grey"),
    [((90, 90, 90), True), ((90, 96, 90), True), ((90, 105, 90), False)],
)
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_colour_is_told_from_noise(tmp_path, colour, is_grey, kind):
    (tmp_path / "a").mkdir()
    Image.new("RGB", (16, 16), colour).save(tmp_path / f"a/0.{kind}", quality=95)
    found = inspection.inspect(tmp_path)
    assert found.looks.grey == is_grey


# What is said of a folder.


def test_the_report_says_what_is_there(tmp_path):
    draw(tmp_path, {"cat": 3, "dog": 5})
    (tmp_path / "dog" / "notes.txt").write_text("text")
    twin = tmp_path / "cat" / "twin.png"
    twin.write_bytes((tmp_path / "dog" / "001.png").read_bytes())
    (tmp_path / "empty").mkdir()
    text = text_of(tmp_path)
    assert f"{tmp_path}: 9 images in 2 classes\n  dog 5, cat 4\n" in text
    assert "all of 12x8 pixels; in colour\n" in text
    assert f"9 are not square: {flag_of('resize')} crop or pad" in text
    assert "1 images are there several times" in text
    assert f"{twin} = {tmp_path / 'dog' / '001.png'}" in text
    assert f"1 files are skipped:\n    {tmp_path}/dog/notes.txt is not an image" in text
    assert "empty has no image: the class is left out" in text
    assert "fewer than 20 images a class (cat 4, dog 5)" in text
    assert "9 images are few for a GAN" in text


def test_near_duplicates_are_not_those_that_are_the_same(tmp_path):
    draw(tmp_path, {"cat": 12}, (64, 64))
    with Image.open(tmp_path / "cat" / "001.png") as image:
        image.save(tmp_path / "cat" / "near.jpg", quality=80)
    with Image.open(tmp_path / "cat" / "002.png") as image:
        image.save(tmp_path / "cat" / "same.png")
    found = inspection.inspect(tmp_path)
    names = lambda groups: [[path[-8:] for path in group] for group in groups]  # noqa: E731
    assert names(found.near) == [["/001.png", "near.jpg"]]
    assert names(found.same) == [["/002.png", "same.png"]]
    assert "1 groups of images are near duplicates:" in text_of(tmp_path)


def test_what_is_unbalanced_is_said(tmp_path):
    text = text_of(draw(tmp_path, {"cat": 2, "dog": 21}))
    assert "dog has 10 times as many images as cat" in text


def test_what_is_easy_is_not_called_hard(monkeypatch, tmp_path):
    monkeypatch.setattr(inspection, "_FEW", 2)
    monkeypatch.setattr(inspection, "_FEW_IN_ALL", 4)
    assert "hard" not in text_of(draw(tmp_path, {"cat": 2, "dog": 2}, (8, 8)))


def test_a_folder_without_an_image_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(InputError, match="no file in .* is an image"):
        inspection.inspect(tmp_path)


# Which preset suits it.


@pytest.mark.parametrize(
    ("counts", "side", "preset"),
    [
        ({"a": 30, "b": 40}, 96, "photo-128"),
        ({"a": 30, "b": 40}, 95, "dcgan-32"),
        ({"a": 100, "b": 400}, 95, "best-32"),
        ({"a": 99, "b": 400}, 28, "dcgan-32"),
        ({"a": 500}, 300, "gan-128"),
        ({"": 500}, 300, "gan-128"),
        ({"": 1, "a": 500, "b": 500}, 300, "gan-128"),
    ],
)
def test_the_preset_depends_on_classes_images_and_sizes(tmp_path, counts, side, preset):
    facts = [(side, side + 9, False)] * sum(counts.values())
    looks = inspection.Looks.of(facts, (32, 32, 3))
    counted = inspection.Counter({"none": 0} | counts)
    found = inspection.Inspection(tmp_path, counted, looks, [], [], [], [])
    assert inspection.advise(found).preset == preset


def test_without_classes_there_is_only_a_gan(tmp_path):
    found = inspection.inspect(draw(tmp_path / "images", {"cat": 2, "dog": 2}))
    assert inspection.scripts(found) == ["TrainModel", "GANModel", "GeneratePredict"]
    assert inspection.scripts(inspection.inspect(tmp_path / "images" / "cat")) == [
        "GANModel"
    ]


# A split that is there already.


@pytest.mark.parametrize(
    ("names", "flags"),
    [
        (["train", "val"], "--dataset {0}/train --validation {0}/val"),
        (["Training", "Testing"], "--dataset {0}/Training --test {0}/Testing"),
        (["train"], "--dataset {0}/train"),
        (
            ["test", "train", "validation"],
            "--dataset {0}/train --validation {0}/validation --test {0}/test",
        ),
    ],
)
@pytest.mark.parametrize("least_classes", [0, 2])
def test_a_split_that_is_there_is_recognised(tmp_path, names, flags, least_classes):
    for name in names:
        draw(tmp_path / name, {"cat": 1, "dog": 1})
    with pytest.raises(InputError, match="holds a split") as error:
        folders.list_files(tmp_path, least_classes)
    assert str(error.value).endswith(f"with {flags.format(tmp_path)}")


@pytest.mark.parametrize("names", [["train", "bus"], ["train", "test"], ["val"]])
def test_classes_that_are_called_like_a_part_are_classes(tmp_path, names):
    draw(tmp_path, dict.fromkeys(names, 1))
    (tmp_path / "val" / "cat").mkdir(parents=True)  # which is no train/
    (tmp_path / "val" / "cat").rmdir()
    if "val" not in names:
        (tmp_path / "val").rmdir()
    assert folders.list_files(tmp_path, 1).keys() == {*names, ""}


# The arrays.


def build(tmp_path, shape=(8, 8, 3), **options):
    folder = tmp_path / "images"
    dataset.build(folder, tmp_path, Data(image_shape=shape, **options), least_classes=1)
    return arrays.load_images(tmp_path)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_squashed_images_are_noted_once_and_again(tmp_path, capsys, resize):
    draw(tmp_path / "images", {"cat": 3})
    draw(tmp_path / "images", {"cat": 2}, (8, 8), first=3)
    for _ in range(2):  # the second time the images are not read
        build(tmp_path, resize=resize)
        printed = capsys.readouterr().out
        assert "heights 8 to 12 (median 12), widths 8 to 8 (median 8)" in printed
        note = (
            "note: 3 of 5 images have other proportions than 8x8 and are squashed; "
            "--resize crop keeps theirs, and so does pad\n"
        )
        assert printed.count("are squashed") == (resize == "stretch")
        assert (note in printed) == (resize == "stretch")


@pytest.mark.parametrize(
    ("mode", "options", "channels", "note"),
    [
        ("L", {"channels": "auto"}, 1, "--image-shape 8x8x3 keeps three"),
        ("L", {}, 3, "the images are grey; --image-shape 8x8x1 learns and draws"),
        ("L", {"shape": (8, 8, 1)}, 1, ""),
        ("RGB", {"channels": "auto"}, 3, ""),
    ],
)
def test_grey_images_get_one_channel_where_auto_may_choose(
    tmp_path, capsys, mode, options, channels, note
):
    draw(tmp_path / "images", {"cat": 3}, (8, 8), mode)
    for _ in range(2):
        assert build(tmp_path, **options).shape == (3, 8, 8, channels)
        printed = capsys.readouterr().out
        assert note in printed and ("note: " in printed) == bool(note)


def test_the_few_images_that_lose_their_colour_are_counted(tmp_path, capsys):
    draw(tmp_path / "images", {"cat": 99}, (8, 8), "L")
    draw(tmp_path / "images", {"cat": 1}, (8, 8), first=99)
    assert build(tmp_path, channels="auto").shape == (100, 8, 8, 1)
    assert "grey, but for 1, which lose their colour" in capsys.readouterr().out
