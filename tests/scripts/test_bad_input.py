"""Bad input through the scripts: one sentence, the right exit code, nothing lost."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ENVIRONMENT, ROOT, classifier_of, generator_of

from foldergan.config.presets import PRESETS
from foldergan.images import cv2
from foldergan.storage import filenames, models

SMOKE = ("--preset", "smoke")
SHAPE = PRESETS["smoke"].data.image_shape
TRAIN, GAN, GENERATE = "TrainModel.py", "GANModel.py", "GeneratePredict.py"
# The whole command that is named, but for its folder.
RUN_TRAIN, RUN_GAN = (f"{name} --preset smoke" for name in (TRAIN, GAN))


def snapshot(folder: Path) -> dict[Path, bytes]:
    """Every file with its content, but for the lock, which each run may leave."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.startswith(".lock")
        and os.access(path, os.R_OK)
    }


@pytest.fixture
def refuses(script, tmp_path):
    """Runs a script that must fail and leave every file as it was."""

    def run(name: str, *arguments: str, code: int = 2, says: tuple[str, ...]):
        before = snapshot(tmp_path)
        result = script(name, *SMOKE, *arguments)
        assert result.code == code, result.out + result.err
        assert f"{name}: error: " in result.err
        assert "Traceback" not in result.out + result.err
        sentence = result.err.partition(f"{name}: error: ")[2]
        for words in says:
            assert words in sentence
        assert snapshot(tmp_path) == before
        return result

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder as the three scripts leave it, from networks that know nothing."""
    folder = tmp_path_factory.mktemp("finished")
    model_dir = folder / "model"
    model_dir.mkdir()
    images = np.random.default_rng(0).random((8, *SHAPE), np.float32)
    np.save(folder / filenames.IMAGES, images)
    labels = np.repeat(np.eye(2, dtype=np.float32), 4, axis=0)
    np.save(folder / filenames.LABELS, labels)
    classifier = classifier_of(SHAPE, 2, (4,), 8)
    models.save_classifier(model_dir, classifier, ["blue", "red"], ())
    for epoch in (1, 2):
        generator = generator_of(SHAPE, 8, (4, 4))
        name = filenames.GENERATOR.format(epoch=epoch)
        models.save_model(model_dir / name, generator)
    (model_dir / filenames.RESUME).write_bytes(b"state of a long run")
    for name in ("predictions.png", "predictions.csv", "gan_history.csv"):
        (model_dir / name).write_text("old")
    return folder


@pytest.fixture
def work(finished, tmp_path) -> Path:
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


# The folder of images.


def no_folder(dataset):
    shutil.rmtree(dataset)


def nothing_in_it(dataset):
    no_folder(dataset)
    dataset.mkdir()


def loose_files_only(dataset):
    nothing_in_it(dataset)
    (dataset / "a.png").write_bytes(b"loose")


def hidden_folder_only(dataset):
    nothing_in_it(dataset)
    (dataset / ".cache").mkdir()


def a_file(dataset):
    no_folder(dataset)
    dataset.write_text("not a folder")


def one_class(dataset):
    shutil.rmtree(dataset / "red")


def one_class_left(dataset):
    for path in (dataset / "red").iterdir():
        path.write_bytes(b"")


def no_images(dataset):
    for path in dataset.glob("*/*"):
        path.write_text("text")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_folder, ("dataset", "--dataset", "expected one folder a class")),
        (a_file, ("dataset", "--dataset", "expected one folder a class")),
        (nothing_in_it, ("no class folders", "expected one folder a class")),
        (loose_files_only, ("no class folders", "expected one folder a class")),
        (hidden_folder_only, ("no class folders", "expected one folder a class")),
        (one_class, ("one class only, blue", "expected one folder a class")),
        (one_class_left, ("one class only, blue", "expected one folder a class")),
        (no_images, ("no file in dataset is an image", "JPEG or PNG")),
    ],
)
def test_folder_that_gives_no_classes_is_refused(
    refuses, work, image_folder, spoil, says
):
    spoil(image_folder)
    refuses(TRAIN, says=says)


def test_every_unreadable_file_is_listed_and_the_rest_is_used(
    script, image_folder, tmp_path
):
    red = image_folder / "red"
    png = (red / "0.png").read_bytes()
    jpeg = cv2.imencode(".jpg", cv2.imread(str(red / "0.png")))[1].tobytes()
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 1
    bad = {
        "corrupt.png": bytes(flipped),
        "truncated.png": png[: len(png) // 2],
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "zero.png": b"",
        ".DS_Store": b"\0\0\0\1Bud1",
        "Thumbs.db": b"\xd0\xcf\x11\xe0",
        "notes.txt": b"text",
    }
    for name, content in bad.items():
        (red / name).write_bytes(content)
    (red / "nested").mkdir()
    (image_folder / "green").mkdir()

    result = script(TRAIN, *SMOKE)
    assert result.code == 0, result.err
    assert "skipped 8 of 16 files:" in result.out
    for name in [*bad, "nested"]:
        assert f"{Path('dataset/red') / name} " in result.out
    assert f"warning: {Path('dataset/green')} has no image" in result.out
    assert np.load(tmp_path / filenames.LABELS).shape == (8, 2)


def test_strict_refuses_a_stray_file(refuses, work, image_folder):
    (image_folder / "red" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    refuses(TRAIN, "--strict", says=("Thumbs.db", "mend or remove it"))


def test_file_name_that_is_no_text_can_be_listed(process, image_folder, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")  # as on most terminals
    shutil.rmtree(image_folder / "red")  # ends the run early
    bad = os.fsdecode(b"caf\xe9.png")  # as archives made on other systems unpack
    try:
        (image_folder / "blue" / bad).write_bytes(b"")
    except OSError:
        pytest.skip("this disk takes names of text only")
    result = process(TRAIN, *SMOKE)
    assert result.code == 2 and "one class only" in result.err
    assert "skipped 1 of 5 files:" in result.out and "caf" in result.out


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--image-shape", "3x3x3"), ("3x3", "--image-shape")),
        (("--filters", "4,4,4,4,4,4"), ("32x32", "--filters")),
    ],
)
def test_images_too_small_for_the_network_leave_the_arrays(
    refuses, work, image_folder, flags, says
):
    refuses(TRAIN, *flags, says=says)


# The arrays.


def npy_bytes(array: np.ndarray, folder: Path) -> bytes:
    np.save(folder / "scratch.npy", array)
    content = (folder / "scratch.npy").read_bytes()
    (folder / "scratch.npy").unlink()
    return content


BAD_ARRAYS = {
    "missing": (None, "not found"),
    "empty": (b"", "damaged"),
    "text": (b"text", "damaged"),
    "shape": (np.zeros((8, 32, 32), "f4"), "found float32 of shape (8, 32, 32)"),
    "uint8": (np.zeros((8, 32, 32, 3), "u1"), "found uint8"),
    "objects": (np.array([{}], object), "damaged"),
    "range": (np.full((8, 32, 32, 3), 255, "f4"), "found 255 to 255"),
    "NaN": (np.full((8, 32, 32, 3), np.nan, "f4"), "found nan"),
}


@pytest.mark.parametrize(("content", "found"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_array_sends_back_to_the_script_that_makes_it(
    refuses, work, content, found
):
    path = work / filenames.IMAGES
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_bytes(npy_bytes(content, work))
    refuses(GAN, says=(filenames.IMAGES, found, RUN_TRAIN))


def test_truncated_array_is_refused(refuses, work):
    path = work / filenames.IMAGES
    path.write_bytes(path.read_bytes()[:-1])
    refuses(GAN, says=(filenames.IMAGES, "damaged", RUN_TRAIN))


def test_few_images_shrink_the_batch_and_the_run_says_so(script, work):
    images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.save(work / filenames.IMAGES, images)
    (work / "model" / filenames.RESUME).unlink()
    result = script(GAN, *SMOKE, "--batch-size", "128")
    assert result.code == 0, result.err
    assert "3 images are fewer than half a batch of 128" in result.out
    assert "the batch shrinks to 6" in result.out


def test_shape_out_of_reach_leaves_the_state_of_the_run_before(refuses, work):
    refuses(GAN, "--image-shape", "32x32x1", says=("of 3 channels", "images of 1"))


# The networks.


@pytest.mark.parametrize("name", ["train.json", "train.h5", "classes.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "text", "truncated"])
def test_damaged_classifier_sends_back_to_its_script(refuses, work, name, damage):
    path = work / "model" / name
    content = path.read_bytes()
    new = {"empty": b"", "text": b"text", "truncated": content[: len(content) // 2]}
    path.unlink()
    if damage in new:
        path.write_bytes(new[damage])
    says = (name, "not found" if damage == "missing" else "damaged")
    refuses(GENERATE, says=(*says, RUN_TRAIN))


def test_missing_generator_lists_those_that_exist(refuses, work):
    says = ("080.h5 is not there", "generator_model_001.h5, generator_model_002.h5")
    refuses(GENERATE, "--generator", "generator_model_080.h5", says=says)


def test_no_generator_sends_back_to_its_script(refuses, work):
    for path in (work / "model").glob("generator_model_*"):
        path.unlink()
    refuses(GENERATE, says=("no generator in model", RUN_GAN))


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_damaged_generator_names_another(refuses, work, part):
    path = work / "model" / "generator_model_001.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    says = (path.name, "damaged", "change --generator", "generator_model_002.h5")
    refuses(GENERATE, says=says)


def spoil_weights(path: Path, value: float) -> None:
    with h5py.File(path, "a") as file:
        weights = []
        file.visititems(lambda name, item: weights.append(item))
        weights = [item for item in weights if isinstance(item, h5py.Dataset)]
        next(item for item in weights if item.dtype == np.float32)[...] = value


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("train.h5", RUN_TRAIN),
        ("generator_model_001.h5", "generator_model_002.h5"),
    ],
)
def test_weights_that_are_not_finite_draw_nothing(refuses, work, name, way_out, value):
    spoil_weights(work / "model" / name, value)
    refuses(GENERATE, says=(name, "NaN or infinite", way_out))


def test_gan_does_not_look_through_weights_that_are_not_finite(refuses, work):
    spoil_weights(work / "model" / "train.h5", np.nan)
    says = ("train.h5", "NaN or infinite", RUN_TRAIN)
    refuses(GAN, "--discriminator-features", "classifier", says=says)


def test_classifier_given_as_generator_is_refused(refuses, work):
    refuses(GENERATE, "--generator", "train.h5", says=("train.h5 is not a generator",))


def test_grey_generator_with_a_colour_classifier_is_refused(refuses, work):
    grey = generator_of((32, 32, 1), 8, (4, 4))
    models.save_model(work / "model" / "generator_model_001.h5", grey)
    says = ("of 1 channels", "into images of 3", "the same img_data.txt.npy")
    refuses(GENERATE, says=says)


def test_generator_of_another_size_is_resized(script, work):
    large = generator_of((64, 48, 3), 8, (4, 4))
    models.save_model(work / "model" / "generator_model_001.h5", large)
    result = script(GENERATE, *SMOKE)
    assert result.code == 0, result.err
    assert (work / "model" / "predictions.csv").read_text().count("\n") == 5


# Flags and folders.


def test_generating_from_a_model_folder_that_is_a_file_is_refused(refuses, work):
    (work / "taken").write_text("a file")
    refuses(GENERATE, "--model-dir", "taken", says=("taken/train.json not found",))


@pytest.mark.parametrize("name", [TRAIN, GAN])
def test_model_folder_that_is_a_file_is_refused(refuses, work, image_folder, name):
    (work / "taken").write_text("a file")
    for path in ("taken", Path("taken") / "below"):
        says = (str(path), "cannot be used as a folder", "name another")
        refuses(name, "--model-dir", path, says=says)


def test_data_folder_that_is_a_file_is_refused(refuses, work, image_folder):
    (work / "taken").write_text("a file")
    refuses(TRAIN, "--data-dir", "taken", says=("taken cannot be used as a folder",))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("name", [TRAIN, GAN, GENERATE])
def test_folder_that_refuses_to_be_written_ends_in_1_before_any_work(
    refuses, work, image_folder, monkeypatch, name, number
):
    writes = Path.write_bytes

    def refuse(path, content):
        if path.parent.name == "model":
            raise OSError(number, os.strerror(number))
        return writes(path, content)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    says = ("cannot write in the folder model", os.strerror(number), "name another")
    assert refuses(name, code=1, says=says).out.count("\n") == 1


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
@pytest.mark.parametrize("name", [TRAIN, GAN, GENERATE])
def test_locked_folder_ends_in_1(refuses, work, image_folder, name):
    (work / "model").chmod(0o500)
    try:
        refuses(name, code=1, says=("model", "Permission denied"))
    finally:
        (work / "model").chmod(0o700)


@pytest.mark.parametrize(
    ("name", "flags"), [(TRAIN, ()), (GAN, ("--epochs", "1")), (GENERATE, ())]
)
def test_disk_that_fills_up_while_saving_ends_in_1_with_the_old_files(
    script, work, image_folder, monkeypatch, name, flags
):
    def fill_the_disk(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    (work / "model" / filenames.RESUME).unlink()
    before = snapshot(work)
    monkeypatch.setattr(os, "replace", fill_the_disk)
    result = script(name, *SMOKE, *flags)
    assert result.code == 1 and "No space left on device" in result.err
    assert f"{name}: error: could not write " in result.err
    assert "Traceback" not in result.err
    assert snapshot(work) == before


@pytest.mark.slow
@pytest.mark.parametrize("kib", [8, 16, 24])
@pytest.mark.parametrize(
    ("name", "flags", "file"),
    [
        (TRAIN, ("--image-shape", "8x8x3"), "train.h5"),
        (GAN, (), "generator_model_001.h5"),
    ],
)
def test_script_on_a_disk_too_full_for_its_network_ends_in_1_with_the_old_one(
    work, image_folder, name, flags, file, kib
):
    pytest.importorskip("resource")
    before = (work / "model" / file).read_bytes()
    assert len(before) > 24 * 1024
    program = (
        "import resource, runpy, sys; hard = resource.RLIM_INFINITY; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), hard)); "
        "sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    end = subprocess.run(
        [sys.executable, "-c", program, str(kib * 1024), ROOT / name, *SMOKE, *flags],
        cwd=work,
        env={
            **ENVIRONMENT,
            "PYTHONPATH": str(ROOT),
            "COVERAGE_PROCESS_CONFIG": "",  # it would write too
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert end.returncode == 1, end.stderr
    sentence = end.stderr.partition(f"{name}: error: ")[2]
    assert sentence.startswith(f"could not write {Path('model') / file}: "), end.stderr
    assert sentence.count("\n") == 1
    assert (work / "model" / file).read_bytes() == before
    assert not list(work.rglob(".tmp-*"))
