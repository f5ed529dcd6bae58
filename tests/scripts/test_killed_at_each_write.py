"""Scripts killed before each change of a file: the old set or the new, never a mix."""

import functools
import hashlib
import shutil
from pathlib import Path

import pytest
from conftest import NOT_COMPILED
from left_behind import left_behind

from foldergan.errors import InputError
from foldergan.images import cv2
from foldergan.storage import arrays, filenames, models, seals
from foldergan.storage.run_directory import RunDirectory

pytestmark = [pytest.mark.slow, *NOT_COMPILED]
SMOKE = ("--preset", "smoke")


@pytest.fixture
def killed(script, tmp_path, monkeypatch):
    """Runs a script to its end; returns what it would have left at each change."""
    folders = iter(range(1000))

    def run(name: str, *flags) -> list[Path]:
        into = tmp_path.with_name(f"{tmp_path.name}-killed-{next(folders)}")
        with left_behind(tmp_path, into, monkeypatch) as copies:
            result = script(name, *SMOKE, *flags)
        assert result.code == 0, result.err
        return copies

    return run


@pytest.fixture
def work(finished, tmp_path):
    """The test's folder, with all that an older run left."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


def once(*names):
    """Lets a function read a folder anew only where one of these files is another."""

    def of(read):
        seen = {}

        @functools.wraps(read)
        def read_once(folder: Path) -> str:
            paths = [folder / name for name in names]
            key = tuple(path.read_bytes() for path in paths)
            if key not in seen:
                seen[key] = read(folder)
            return seen[key]

        return read_once

    return of


@once(filenames.IMAGES, filenames.LABELS, filenames.ORIGIN)
def arrays_in(folder: Path) -> str:
    """Names the arrays that are read in a folder, or says that they are refused."""
    try:
        images = arrays.load_images(folder)
        labels = arrays.load_labels(folder, len(images))
        names = arrays.load_source(folder).class_names
    except InputError as error:
        assert "is not the file that" in str(error)
        return "refused"
    return hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() + str(names)


@once("model/train.json", "model/train.h5", "model/classes.json")
def classifier_in(folder: Path) -> str:
    try:
        loaded = models.load_classifier(folder / "model")
    except InputError as error:
        assert "train.h5" in str(error)
        return "refused"
    weights = b"".join(weight.tobytes() for weight in loaded.model.get_weights())
    return hashlib.sha256(weights).hexdigest() + str(loaded.class_names)


def figures_in(folder: Path) -> dict[str, bytes]:
    """What tells of a classifier, where it is there."""
    paths = [folder / "model" / name for name in filenames.OF_CLASSIFIER]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


def test_arrays_and_classifier_are_old_or_new(work, killed):
    # Sorted otherwise: the new labels, or names, would be wrong for the old images.
    (work / "dataset" / "red").rename(work / "dataset" / "azure")
    old = {read: read(work) for read in (arrays_in, classifier_in)}
    figures = figures_in(work)
    left = killed("TrainModel.py")
    assert len(left) >= 20
    for read in (arrays_in, classifier_in):
        old_and_new = {old[read], read(work)}
        assert len(old_and_new) == 2 and "refused" not in old_and_new
        found = [read(folder) for folder in left]
        assert set(found) <= old_and_new | {"refused"}, (read, found)
        assert found[0] == old[read] and set(found) >= old_and_new
        # A kill between two renames is refused, and nothing but that is.
        assert found.count("refused") <= 3, (read, found)
    for folder, found in zip(left, map(classifier_in, left), strict=True):
        of = figures if found == old[classifier_in] else figures_in(work)
        if found != "refused":
            assert figures_in(folder).items() <= of.items()


def assert_whole(path: Path) -> None:
    match path.suffix:
        case ".h5" if path.name.startswith("generator"):
            models.load_generator(path)
        case ".npz":
            assert seals.check(path) is None
        case ".png":
            assert cv2.imread(str(path)) is not None
        case ".html":
            assert path.read_text(encoding="utf-8").endswith("</html>\n")


def assert_all_whole(left: list[Path], folder: str) -> None:
    seen = set()
    for path in (path for copy in left for path in (copy / folder).rglob("[!.]*.*")):
        if path.is_file() and (path.suffix, content := path.read_bytes()) not in seen:
            seen.add((path.suffix, content))
            assert_whole(path)


def test_whatever_a_gan_leaves_is_whole(work, killed):
    left = killed("GANModel.py", "--seed", 1, "--epochs", 2)
    assert len(left) >= 15
    assert_all_whole([*left, work], "model")
    for folder in left:
        assert RunDirectory(folder / "model").generators()
        # Of the run before, under either name, or of this one.
        assert list((folder / "model").glob("resume*.npz"))


def test_predictions_are_old_or_new_with_their_own_pages(work, killed, script):
    """Also those of an evaluation, of a generator with classes."""
    gan = ("--conditioning", "class", "--held-out", 0.75)
    assert script("GANModel.py", *SMOKE, *gan).code == 0
    evaluate = ("--evaluate", "--count", 6)
    old_run = script("GeneratePredict.py", *SMOKE, *evaluate, "--seed", 1)
    assert old_run.code == 0, old_run.err
    names = (filenames.PREDICTIONS, *filenames.OF_PREDICTIONS)
    old = {name: (work / "model" / name).read_bytes() for name in names}
    left = killed("GeneratePredict.py", *evaluate, "--save-images", "drawn")
    new = {name: (work / "model" / name).read_bytes() for name in names}
    differ = {name for name in names if old[name] != new[name]}
    assert differ >= set(names) - {filenames.PREDICTIONS_MATRIX}  # counts may be alike
    assert_all_whole([*left, work], "model")
    found = []
    for folder in left:
        there = {
            p.name: p.read_bytes() for p in (folder / "model").glob("predictions*")
        }
        of = old if there[filenames.PREDICTIONS] == old[filenames.PREDICTIONS] else new
        found.append(of)
        assert there == {name: of[name] for name in there}
        for path in (folder / "drawn").glob("[!.]*"):
            assert path.read_bytes() == (work / "drawn" / path.name).read_bytes()
    assert found[0] is old and found[-1] is new
    assert len(list((work / "drawn").iterdir())) == 6
