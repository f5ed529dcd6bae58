"""A folder of generated images: whole, told from others, checked."""

import errno
import hashlib
import json
import os

import numpy as np
import pytest

from foldergan.errors import InputError, RunError
from foldergan.storage import exports, locking
from foldergan.storage.exports import Export

MADE_FROM = {"generator": "abc", "seed": 0, "images": {"a": 2, "b": 1}}
IMAGE = np.full((4, 4, 3), 0.5, np.float32)


@pytest.fixture
def export(tmp_path):
    return Export(tmp_path, MADE_FROM, {"versions": {}})


def test_what_was_saved_is_loaded(export, tmp_path):
    assert export.load() is None
    export.save_state({"kept": {"a": 1}, "batches": 3})
    assert export.load() == {"kept": {"a": 1}, "batches": 3}
    assert Export(tmp_path, dict(MADE_FROM), {}).load()["batches"] == 3


def test_an_export_of_other_settings_is_refused_by_name(export, tmp_path):
    export.save_state({"kept": {}})
    other = Export(tmp_path, MADE_FROM | {"seed": 1, "generator": "x"}, {})
    with pytest.raises(InputError, match="generator was abc, is x; seed was 0, is 1"):
        other.load()


def test_a_folder_of_something_else_is_refused_and_hidden_files_are_not(tmp_path):
    assert exports.read_record(tmp_path / "new") is None
    (tmp_path / ".lock").write_text("1")
    assert exports.read_record(tmp_path) is None
    (tmp_path / "mine.png").write_bytes(b"")
    with pytest.raises(InputError, match="not empty, and no export"):
        exports.read_record(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"state": 3, "a": 1}'])
def test_a_damaged_record_is_named(tmp_path, content):
    (tmp_path / "export.json").write_text(content)
    with pytest.raises(InputError, match="export.json is damaged"):
        exports.read_record(tmp_path)


def test_a_record_that_has_changed_is_damaged(export, tmp_path):
    export.save_state({"kept": {"a": 1}})
    path = tmp_path / "export.json"
    path.write_text(path.read_text().replace('"a": 1', '"a": 2'))
    with pytest.raises(InputError, match="export.json is damaged .*SHA-256"):
        exports.read_record(tmp_path)


def test_a_record_of_version_0_3_goes_on(export, tmp_path):
    """It has no checksum."""
    export.save_state({"kept": {"a": 1}})
    record = json.loads((tmp_path / "export.json").read_text())
    del record["sha256"]
    (tmp_path / "export.json").write_text(json.dumps(record))
    assert export.load() == {"kept": {"a": 1}}


def test_every_image_has_its_checksum(export, tmp_path):
    for name, number in (("a", 1), ("a", 2), ("b", 1)):
        export.save_image(name, number, IMAGE * number)
    assert not exports.is_complete(tmp_path)
    export.save_checksums({"a": 2, "b": 1, "c": 0})
    assert exports.is_complete(tmp_path)
    lines = (tmp_path / "SHA256SUMS").read_text().splitlines()
    names = ["a/gen_000001.png", "a/gen_000002.png", "b/gen_000001.png"]
    assert lines == [
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}"
        for name in names
    ]
    assert len({line[:64] for line in lines}) == 2
    assert not (tmp_path / "c").exists()
    (tmp_path / "a" / "gen_000002.png").unlink()  # of a complete export
    with pytest.raises(InputError, match="gen_000002.png is no longer there"):
        export.save_checksums({"a": 2, "b": 1, "c": 0})


def test_images_reach_the_disk_once_a_batch_and_before_the_state(export, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda file: calls.append("fsync"))
    monkeypatch.setattr(os, "sync", lambda: calls.append("sync"), raising=False)
    for number in range(1, 21):
        export.save_image("a", number, IMAGE)
    assert calls == []
    export.save_state({"kept": {"a": 20}})
    assert calls == ["sync", "fsync"]
    export.save_state({"kept": {"a": 20}})
    assert calls[2:] == ["fsync"]  # no image since


@pytest.mark.parametrize("system", ["Linux", "Windows"])
def test_a_disk_that_refuses_an_image_late_is_a_run_error(
    export, tmp_path, monkeypatch, system
):
    def refuse(*file):
        raise OSError(errno.EIO, "Input/output error")

    if system == "Windows":
        monkeypatch.delattr(os, "sync")
        monkeypatch.setattr(os, "fsync", refuse)
    else:
        monkeypatch.setattr(os, "sync", refuse)
    export.save_image("a", 1, IMAGE)
    with pytest.raises(RunError, match="could not write .*gen_000001.png"):
        export.save_state({"kept": {"a": 1}})
    assert not (tmp_path / "export.json").exists()


@pytest.mark.parametrize("replaced", [None, "g.h5", "train.h5", "train.json"])
def test_a_network_that_is_replaced_while_it_is_loaded_is_not_recorded(
    tmp_path, replaced
):
    for name in ("train.json", "train.h5", "g.h5"):
        (tmp_path / name).write_text(name)
    given = tmp_path / "x", tmp_path / "g.h5", tmp_path
    checksums = exports.checksums_of(*given[1:])
    if replaced:
        (tmp_path / replaced).write_text("of a training that goes on")
        with pytest.raises(InputError, match="replaced while it was loaded"):
            exports.open_export(*given, checksums, {"images": {}}, {})
    else:
        export = exports.open_export(*given, checksums, {"images": {}}, {})
        locking.make_writable_folder(export.folder)
        export.save_state({})
        record = exports.read_record(export.folder)
        assert record["made_from"] == checksums | {"images": {}}


@pytest.mark.parametrize("name", ["", "../b", "/tmp/b", ".b", "a/b", "a\\b"])
def test_a_class_whose_name_is_no_folders_is_refused(tmp_path, name):
    images = {"images": {"a": 1, name: 1}}
    with pytest.raises(InputError, match="cannot have a folder of its name"):
        exports.open_export(tmp_path / "x", tmp_path / "g.h5", tmp_path, {}, images, {})


def test_what_a_killed_run_left_half_written_is_removed_in_class_folders(tmp_path):
    left = tmp_path / "a" / ".tmp-1-gen_000001.png"
    left.parent.mkdir()
    left.touch()
    with locking.export_folder(tmp_path):
        assert not left.exists() and left.parent.exists()
