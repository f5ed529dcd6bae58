"""Bits that flip on the disk: every one is named, and files of others still load."""

import errno
import json
import os
import random

import keras
import numpy as np
import pytest
from conftest import classifier_of, generator_of

from foldergan.errors import InputError
from foldergan.storage import (
    arrays,
    checkpoint,
    filenames,
    models,
    seals,
)

SHAPE = (8, 8, 3)
ORIGIN, FOUND = {"dataset": "any"}, {"counts": {"a": 2, "b": 1}, "skipped": []}
FLIPS = 80


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"content")
    seals.seal(path)
    return path


def test_a_sealed_file_is_its_content_and_its_sha256(sealed):
    # What `printf content | sha256sum` prints.
    digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    content = sealed.read_bytes()
    assert content.startswith(b"content\n") and content.endswith(digest.encode())
    seals.check(sealed)


def test_any_flipped_bit_is_named(sealed):
    whole = sealed.read_bytes()
    for bit in range(8 * len(whole)):
        sealed.write_bytes(flip(whole, bit))
        with pytest.raises(InputError, match=r"a\.bin is damaged: .*; mend it"):
            seals.check(sealed, "mend it")


@pytest.mark.parametrize("lost", [1, 10, 64])
def test_a_seal_that_ends_early_is_damaged(sealed, lost):
    sealed.write_bytes(sealed.read_bytes()[:-lost])
    with pytest.raises(InputError, match="damaged"):
        seals.check(sealed)


@pytest.mark.parametrize("content", [b"", b"text", bytes(2**21)])
def test_a_file_without_a_seal_is_taken_and_said(tmp_path, capsys, content):
    (tmp_path / "a.h5").write_bytes(content)
    seals.check(tmp_path / "a.h5")
    said = capsys.readouterr().out
    assert said == f"note: {tmp_path / 'a.h5'} has no checksum; it is taken as it is\n"


def refuses_every_flip(path, load, seed=0):
    """Flips bits at random places of a file, one at a time."""
    load()
    whole, rng = path.read_bytes(), random.Random(seed)
    for _ in range(FLIPS):
        path.write_bytes(flip(whole, rng.randrange(8 * len(whole))))
        with pytest.raises(InputError) as error:
            load()
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    path.write_bytes(whole)
    load()


@pytest.mark.parametrize("name", ["train.h5", "train.json"])
def test_flipped_bits_of_a_classifier_are_named(tmp_path, name):
    models.save_classifier(tmp_path, classifier_of(SHAPE, 2, (4,), 8), ["a", "b"], ())
    refuses_every_flip(tmp_path / name, lambda: models.load_classifier(tmp_path))


def test_flipped_bits_of_a_generator_are_named(tmp_path):
    path = tmp_path / "generator_model_001.h5"
    models.save_model(path, generator_of(SHAPE, 5, (4, 4)))
    refuses_every_flip(path, lambda: models.load_generator(path))


def test_flipped_bits_of_a_state_are_named(tmp_path):
    saved = checkpoint.Checkpoint(tmp_path, {"seed": 0})
    saved.save({"w": np.random.default_rng(0).random((8, 8))})
    refuses_every_flip(tmp_path / filenames.RESUME, saved.load)


def save_arrays(folder, seed=0):
    images = np.random.default_rng(seed).random((3, *SHAPE), np.float32)
    with arrays.writing(folder, SHAPE) as writer:
        writer.append(images)
        writer.finish([0, 1, 0], ORIGIN, FOUND)


def load_arrays(folder):
    images = arrays.load_images(folder)
    return images, arrays.load_labels(folder, len(images)), arrays.load_source(folder)


@pytest.mark.parametrize("name", [filenames.IMAGES, filenames.LABELS])
def test_flipped_bits_of_arrays_are_named(tmp_path, name):
    save_arrays(tmp_path)
    refuses_every_flip(tmp_path / name, lambda: load_arrays(tmp_path))


