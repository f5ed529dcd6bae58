"""The contract on disk: names, dtypes, shapes, ranges; checked load, whole save."""

import errno
import io
import os
import re
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from conftest import classifier_of, generator_of

from foldergan.child import CrashError
from foldergan.config.presets import PRESETS
from foldergan.errors import InputError, Interrupted, RunError
from foldergan.storage import (
    arrays,
    atomic,
    filenames,
    models,
    networks,
    seals,
    tables,
)
from foldergan.storage.run_directory import RunDirectory

SHAPE = (8, 8, 3)
ORIGIN, FOUND = {"dataset": "any"}, {"counts": {"a": 1}}


@pytest.fixture(scope="module")
def classifier():
    return classifier_of(SHAPE, 2, (4,), 8)


@pytest.fixture(scope="module")
def generator():
    return generator_of(SHAPE, 5, (4, 4))


def random_images(count=4) -> np.ndarray:
    return np.random.default_rng(0).random((count, *SHAPE), np.float32)


def npy(array: np.ndarray, save=np.save) -> bytes:
    file = io.BytesIO()
    save(file, array)
    return file.getvalue()


def claim(shape: str) -> bytes:
    """A .npy file whose header tells of another shape than it has."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(4096)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# The contract with other people's scripts.


def test_file_names_are_those_that_other_scripts_read():
    assert filenames.IMAGES == "img_data.txt.npy"
    assert filenames.LABELS == "img_label.txt.npy"
    assert filenames.CLASSIFIER_JSON == "train.json"
    assert filenames.CLASSIFIER_H5 == "train.h5"
    assert filenames.CLASS_NAMES == "classes.json"
    assert filenames.GENERATOR.format(epoch=80) == "generator_model_080.h5"
    assert filenames.GENERATED_PLOT.format(epoch=10) == "generated_plot_e010.png"
    assert filenames.GENERATOR.format(epoch=1000) == "generator_model_1000.h5"


def test_plain_keras_rebuilds_the_classifier_and_so_do_we(classifier, tmp_path):
    names = ["\u00fcber", "\u732b"]
    models.save_classifier(tmp_path, classifier, names, ())
    text = (tmp_path / "train.json").read_text()
    rebuilt = keras.models.model_from_json(text)
    rebuilt.load_weights(tmp_path / "train.h5")
    loaded = models.load_classifier(tmp_path)
    assert loaded.class_names == names
    images = random_images()
    for network in (rebuilt, loaded.model):
        np.testing.assert_array_equal(
            network.predict(images, verbose=0), classifier.predict(images, verbose=0)
        )


def test_saving_leaves_the_optimizer_alone(tmp_path):
    model = classifier_of(SHAPE, 2, (4,), 8)
    model.compile(optimizer=keras.optimizers.Adam(0.125), loss="mse")
    optimizer = model.optimizer
    models.save_model(tmp_path / "a.h5", model)
    assert model.optimizer is optimizer
    recorded = model.get_compile_config()["optimizer"]
    assert recorded["class_name"] == "Adam"
    assert recorded["config"]["learning_rate"] == 0.125
    with h5py.File(tmp_path / "a.h5") as file:
        assert "optimizer_weights" not in file


def test_network_has_the_very_bytes_that_keras_writes(generator, tmp_path):
    models.save_model(tmp_path / "ours.h5", generator)
    generator.save(tmp_path / "theirs.h5", include_optimizer=False)
    seals.seal(tmp_path / "theirs.h5")
    ours, theirs = (tmp_path / f"{name}.h5" for name in ("ours", "theirs"))
    assert ours.read_bytes() == theirs.read_bytes()
    loaded = keras.models.load_model(ours)
    assert loaded.trainable_weights  # saved frozen, it would have none
    assert names_in(tmp_path) == {"ours.h5", "theirs.h5"}


# Arrays: written a few images at a time, read with suspicion.


@pytest.mark.parametrize("count", [1, 9, 10, 101])
def test_images_written_a_few_at_a_time_make_the_file_of_np_save(tmp_path, count):
    images = random_images(count)
    with arrays.writing(tmp_path, SHAPE) as writer:
        for start in range(0, count, 4):  # of any layout and dtype
            some = np.asfortranarray(images[start : start + 4], np.float64)
            writer.append(some)
        writer.finish([0] * count, ORIGIN, FOUND)
    assert (tmp_path / filenames.IMAGES).read_bytes() == npy(images)
    np.testing.assert_array_equal(arrays.load_images(tmp_path), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_the_contract_are_accepted_and_read_only(tmp_path, channels):
    images = random_images()[..., :channels]
    images[0, 0, 0, 0], images[0, 0, 1, 0] = 0, 1  # both ends belong
    np.save(tmp_path / filenames.IMAGES, images)
    loaded = arrays.load_images(tmp_path)
    np.testing.assert_array_equal(loaded, images)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0] = 0


def with_value(value: float) -> np.ndarray:
    images = random_images()
    images[-1, -1, -1, -1] = value  # the very last number is looked at too
    return images


BAD_IMAGES = {
    "one axis too few": (npy(random_images()[0]), r"shape \(8, 8, 3\)"),
    "one axis too many": (npy(random_images()[None]), r"shape \(1, 4, 8, 8, 3\)"),
    "two channels": (npy(random_images()[..., :2]), r"shape \(4, 8, 8, 2\)"),
    "four channels": (npy(np.zeros((4, 8, 8, 4), "f4")), r"shape \(4, 8, 8, 4\)"),
    "no images": (npy(random_images()[:0]), "img_data"),
    "no pixels": (npy(np.zeros((4, 0, 8, 3), "f4")), "img_data"),
    "uint8": (npy(np.zeros((4, 8, 8, 3), np.uint8)), "float32 .* found uint8"),
    "float64": (npy(random_images().astype("f8")), "float32 .* found float64"),
    "big-endian": (npy(random_images().astype(">f4")), "float32 .* found >f4"),
    "0 to 255": (npy(random_images() * 255), "from 0 to 1; found"),
    "tanh range": (npy(random_images() * 2 - 1), "from 0 to 1; found -"),
    "just above 1": (npy(with_value(1.001)), "found .* to 1.001"),
    "NaN": (npy(with_value(np.nan)), "found nan"),
    "inf": (npy(with_value(np.inf)), "to inf"),
    "objects": (npy(np.array([{"a": 1}], object)), "damaged"),
    "text": (b"not an array\n", "damaged"),
    "empty": (b"", "damaged"),
    "half the data": (npy(random_images())[:-400], "damaged"),
    "more data": (npy(random_images()) + bytes(400), "its header describes fewer"),
    "zip": (npy(random_images(), np.savez), "damaged"),
    "11 TiB": (claim("(1000000, 1000, 1000, 3)"), "damaged"),
    "negative length": (claim("(-1, 8, 8, 3)"), "damaged"),
    "length beyond 64 bits": (claim(f"({10**30}, 8, 8, 3)"), "damaged"),
    "header that is no Python": (claim(")"), "damaged"),
}


@pytest.mark.parametrize(("content", "found"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_images_outside_the_contract_are_refused(tmp_path, content, found):
    (tmp_path / filenames.IMAGES).write_bytes(content)
    with pytest.raises(InputError, match=found) as error:
        arrays.load_images(tmp_path)
    assert str(tmp_path / filenames.IMAGES) in str(error.value)
    assert str(error.value).endswith("run: python TrainModel.py")


def test_pickled_objects_are_not_executed(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "executed",)

    np.save(tmp_path / filenames.IMAGES, np.array([Bomb()]), allow_pickle=True)
    with pytest.raises(InputError):
        arrays.load_images(tmp_path)
    assert not (tmp_path / "executed").exists()


def test_every_slice_of_a_large_array_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_CHUNK", 2 * random_images(1).nbytes)
    np.save(tmp_path / filenames.IMAGES, random_images(5))
    arrays.load_images(tmp_path)
    images = random_images(5)
    images[3, 0, 0, 0] = 2
    np.save(tmp_path / filenames.IMAGES, images)
    with pytest.raises(InputError, match="to 2 from image 2 on"):
        arrays.load_images(tmp_path)


@pytest.mark.parametrize(
    "load", [arrays.load_images, lambda folder: arrays.load_labels(folder, 2)]
)
def test_missing_array_names_the_file_and_the_script_that_makes_it(tmp_path, load):
    with pytest.raises(InputError, match="npy not found; run: python TrainModel.py"):
        load(tmp_path)


def test_a_column_without_an_image_is_warned_of(tmp_path, capsys):
    np.save(tmp_path / filenames.LABELS, np.eye(4, dtype=np.float32)[[0, 2]])
    arrays.load_labels(tmp_path, 2)
    assert "warning" in (said := capsys.readouterr().out)
    assert "img_label.txt.npy: no image is of class 2, 4 of 4\n" in said


def test_labels_are_written_and_checked_a_part_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "_CHUNK", 2 * 3 * 4)  # two rows
    class_ids = [0, 2, 1, 1, 0, 2, 2]
    with arrays.writing(tmp_path, SHAPE) as writer:
        writer.append(random_images(7))
        writer.finish(class_ids, ORIGIN, FOUND)
    labels = arrays.load_labels(tmp_path, 7)
    np.testing.assert_array_equal(labels, np.eye(3, dtype=np.float32)[class_ids])
    wrong = labels.copy()
    wrong[-1] = 1
    np.save(tmp_path / filenames.LABELS, wrong)
    with pytest.raises(InputError, match="one-hot"):
        arrays.load_labels(tmp_path, 7)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.eye(3, dtype="f4"), "has 4 images"),
        (np.zeros(4, "f4"), r"shape \(4,\)"),
        (np.eye(4, dtype="f8"), "found float64"),
        (np.ones((4, 2), "f4"), "one-hot"),
        (np.full((4, 2), 0.5, "f4"), "one-hot"),
        (np.array([[2, -1]] * 4, "f4"), "one-hot"),
        (np.full((4, 2), np.nan, "f4"), "one-hot"),
        (np.zeros((4, 2), [("a", "f4")]), "one-hot"),
    ],
)
def test_labels_outside_the_contract_are_refused(tmp_path, labels, found):
    np.save(tmp_path / filenames.LABELS, labels)
    with pytest.raises(InputError, match=found) as error:
        arrays.load_labels(tmp_path, 4)
    assert str(tmp_path / filenames.LABELS) in str(error.value)
    assert "run: python TrainModel.py" in str(error.value)


# Networks: loaded with suspicion.


@pytest.fixture
def model_dir(tmp_path, classifier) -> Path:
    models.save_classifier(tmp_path, classifier, ["a", "b"], ())
    return tmp_path


@pytest.mark.parametrize("name", ["train.json", "train.h5", "classes.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "text", "folder"])
def test_damaged_classifier_names_the_file_and_the_way_out(model_dir, name, damage):
    path = model_dir / name
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "missing":
        half = content[: len(content) // 2]
        path.write_bytes({"empty": b"", "half": half, "text": b"text"}[damage])
    with pytest.raises(InputError, match="run: python TrainModel.py") as error:
        models.load_classifier(model_dir)
    is_there = damage not in ("missing", "folder")
    assert (f"{path} not found" in str(error.value)) != is_there
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "listed",
    [
        ["a"],
        ["a", "b", "c"],
        ["a", "a"],
        ["a", "\x1b[2J"],
        ["a", "\ud800"],
        {"a": 0, "b": 1},
        "ab",
        None,
        [1, 2],
    ],
)
def test_class_names_that_do_not_fit_the_outputs_are_refused(model_dir, listed):
    tables.save_json(model_dir / filenames.CLASS_NAMES, listed)
    with pytest.raises(InputError, match="must be a list of 2 different class"):
        models.load_classifier(model_dir)


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"class_name": "Sequential"}'])
def test_json_that_is_no_network_is_refused(model_dir, text):
    path = model_dir / filenames.CLASSIFIER_JSON
    path.write_text(text)
    with pytest.raises(InputError, match="train.json is not the one that .*train.h5"):
        models.load_classifier(model_dir)
    with h5py.File(model_dir / filenames.CLASSIFIER_H5, "a") as file:
        del file["foldergan"]  # as files of others have none
    with pytest.raises(InputError, match="train.json is damaged"):
        models.load_classifier(model_dir)


def test_weights_of_another_architecture_are_refused(model_dir):
    other = classifier_of(SHAPE, 2, (6,), 8)
    models.save_model(model_dir / filenames.CLASSIFIER_H5, other)
    with pytest.raises(InputError, match="train.h5 .* not the weights of .*train.json"):
        models.load_classifier(model_dir)


def some_generators(folder: Path, *epochs: int) -> None:
    for epoch in epochs:
        (folder / filenames.GENERATOR.format(epoch=epoch)).write_bytes(b"")


DEFAULT = "generator_model_080.h5"


def test_generators_are_listed_by_their_epoch_not_by_their_letters(tmp_path):
    some_generators(tmp_path, 1000, 200, 90)
    (tmp_path / "generator_model_best.h5").write_bytes(b"")
    (tmp_path / ".tmp-1-generator_model_300.h5").write_bytes(b"")
    found = [path.name for path in RunDirectory(tmp_path).generators()]
    assert found == [f"generator_model_{n}.h5" for n in ("090", "200", "1000")]


def test_wanted_generator_is_a_name_in_the_folder_or_a_path(tmp_path):
    some_generators(tmp_path, 10, 80, 90)
    wanted = tmp_path / "generator_model_010.h5"
    assert RunDirectory(tmp_path).find_generator(wanted.name, DEFAULT) == wanted
    assert RunDirectory(Path("nowhere")).find_generator(str(wanted), DEFAULT) == wanted


def record_training(folder, training):
    RunDirectory(folder).save_run(
        "GANModel", PRESETS["smoke"], {}, "auto", training=training
    )


@pytest.mark.parametrize(
    ("trainings", "taken", "says"),
    [
        ({80: "now", 100: "old"}, 80, ""),
        ({80: "old", 50: "now", 40: "now", 100: "old"}, 50, "; taking the newest"),
        ({80: None, 100: "old"}, 80, ""),  # nothing is known of an older version's
        ({50: "now", 100: "old"}, 50, "080.h5 is not there; taking the newest"),
        ({20: None, 100: None}, 100, "080.h5 is not there; .*, generator_model_100.h5"),
        ({80: "old", 50: "old"}, 80, "another training .* which has saved none yet"),
    ],
)
def test_what_an_earlier_training_left_is_passed_over(
    tmp_path, generator, capsys, trainings, taken, says
):
    for epoch, training in trainings.items():
        path = tmp_path / f"generator_model_{epoch:03d}.h5"
        models.save_model(path, generator, training and {"training": training})
    record_training(tmp_path, "now")
    found = RunDirectory(tmp_path).find_generator(None, DEFAULT)
    assert found.name == f"generator_model_{taken:03d}.h5"
    said = capsys.readouterr().out
    assert re.search(says, said) if says else not said


def test_a_generator_of_another_training_is_taken_where_named(
    tmp_path, generator, capsys
):
    models.save_model(tmp_path / DEFAULT, generator, {"training": "old"})
    record_training(tmp_path, "now")
    RunDirectory(tmp_path).find_generator(DEFAULT, "any")
    assert "is of another training than" in capsys.readouterr().out


@pytest.mark.parametrize("error", [OSError, RuntimeError, SystemError, CrashError])
def test_of_a_damaged_generator_loading_it_tells(tmp_path, monkeypatch, error):
    def fail(path):
        raise error("bad heap free list")

    some_generators(tmp_path, 80)
    record_training(tmp_path, "now")
    monkeypatch.setattr(networks, "read_about", fail)
    assert RunDirectory(tmp_path).find_generator(None, DEFAULT).name == DEFAULT


def test_missing_generator_lists_those_that_exist(tmp_path):
    some_generators(tmp_path, 10, 20, 30)
    with pytest.raises(InputError, match="_080.h5 is not .*_010.*_020.*_030"):
        RunDirectory(tmp_path).find_generator(DEFAULT, DEFAULT)
    some_generators(tmp_path, 40, 50)
    with pytest.raises(InputError, match=r"_010.h5 \.\.\. generator_model_050.h5"):
        RunDirectory(tmp_path).find_generator(DEFAULT, DEFAULT)


@pytest.mark.parametrize("wanted", [None, DEFAULT])
def test_no_generator_at_all_names_the_script_that_makes_them(tmp_path, wanted):
    with pytest.raises(InputError, match="run: python GANModel.py"):
        RunDirectory(tmp_path).find_generator(wanted, DEFAULT)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(99)])
def test_damaged_generator_names_the_newest_other_one(tmp_path, content):
    path = tmp_path / DEFAULT
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged .* run: python GANModel.py") as error:
        models.load_generator(path)
    assert str(path) in str(error.value)
    some_generators(tmp_path, 60, 70)
    with pytest.raises(InputError, match="_070.h5 is another"):
        models.load_generator(path)


def test_network_of_another_kind_is_no_generator(tmp_path, classifier):
    models.save_model(tmp_path / DEFAULT, classifier)
    with pytest.raises(InputError, match="is not a generator"):
        models.load_generator(tmp_path / DEFAULT)


def with_weight(path: Path, value: float, which: int) -> str:
    """Changes the very last number of a weight in an .h5 file; returns its name."""
    found = []

    def note(name, item):
        if isinstance(item, h5py.Dataset) and item.shape:
            found.append(name)

    with h5py.File(path, "a") as file:
        file["model_weights"].visititems(note)
        weight = file["model_weights"][found[which]]
        weight[(-1,) * weight.ndim] = value
        return weight.name


@pytest.mark.parametrize(("value", "which"), [(np.nan, 0), (-np.inf, -1)])
def test_classifier_of_weights_that_are_not_finite_is_refused(model_dir, value, which):
    path = model_dir / filenames.CLASSIFIER_H5
    name = with_weight(path, value, which)
    with pytest.raises(InputError, match="NaN or infinite") as error:
        models.load_classifier(model_dir)
    sentence = str(error.value)
    assert sentence.startswith(f"{path} ")
    assert sentence.partition(" in ")[2].partition(";")[0] in name
    assert sentence.endswith("run: python TrainModel.py")


@pytest.mark.parametrize(
    ("num_classes", "value", "which"), [(0, np.nan, 0), (2, np.inf, -1)]
)
def test_generator_of_weights_that_are_not_finite_names_another(
    tmp_path, num_classes, value, which
):
    path = tmp_path / DEFAULT
    models.save_model(path, generator_of(SHAPE, 5, (4, 4), "batch", num_classes))
    models.load_generator(path)
    with_weight(path, value, which)
    with pytest.raises(
        InputError, match="NaN or infinite, .*run: python GANM"
    ) as error:
        models.load_generator(path)
    assert str(error.value).startswith(f"{path} ")
    assert error.value.options == ("generator",)
    some_generators(tmp_path, 70)
    with pytest.raises(InputError, match="NaN or infinite, .*_070.h5 is another"):
        models.load_generator(path)


# Saved whole or not at all.


@pytest.fixture
def old_file(tmp_path) -> Path:
    (tmp_path / "a.h5").write_bytes(b"old")
    return tmp_path / "a.h5"


def assert_untouched(path: Path) -> None:
    assert path.read_bytes() == b"old"
    assert names_in(path.parent) == {path.name}


def test_replacing_replaces_and_leaves_nothing_else(old_file):
    with atomic.replacing(old_file) as temporary:
        assert temporary.parent == old_file.parent  # same disk: the rename is atomic
        assert temporary.suffix == old_file.suffix  # Keras goes by it
        temporary.write_bytes(b"new")
        assert old_file.read_bytes() == b"old"
    assert old_file.read_bytes() == b"new"
    assert names_in(old_file.parent) == {old_file.name}


def test_what_is_outdated_goes_as_the_new_file_comes(old_file, monkeypatch):
    figures = old_file.with_name("figures.csv")
    figures.write_bytes(b"of old")
    replace, seen = os.replace, []

    def watched(source, target):
        seen.append((old_file.read_bytes(), figures.exists()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    with atomic.replacing(old_file, [figures, figures.with_name("none")]) as temporary:
        temporary.write_bytes(b"new")
        assert figures.read_bytes() == b"of old"
    assert seen == [(b"old", True), (b"old", False)]
    assert old_file.read_bytes() == b"new"
    assert names_in(old_file.parent) == {old_file.name}


def test_what_is_outdated_stays_where_the_new_file_cannot_come(old_file, monkeypatch):
    figures = old_file.with_name("figures.csv")
    figures.write_bytes(b"of old")
    replace = os.replace

    def refuse(source, target):
        if target == old_file:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(RunError, match=r"could not write .*a\.h5"),
        atomic.replacing(old_file, [figures]) as temporary,
    ):
        temporary.write_bytes(b"new")
    assert figures.read_bytes() == b"of old"
    figures.unlink()
    assert_untouched(old_file)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (FULL, RunError),
        (PermissionError(errno.EACCES, "Permission denied"), RunError),
        (InputError("bad image"), InputError),
        (ValueError("not ours"), ValueError),
        (Interrupted(2), Interrupted),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=repr,
)
def test_a_failure_leaves_the_old_file_and_a_full_disk_is_named(
    old_file, failure, raised
):
    with pytest.raises(raised) as error, atomic.replacing(old_file) as temporary:
        temporary.write_bytes(b"half")
        raise failure
    if raised is RunError:
        assert str(error.value) == f"could not write {old_file}: {failure}"
    assert_untouched(old_file)


def test_full_disk_at_the_last_step_leaves_the_old_file(old_file, monkeypatch):
    def refuse(descriptor):
        raise FULL

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    with pytest.raises(RunError), atomic.replacing(old_file) as temporary:
        temporary.write_bytes(b"new")
    assert_untouched(old_file)


def test_a_classifier_of_version_0_1_still_loads(tmp_path):
    """Its train.h5 says nothing of class names and augmentation."""
    models.save_classifier(tmp_path, classifier_of(SHAPE, 2, (4,), 8), ["a", "b"], ())
    with h5py.File(tmp_path / "train.h5", "a") as file:
        del file["foldergan"]
    loaded = models.load_classifier(tmp_path)
    assert loaded.class_names == ["a", "b"] and loaded.augmentation is None


def test_a_table_has_a_column_for_each_key_of_any_row(tmp_path):
    # Rows that an earlier version left in resume.npz have other keys.
    tables.save_csv(tmp_path / "a.csv", [{"a": 1, "b": 2}, {"a": 3, "c": 4}])
    assert (tmp_path / "a.csv").read_text() == "a,b,c\n1,2,\n3,,4\n"


def test_a_table_is_written_as_its_rows_come_and_is_whole_or_not_there(tmp_path):
    path = tmp_path / "a.csv"
    with pytest.raises(KeyError), tables.writing_csv(path) as append:
        append([{"a": 1}])
        raise KeyError
    assert not list(tmp_path.iterdir())
    with tables.writing_csv(path) as append:
        append([{"a": 1, "b": 2}])
        append([{"b": 4, "a": 3}])
    assert path.read_text() == "a,b\n1,2\n3,4\n"
