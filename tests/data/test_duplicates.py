"""Images that are the same are named, across classes and across parts."""

import shutil

import numpy as np

from foldergan.config.settings import Data
from foldergan.data import dataset, duplicates

SHAPE = (8, 8, 3)


def build(tmp_path, capsys):
    names = dataset.build(tmp_path / "dataset", tmp_path, Data(image_shape=SHAPE))
    return names, capsys.readouterr().out.replace(str(tmp_path), "")


def test_an_image_of_two_classes_is_named_now_and_when_it_is_not_read_again(
    image_folder, tmp_path, capsys
):
    assert "warning" not in build(tmp_path, capsys)[1]
    shutil.copy(image_folder / "blue" / "1.png", image_folder / "red" / "x.png")
    for _ in range(2):
        said = build(tmp_path, capsys)[1]
        assert "warning: 1 image is in several classes" in said
        assert "  /dataset/blue/1.png = /dataset/red/x.png\n" in said


def test_an_image_twice_in_one_class_is_known_and_not_warned_of(
    image_folder, tmp_path, capsys
):
    shutil.copy(image_folder / "red" / "3.png", image_folder / "red" / "x.png")
    assert "warning" not in build(tmp_path, capsys)[1]
    groups = duplicates.load(tmp_path)
    assert [[each.row for each in group] for group in groups] == [[7, 8]]


def test_files_that_are_skipped_do_not_shift_the_names(image_folder, tmp_path, capsys):
    (image_folder / "blue" / "0a.png").write_text("no image")
    shutil.copy(image_folder / "blue" / "2.png", image_folder / "red" / "x.png")
    assert "/dataset/blue/2.png = /dataset/red/x.png" in build(tmp_path, capsys)[1]
    rows = [each.row for each in duplicates.load(tmp_path)[0]]
    assert rows == [2, 8]


def test_many_are_counted_and_few_are_listed(capsys):
    groups = [
        [duplicates.Duplicate(n, f"a/{n}"), duplicates.Duplicate(n + 50, f"b/\x1b{n}")]
        for n in range(50)
    ]
    duplicates.warn_of_classes(groups)
    said = capsys.readouterr().out
    assert "50 images are in several classes" in said and "... and 30 more" in said
    assert "\x1b" not in said and said.count("\n") == 22


def test_each_group_is_found_whole_and_in_order():
    seen, values = duplicates.Seen(), [5, 3, 5, 1, 3, 5, 9]
    for number, value in enumerate(values):
        seen.add(np.full((2, 2, 1), value, np.float32), str(number))
    groups = seen.groups()
    assert [[each.row for each in group] for group in groups] == [[0, 2, 5], [1, 4]]
    assert [[each.path for each in group] for group in groups] == [
        list("025"),
        ["1", "4"],
    ]
    assert duplicates.Seen().groups() == []


def test_where_nothing_is_recorded_no_images_are_known_to_be_the_same(tmp_path):
    assert duplicates.load(tmp_path) == []