def test_flipped_bits_of_the_record_are_named_or_say_nothing(tmp_path):
    save_arrays(tmp_path)
    known = load_arrays(tmp_path)[2]
    path = tmp_path / filenames.ORIGIN
    whole, refused = path.read_bytes(), 0
    bits = range(0, 8 * len(whole), 7)  # of most bytes, and each place in a byte
    for bit in bits:
        path.write_bytes(flip(whole, bit))
        try:
            assert load_arrays(tmp_path)[2] == known
        except InputError as error:
            assert filenames.ORIGIN in str(error)
            refused += 1
    assert refused > 0.8 * len(bits)  # the rest are spaces and the like


# Files that were not saved together.


class Dead(BaseException):
    """Stands for kill -9; whole processes die in test_killed_at_each_write.py."""


def dead_at_rename(monkeypatch, point, save):
    """Saves, and dies before the rename of that number."""
    passed, replace = [], os.replace

    def replace_or_die(*paths):
        if len(passed) == point:
            raise Dead
        passed.append(paths)
        replace(*paths)

    with monkeypatch.context() as patch, pytest.raises(Dead):
        patch.setattr(os, "replace", replace_or_die)
        save()


@pytest.mark.parametrize("point", range(3))
def test_a_classifier_half_renamed_is_the_old_one_or_refused(
    tmp_path, monkeypatch, point
):
    def save(names):
        classifier = classifier_of(SHAPE, 2, (4,), 8)
        models.save_classifier(tmp_path, classifier, names, ())

    save(["a", "b"])
    dead_at_rename(monkeypatch, point, lambda: save(["b", "a"]))
    if point == 0:
        assert models.load_classifier(tmp_path).class_names == ["a", "b"]
    else:
        with pytest.raises(InputError, match="run: python TrainModel.py"):
            models.load_classifier(tmp_path)


@pytest.mark.parametrize("point", range(3))
@pytest.mark.parametrize("has_record", [True, False])
def test_arrays_half_renamed_are_the_old_ones_or_refused(
    tmp_path, monkeypatch, point, has_record
):
    save_arrays(tmp_path)
    old = np.array(arrays.load_images(tmp_path))
    if not has_record:  # as of other people's scripts
        (tmp_path / filenames.ORIGIN).unlink()
    dead_at_rename(monkeypatch, point, lambda: save_arrays(tmp_path, seed=1))
    if point == 0:
        np.testing.assert_array_equal(load_arrays(tmp_path)[0], old)
    else:
        with pytest.raises(InputError, match="a run was killed while it saved"):
            load_arrays(tmp_path)


def test_train_json_of_another_training_is_refused(tmp_path):
    for name, units in (("one", 8), ("two", 9)):
        (tmp_path / name).mkdir()
        models.save_classifier(
            tmp_path / name, classifier_of(SHAPE, 2, (4,), units), ["a", "b"], ()
        )
    (tmp_path / "one/train.json").replace(tmp_path / "two/train.json")
    with pytest.raises(InputError, match=r"train\.json is not the one .*train\.h5"):
        models.load_classifier(tmp_path / "two")


@pytest.mark.parametrize("name", [filenames.IMAGES, filenames.LABELS])
def test_arrays_of_two_makings_are_refused(tmp_path, name):
    for folder, seed in (("one", 0), ("two", 1)):
        (tmp_path / folder).mkdir()
        save_arrays(tmp_path / folder, seed)
    labels = np.eye(2, dtype=np.float32)[[1, 0, 0]]
    np.save(tmp_path / "one" / filenames.LABELS, labels)
    (tmp_path / "one" / name).replace(tmp_path / "two" / name)
    with pytest.raises(InputError, match="is not the file that .*json was saved with"):
        load_arrays(tmp_path / "two")


