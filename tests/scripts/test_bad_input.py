"""Bad input through the scripts: one sentence, the right exit code, nothing lost."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import classifier_of, generator_of

from foldergan.config.presets import PRESETS
from foldergan.images import cv2
from foldergan.storage import filenames, models

SMOKE = ("--preset", "smoke")
SHAPE = PRESETS["smoke"].data.image_shape
TRAIN, GAN, GENERATE = "TrainModel.py", "GANModel.py", "GeneratePredict.py"
# The whole command that is named, but for its folder.
RUN_TRAIN = f"{TRAIN} --preset smoke"


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


def a_file(dataset):
    no_folder(dataset)
    dataset.write_text("not a folder")


def no_class_folders(dataset):
    no_folder(dataset)
    (dataset / ".cache").mkdir(parents=True)
    (dataset / "a.png").write_bytes(b"loose")


def one_class(dataset):
    shutil.rmtree(dataset / "red")


def no_images(dataset):
    for path in dataset.glob("*/*"):
        path.write_text("text")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (no_folder, ("dataset", "--dataset", "expected one folder a class")),
        (a_file, ("dataset", "--dataset", "expected one folder a class")),
        (no_class_folders, ("no class folders", "expected one folder a class")),
        (one_class, ("one class only, blue", "expected one folder a class")),
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


# The arrays.


BAD_ARRAYS = {
    "missing": (None, "not found"),
    "text": (b"text", "damaged"),
    "shape": (np.zeros((8, 32, 32), "f4"), "found float32 of shape (8, 32, 32)"),
    "uint8": (np.zeros((8, 32, 32, 3), "u1"), "found uint8"),
    "range": (np.full((8, 32, 32, 3), 255, "f4"), "found 255 to 255"),
}


@pytest.mark.parametrize(("content", "found"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_array_sends_back_to_the_script_that_makes_it(
    refuses, work, content, found
):
    path = work / filenames.IMAGES
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    refuses(GAN, says=(filenames.IMAGES, found, RUN_TRAIN))


def test_few_images_shrink_the_batch_and_the_run_says_so(script, work):
    images = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.save(work / filenames.IMAGES, images)
    (work / "model" / filenames.RESUME).unlink()
    result = script(GAN, *SMOKE, "--batch-size", "128")
    assert result.code == 0, result.err
    assert "3 images are fewer than half a batch of 128" in result.out
    assert "the batch shrinks to 6" in result.out


# The networks.


@pytest.mark.parametrize(
    ("name", "content"),
    [("train.json", b""), ("train.h5", b"text"), ("classes.json", None)],
)
def test_damaged_classifier_sends_back_to_its_script(refuses, work, name, content):
    path = work / "model" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    says = (name, "not found" if content is None else "damaged")
    refuses(GENERATE, says=(*says, RUN_TRAIN))


def test_damaged_generator_names_another(refuses, work):
    path = work / "model" / "generator_model_001.h5"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    says = (path.name, "damaged", "change --generator", "generator_model_002.h5")
    refuses(GENERATE, says=says)


def test_grey_generator_with_a_colour_classifier_is_refused(refuses, work):
    grey = generator_of((32, 32, 1), 8, (4, 4))
    models.save_model(work / "model" / "generator_model_001.h5", grey)
    says = ("of 1 channels", "into images of 3", "the same img_data.txt.npy")
    refuses(GENERATE, says=says)


def test_gan_does_not_look_through_weights_that_are_not_finite(refuses, work):
    network, *names = models.load_classifier(work / "model")
    network.set_weights([np.full_like(w, np.nan) for w in network.get_weights()])
    models.save_classifier(work / "model", network, *names)
    says = ("train.h5", "NaN or infinite", RUN_TRAIN)
    refuses(GAN, "--discriminator-features", "classifier", says=says)


def test_generator_of_another_size_is_resized(script, work):
    large = generator_of((64, 48, 3), 8, (4, 4))
    models.save_model(work / "model" / "generator_model_001.h5", large)
    result = script(GENERATE, *SMOKE)
    assert result.code == 0, result.err
    assert (work / "model" / "predictions.csv").read_text().count("\n") == 5


# Flags and folders.


@pytest.mark.parametrize(
    ("name", "flags", "says"),
    [
        (TRAIN, ("--image-shape", "3x3x3"), ("3x3", "--image-shape")),
        (TRAIN, ("--filters", "4,4,4,4,4,4"), ("32x32", "--filters")),
        (GAN, ("--image-shape", "32x32x1"), ("of 3 channels", "images of 1")),
        (
            GENERATE,
            ("--generator", "generator_model_080.h5"),
            ("080.h5 is not there", "generator_model_001.h5, generator_model_002.h5"),
        ),
        (GENERATE, ("--generator", "train.h5"), ("train.h5 is not a generator",)),
        (TRAIN, ("--model-dir", "taken"), ("taken cannot be used as a folder",)),
        (GAN, ("--model-dir", "taken/below"), ("taken/below cannot", "name another")),
        (GENERATE, ("--model-dir", "taken"), ("taken/train.json not found",)),
        (TRAIN, ("--data-dir", "taken"), ("taken cannot be used as a folder",)),
    ],
)
def test_flags_that_do_not_fit_what_is_there_are_refused(
    refuses, work, image_folder, name, flags, says
):
    (work / "taken").write_text("a file")
    refuses(name, *flags, says=says)


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
