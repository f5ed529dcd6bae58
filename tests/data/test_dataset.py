"""A folder of images -> the arrays on disk."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT

from foldergan.config.settings import Data
from foldergan.data import dataset
from foldergan.errors import InputError
from foldergan.images import cv2
from foldergan.storage import arrays, filenames

SHAPE = (8, 8, 3)


def build(tmp_path, least_classes=2, strict=False, **how) -> list[str]:
    data = Data(**{"image_shape": SHAPE} | how)
    folder = tmp_path / "dataset"
    return dataset.build(
        folder, tmp_path, data, strict=strict, least_classes=least_classes
    )


def saved_arrays(tmp_path) -> tuple[np.ndarray, np.ndarray]:
    images = arrays.load_images(tmp_path)
    return images, arrays.load_labels(tmp_path, len(images))


def array_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def old_arrays(tmp_path) -> dict[str, bytes]:
    """Arrays of an earlier run: what a failed run must not touch."""
    (tmp_path / filenames.IMAGES).write_bytes(b"old images")
    (tmp_path / filenames.LABELS).write_bytes(b"old labels")
    return files_in(tmp_path)


def test_arrays_hold_the_images_in_the_order_of_their_classes(image_folder, tmp_path):
    assert build(tmp_path) == ["blue", "red"]
    images, labels = saved_arrays(tmp_path)
    assert images.shape == (8, *SHAPE) and labels.shape == (8, 2)
    np.testing.assert_array_equal(labels.argmax(1), [0] * 4 + [1] * 4)
    strongest = images.mean((1, 2)).argmax(1)  # RGB: red is 0, blue is 2
    np.testing.assert_array_equal(strongest, [2] * 4 + [0] * 4)


def test_order_of_the_listing_does_not_matter(image_folder, tmp_path, monkeypatch):
    forwards, backwards = tmp_path / "forwards", tmp_path / "backwards"
    listed = os.scandir
    for data_dir, is_reversed in ((forwards, False), (backwards, True)):
        data_dir.mkdir()

        @contextlib.contextmanager
        def in_order(path, is_reversed=is_reversed):
            yield sorted(listed(path), key=lambda e: e.name, reverse=is_reversed)

        monkeypatch.setattr(os, "scandir", in_order)
        names = dataset.build(image_folder, data_dir, Data(image_shape=SHAPE))
        assert names == ["blue", "red"]
    monkeypatch.undo()
    assert array_files(forwards) == array_files(backwards)


@pytest.mark.parametrize(
    "names", [["b", "B", "a", "10", "9"], ["z", "\u00e4", "\u732b"]]
)
def test_columns_follow_the_sorted_names(tmp_path, names):
    shade_of = {name: 20 * (number + 1) for number, name in enumerate(names)}
    for name, shade in shade_of.items():
        folder = tmp_path / "dataset" / name
        folder.mkdir(parents=True)
        picture = cv2.imencode(".png", np.full((8, 8), shade, np.uint8))[1]
        (folder / "a.png").write_bytes(picture)
    class_names = build(tmp_path)
    assert class_names == sorted(names)
    images, labels = saved_arrays(tmp_path)
    for image, label in zip(images, labels, strict=True):
        assert round(image.mean() * 255) == shade_of[class_names[label.argmax()]]


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_class_without_a_readable_image_is_dropped(
    image_folder, tmp_path, capsys, content
):
    (image_folder / "grey").mkdir()  # between the two others
    if content is not None:
        (image_folder / "grey" / "a.png").write_bytes(content)
    (image_folder / "blue").rename(image_folder / "a blue")
    assert build(tmp_path) == ["a blue", "red"]
    images, labels = saved_arrays(tmp_path)
    assert labels.shape == (8, 2) and (labels.sum(0) == 4).all()
    printed = capsys.readouterr().out
    assert f"warning: {image_folder / 'grey'} has no image to read" in printed


def test_hidden_folders_are_no_classes(image_folder, tmp_path):
    shutil.copytree(image_folder / "red", image_folder / ".ipynb_checkpoints")
    assert build(tmp_path) == ["blue", "red"]


def test_what_cannot_be_read_is_skipped_and_listed_with_its_reason(
    image_folder, tmp_path, capsys
):
    red = image_folder / "red"
    (red / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (red / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (red / "folder.jpg").mkdir()
    (red / "link.jpg").symlink_to("gone.jpg")
    (red / "zero.jpg").write_bytes(b"")
    build(tmp_path)
    printed = capsys.readouterr().out
    assert "skipped 5 of 13 files:" in printed
    assert "read 8 images: blue 4, red 4" in printed
    for name, reason in {
        ".DS_Store": "is not an image",
        "Thumbs.db": "is not an image",
        "folder.jpg": "is a folder",
        "link.jpg": "No such file",
        "zero.jpg": "is empty",
    }.items():
        assert f"{red / name} {reason}" in printed


def test_skipping_a_file_leaves_the_arrays_as_without_it(image_folder, tmp_path):
    build(tmp_path)
    without = array_files(tmp_path)
    (image_folder / "blue" / "1 bad.png").write_bytes(b"")
    build(tmp_path)
    assert array_files(tmp_path) == without


def spoil(dataset_dir):
    for path in dataset_dir.glob("*/*"):
        path.write_bytes(b"text")


def empty_a_class(dataset_dir):
    for path in (dataset_dir / "blue").iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "strict", "words"),
    [
        (spoil, False, "no file in .*dataset is an image"),
        (empty_a_class, False, "one class only, red; .* needs two"),
        (
            lambda dataset_dir: (dataset_dir / "red" / "bad.png").write_bytes(b""),
            True,
            "bad.png is empty; mend or remove it",
        ),
        pytest.param(
            lambda dataset_dir: (dataset_dir / "red").rename(dataset_dir / "\x1b[2Jr"),
            False,
            "control characters",  # which a terminal would obey
            marks=pytest.mark.skipif(os.name == "nt", reason="no such names"),
        ),
    ],
)
def test_what_will_not_do_is_refused_before_anything_is_replaced(
    image_folder, tmp_path, old_arrays, change, strict, words
):
    change(image_folder)
    with pytest.raises(InputError, match=words) as error:
        build(tmp_path, strict=strict)
    assert "\x1b" not in str(error.value)
    assert files_in(tmp_path) == old_arrays


def test_folder_that_may_not_be_listed_is_named(image_folder, tmp_path, monkeypatch):
    listed = os.scandir

    def deny(path):
        if Path(path).name == "red":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(InputError, match="red cannot be listed: Permission denied"):
        build(tmp_path)


def test_images_in_no_class_folder_are_counted_where_classes_are_needed(
    image_folder, tmp_path, capsys
):
    (image_folder / "red" / "0.png").rename(image_folder / "loose.png")
    build(tmp_path)
    assert "1 files in" in capsys.readouterr().out
    assert len(arrays.load_images(tmp_path)) == 7


# An unchanged folder is not read again.


@pytest.fixture
def count_reads(monkeypatch) -> list[int]:
    """How many files each run reads."""
    counts, read = [], dataset.reading.read_images

    def counting(paths, *how):
        counts.append(len(paths))
        return read(paths, *how)

    monkeypatch.setattr(dataset.reading, "read_images", counting)
    return counts


def test_an_unchanged_folder_is_not_read_again(
    image_folder, tmp_path, count_reads, capsys
):
    (image_folder / "red" / "bad.png").write_bytes(b"")
    (image_folder / "grey").mkdir()
    class_names = build(tmp_path)
    first, printed = files_in(tmp_path), capsys.readouterr().out
    assert build(tmp_path) == class_names
    assert files_in(tmp_path) == first and count_reads == [9]
    said, *again = capsys.readouterr().out.splitlines()
    assert said.endswith("img_data.txt.npy was made: not read again")
    assert again == printed.splitlines()  # what was skipped is said every time


def rewrite(path):
    path.write_bytes(path.read_bytes())


def grow(path):
    path.write_bytes(path.read_bytes() + b"\0")


FIRST = "dataset/red/0.png"
CHANGES = {
    "an image rewritten": (FIRST, rewrite),
    "an image added": (FIRST, lambda path: shutil.copy(path, path.with_name("9.png"))),
    "an image gone": (FIRST, Path.unlink),
    "an image renamed": (FIRST, lambda path: path.rename(path.with_name("00.png"))),
    "a class renamed": ("dataset/red", lambda path: path.rename(path.with_name("rot"))),
    "images changed": (filenames.IMAGES, grow),
    "images rewritten": (filenames.IMAGES, rewrite),
    "images gone": (filenames.IMAGES, Path.unlink),
    "labels rewritten": (filenames.LABELS, rewrite),
    "labels gone": (filenames.LABELS, Path.unlink),
    "record gone": (filenames.ORIGIN, Path.unlink),
    "record damaged": (filenames.ORIGIN, lambda path: path.write_text("{")),
    "record of another kind": (filenames.ORIGIN, lambda path: path.write_text("[]")),
}


@pytest.mark.parametrize(("name", "change"), CHANGES.values(), ids=CHANGES)
def test_whatever_changed_is_read_again(
    image_folder, tmp_path, count_reads, name, change
):
    build(tmp_path)
    change(tmp_path / name)
    build(tmp_path)
    assert len(count_reads) == 2
    images, _ = saved_arrays(tmp_path)
    assert len(images) == count_reads[1]
    build(tmp_path)
    assert len(count_reads) == 2  # and then it is known again


def test_another_shape_or_way_to_resize_is_read_again(
    image_folder, tmp_path, count_reads
):
    found = []
    for how in ({}, {"resize": "crop"}, {"resize": "pad"}, {"image_shape": (4, 8, 3)}):
        build(tmp_path, **how)
        found.append(np.array(arrays.load_images(tmp_path)))
    assert len(count_reads) == 4 and found[3].shape == (8, 4, 8, 3)
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[1], found[2])


def test_a_folder_of_the_same_name_elsewhere_is_read_again(
    image_folder, tmp_path, count_reads, monkeypatch
):
    shutil.copytree(tmp_path, tmp_path / "copy")  # sizes and times are the same
    for folder in (tmp_path, tmp_path / "copy"):
        monkeypatch.chdir(folder)
        dataset.build(Path("dataset"), tmp_path, Data(image_shape=SHAPE))
    assert len(count_reads) == 2


def test_a_known_folder_is_still_refused_where_it_will_not_do(
    image_folder, tmp_path, count_reads
):
    (image_folder / "red" / "bad.png").write_bytes(b"")
    build(tmp_path)
    with pytest.raises(InputError, match="bad.png is empty; mend or remove it"):
        build(tmp_path, strict=True)
    with pytest.raises(InputError, match="has 2 classes"):
        dataset.build(image_folder, tmp_path, Data(image_shape=SHAPE), most_classes=1)
    assert len(count_reads) == 1


def test_a_folder_without_classes_is_known_too(image_folder, tmp_path, count_reads):
    (image_folder / "loose.png").symlink_to(image_folder / "red" / "0.png")
    for _ in range(2):
        assert build(tmp_path, least_classes=0) == []
        assert len(arrays.load_images(tmp_path)) == 9
        assert not (tmp_path / filenames.LABELS).exists()
    assert count_reads == [9]
    assert build(tmp_path) == ["blue", "red"]  # the loose one does not count here
    assert count_reads == [9, 8] and len(arrays.load_images(tmp_path)) == 8


def test_names_that_are_no_text_are_remembered(image_folder, tmp_path, count_reads):
    bad = os.fsencode(image_folder / "red") + b"/caf\xe9.png"
    Path(os.fsdecode(bad)).write_bytes(b"")
    build(tmp_path)
    with pytest.raises(InputError, match="caf.* is empty"):
        build(tmp_path, strict=True)
    assert len(count_reads) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no C locale")
def test_class_names_are_utf_8_in_any_locale(image_folder, tmp_path):
    (image_folder / "red").rename(image_folder / "r\xf6t \u732b")
    program = """