def test_labels_beside_images_without_any_are_refused(tmp_path):
    with arrays.writing(tmp_path, SHAPE) as writer:
        writer.append(np.zeros((2, *SHAPE), np.float32))
        writer.finish(None, ORIGIN, {"counts": {"": 2}})
    np.save(tmp_path / filenames.LABELS, np.eye(2, dtype=np.float32))
    arrays.load_images(tmp_path)
    with pytest.raises(InputError, match="img_label.* is not the file"):
        arrays.load_labels(tmp_path, 2)


def test_copied_arrays_keep_their_class_names(tmp_path):
    """Their times of change are others, their content is not."""
    save_arrays(tmp_path)
    for name in (filenames.IMAGES, filenames.LABELS):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes())
    assert load_arrays(tmp_path)[2].class_names == ["a", "b"]


def test_arrays_of_others_are_taken_and_said(tmp_path, capsys):
    save_arrays(tmp_path)
    (tmp_path / filenames.ORIGIN).unlink()
    assert load_arrays(tmp_path)[2] == arrays.Source()
    said = capsys.readouterr().out
    assert said.count("has no checksum; it is taken as it is") == 1
    assert filenames.IMAGES in said


def test_a_record_of_version_0_1_says_nothing(tmp_path, capsys):
    save_arrays(tmp_path)
    path = tmp_path / filenames.ORIGIN
    record = json.loads(path.read_text())
    del record["sha256"], record["arrays"][filenames.FILES]
    for state in record["arrays"].values():
        state.pop()
    path.write_text(json.dumps(record))
    assert load_arrays(tmp_path)[2] == arrays.Source()
    assert "has no checksum" in capsys.readouterr().out
    assert arrays.recall(tmp_path, ORIGIN) is None  # read again


@pytest.mark.parametrize("record", [[], 1, {}, {"origin": ORIGIN}, {"sha256": ""}])
def test_an_odd_record_is_refused_and_made_anew(tmp_path, record):
    save_arrays(tmp_path)
    (tmp_path / filenames.ORIGIN).write_text(json.dumps(record))
    with pytest.raises(InputError, match="img_data.txt.json is damaged .*; remove it"):
        arrays.load_images(tmp_path)
    assert arrays.recall(tmp_path, ORIGIN) is None


def test_a_state_without_a_seal_is_refused(tmp_path):
    about = np.array('{"settings": {}, "tables": {}}')
    np.savez(tmp_path / filenames.RESUME, about=about)
    with pytest.raises(InputError, match="resume.npz is damaged: it ends without"):
        checkpoint.Checkpoint(tmp_path, {}).load()


# Files that may not be read, and odd ones of others.


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    saved = checkpoint.Checkpoint(tmp_path, {})
    saved.save({})

    def refuse(*arguments, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match="resume.npz may not be read") as error:
        saved.load()
    assert not error.value.options  # such as to run without it
    assert "damaged" not in str(error.value)


def test_a_generator_that_was_never_built_is_refused(tmp_path):
    path = tmp_path / "generator_model_001.h5"
    keras.Sequential([keras.layers.Dense(3)]).save(path)
    with pytest.raises(InputError, match="is not a generator|is damaged"):
        models.load_generator(path)


@pytest.mark.parametrize("named", [True, False])
def test_networks_of_two_inputs_are_no_generators(tmp_path, named):
    names = ("latents", "class_ids") if named else ("a", "b")
    inputs = [keras.Input((4,), name=name) for name in names]
    model = keras.Model(inputs, keras.layers.Concatenate()(inputs))
    model.save(tmp_path / "generator_model_001.h5")
    with pytest.raises(InputError, match="is not a generator"):
        models.load_generator(tmp_path / "generator_model_001.h5")


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * 2**20])
def test_only_what_is_sealed_and_unchanged_is_intact(tmp_path, content):
    path = tmp_path / "file"
    assert not seals.is_intact(path)
    path.write_bytes(content)
    assert not seals.is_intact(path)
    seals.seal(path)
    seals.check(path)
    assert seals.is_intact(path)
    path.write_bytes(b"z" + path.read_bytes()[1:])
    assert not seals.is_intact(path)