import sys
import numpy as np
from pathlib import Path
from foldergan.config.settings import Data
from foldergan.data import dataset
from foldergan.storage.exports import Export
sys.stdout.reconfigure(errors="backslashreplace")
names = dataset.build(Path("dataset"), Path(), Data(image_shape=(8, 8, 3)))
assert names == ["blue", "r\\xf6t \\u732b"], ascii(names)
export = Export(Path("export"), {}, {})
export.save_image(names[1], 1, np.ones((4, 4, 3)))
export.save_checksums({names[1]: 1})
"""
    end = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert end.returncode == 0, end.stderr
    assert (tmp_path / "export" / "r\xf6t \u732b" / "gen_000001.png").is_file()
    sums = (tmp_path / "export" / "SHA256SUMS").read_text(encoding="utf-8")
    assert sums.endswith("  r\xf6t \u732b/gen_000001.png\n")


def test_an_image_that_is_read_and_perhaps_damaged_is_named_each_time(
    image_folder, tmp_path, capfd
):
    path = image_folder / "blue" / "0 half.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)
    path.write_bytes(path.read_bytes()[:-1500] + b"\xff\xd9")
    for again in (False, True):
        assert build(tmp_path) == ["blue", "red"]
        printed = capfd.readouterr()
        assert ("not read again" in printed.out) == again
        assert "perhaps damaged, for their libraries say:\n" in printed.out
        assert f"  {path} Corrupt JPEG data: premature end" in printed.out
        assert printed.out.count(" data: ") == 1  # of no other image
        assert printed.err == ""


def test_strictly_an_image_with_more_bytes_behind_it_is_read(image_folder, tmp_path):
    path = image_folder / "red" / "3.png"
    path.write_bytes(path.read_bytes() + b"more")
    assert build(tmp_path, strict=True) == ["blue", "red"]


# Images that are the same.


def test_an_image_of_two_classes_is_named_now_and_when_it_is_not_read_again(
    image_folder, tmp_path, capsys
):
    shutil.copy(image_folder / "red" / "3.png", image_folder / "red" / "x.png")
    build(tmp_path)
    assert "warning" not in capsys.readouterr().out  # twice in one class is no matter
    (image_folder / "blue" / "0a.png").write_text("no image, which shifts no name")
    shutil.copy(image_folder / "blue" / "2.png", image_folder / "red" / "y.png")
    for _ in range(2):
        build(tmp_path)
        said = capsys.readouterr().out
        assert "warning: 1 image is in several classes" in said
        assert f"  {image_folder}/blue/2.png = {image_folder}/red/y.png\n" in said
    found = arrays.load_source(tmp_path).duplicates
    assert [[row for row, _ in group] for group in found] == [[2, 9], [7, 8]]


def test_many_are_counted_and_few_are_listed(capsys):
    dataset.warn_of_classes([[(n, f"a/{n}"), (0, f"b/\x1b{n}")] for n in range(50)])
    said = capsys.readouterr().out
    assert "50 images are in several classes" in said and "... and 30 more" in said
    assert "\x1b" not in said and said.count("\n") == 22
