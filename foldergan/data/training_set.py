"""What a GAN trains on: images, their classes, and which rows are held out."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from foldergan.config.presets import Preset
from foldergan.config.settings import GAN, GROUPING, Data
from foldergan.data import dataset, groups, splits
from foldergan.errors import InputError
from foldergan.images import Resized
from foldergan.storage import arrays, filenames, locking, run_directory
from foldergan.storage.run_directory import RunDirectory


@dataclass(frozen=True)
class TrainingSet:
    """Images from the arrays on disk, at the size that is drawn."""

    images: np.ndarray | Resized  # float32 (n, height, width, channels), 0-1; on disk
    rows: np.ndarray  # row numbers to train on
    held_out: np.ndarray = field(default_factory=lambda: np.arange(0))  # to evaluate by
    # float32 one-hot (n, num_classes) that the networks are given; None without.
    labels: np.ndarray | None = None
    # float32 one-hot, of the held-out rows; of one class where no classes are known.
    held_out_labels: np.ndarray = field(default_factory=lambda: np.ones((0, 1)))
    # In the order of `labels`; None without, or of arrays that were made elsewhere.
    class_names: list[str] | None = None
    identity: str = ""  # of the arrays, see `arrays.identify`
    grouping: Data = Data()  # its group_by and near_duplicates are those of the split

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of every image."""
        return self.images.shape[1:]

    @property
    def num_classes(self) -> int:
        """Classes that the networks are given; 0 for none."""
        return 0 if self.labels is None else self.labels.shape[1]


def make_arrays(
    dataset_dir: Path | None,
    data_dir: Path,
    preset: Preset,
    given: Collection[str],
    *,
    strict: bool = False,
    is_resumed: bool = False,
) -> None:
    """Makes the arrays if a dataset is given, or if that is no classifier's part.

    A resumed training keeps arrays that are there; strictly, an unreadable file is an
    error. `given` names the settings that are the user's, not the preset's.

    Raises:
        InputError: the dataset is missing or does not fit the settings.
    """
    is_missing = not (data_dir / filenames.IMAGES).exists()
    is_wanted = dataset_dir or not preset.classifier_first
    if not is_wanted or not (is_missing or (dataset_dir and not is_resumed)):
        return
    shape = preset.gan.image_shape or preset.data.image_shape
    preset.gan.require_reach(shape)
    data = replace(
        preset.data,
        image_shape=shape,
        resize=preset.gan.resize or preset.data.resize,
        channels="fixed" if "image_shape" in given else preset.data.channels,
    )
    # With classes, what lies beside their folders is left out as by TrainModel.py.
    least_classes = 1 if preset.gan.conditioning == "class" else 0
    with locking.arrays_folder(data_dir):
        dataset.build(
            dataset_dir, data_dir, data, strict=strict, least_classes=least_classes
        )


def load(
    data_dir: Path, model_dir: Path, preset: Preset, given: Collection[str]
) -> TrainingSet:
    """Loads the arrays, split as the classifier's where nothing else is given.

    `given` names the settings that are the user's, not the preset's.

    Raises:
        InputError: arrays are missing, damaged, or do not fit the settings.
    """
    with arrays.unchanged(data_dir):
        grouping = preset.data
        if set(GROUPING).isdisjoint(given):
            grouping = _grouping(data_dir, model_dir, preset)
        data = read(data_dir, preset.gan, preset.seed, grouping, is_told=True)
        preset.gan.require_reach(data.image_shape)
        source = arrays.load_source(data_dir).source
    shape = "x".join(map(str, data.image_shape))
    print(
        f"drawing {shape} from the {len(data.images)} images in "
        f"{data_dir / filenames.IMAGES}, made from {source}"
    )
    if isinstance(data.images, Resized) and data.images.is_squashed:
        print(
            "warning: the arrays hold images of other proportions, which are squashed; "
            "an image shape like theirs would keep them, and so would resize crop"
        )
    if len(data.held_out):
        print(f"held out {len(data.held_out)} images to evaluate by")
    wanted = preset.gan.image_shape if "image_shape" in given else None
    if wanted not in (None, data.image_shape):
        raise InputError(
            f"the images in {data_dir / filenames.IMAGES} are grey, of one "
            f"channel, and cannot be drawn in {wanted[2]}",
            ("image_shape",),
        )
    return data


def _grouping(data_dir: Path, model_dir: Path, preset: Preset) -> Data:
    """Takes the settings of groups of a classifier of this data, or the preset's."""
    with contextlib.suppress(InputError):
        folder = RunDirectory(model_dir)
        of_classifier = folder.load_run("TrainModel")
        if of_classifier.get("data") == arrays.identify(data_dir):
            return folder.load_settings("TrainModel", preset.data, GROUPING)[0]
    return preset.data


def read(
    data_dir: Path, settings: GAN, seed: int, grouping: Data, is_told: bool = False
) -> TrainingSet:
    """Reads the arrays as a GAN's training sees them.

    Args:
        data_dir: folder of the arrays.
        settings: its image_shape, resize, conditioning and held_out. What is grey
            stays so, whatever the shape says of channels.
        seed: of the split.
        grouping: its group_by and near_duplicates.
        is_told: says what stays together; see `groups.tell`.

    Raises:
        InputError: arrays are missing, damaged, or too few to hold some out.
    """
    of_arrays = arrays.load_images(data_dir)
    identity = arrays.identify(data_dir)
    images = _at_size(of_arrays, data_dir, settings)
    is_conditional = settings.conditioning == "class"
    classes = np.ones((len(images), 1), np.float32)
    if is_conditional or settings.held_out:
        classes = arrays.load_labels(
            data_dir, len(images), or_one_class=not is_conditional
        )
    class_names = arrays.load_source(data_dir).class_names
    parts = {"training": np.arange(len(images)), "held out": np.arange(0)}
    if settings.held_out:
        together = groups.load(data_dir, identity, grouping, of_arrays)
        parts, at_random = groups.split(
            together,
            lambda group_of: splits.hold_out(
                classes, settings.held_out, seed, group_of
            ),
        )
        if is_told:
            class_ids = classes.argmax(1)
            groups.tell(together, grouping, parts, at_random, class_ids, class_names)
    return TrainingSet(
        images,
        parts["training"],
        parts["held out"],
        classes if is_conditional else None,
        classes[parts["held out"]],
        class_names if is_conditional else None,
        identity,
        grouping,
    )


def _at_size(images: np.ndarray, data_dir: Path, settings: GAN) -> np.ndarray | Resized:
    """Brings the arrays to the size that is drawn, as they were resized before."""
    height, width, channels = settings.image_shape or images.shape[1:]
    shape = (height, width, 1 if images.shape[3] == 1 else channels)
    if shape == images.shape[1:]:
        return images
    how = settings.resize or arrays.load_source(data_dir).resize
    return Resized(images, shape, how)


def of_generator(generator_path: Path, data_dir: Path) -> tuple[TrainingSet, GAN]:
    """Reads the arrays as the training of a generator, recorded beside it, saw them.

    Returns:
        What it was trained on, and its settings of data and evaluation; the other
        settings are defaults.

    Raises:
        InputError: arrays or record are missing or damaged, or of others.
    """
    if run_directory.is_of_another_training(generator_path):
        raise InputError(
            f"{generator_path} {run_directory.OF_ANOTHER}, so that its images are not "
            "known",
            ("generator",),
        )
    folder = RunDirectory(generator_path.parent)
    record = folder.load_run("GANModel")
    names = (
        "image_shape",
        "resize",
        "conditioning",
        "held_out",
        "features",
        "augmentation",
    )
    settings, seed = folder.load_settings("GANModel", GAN(), names)
    grouping, _ = folder.load_settings("GANModel", Data(), GROUPING)
    with arrays.unchanged(data_dir):
        data = read(data_dir, settings, seed, grouping)
    if record.get("data", data.identity) != data.identity:  # not before 0.3
        raise InputError(
            f"{generator_path} was trained on other images, labels or class names than "
            f"those in {data_dir}",
            ("data_dir",),
        )
    return data, settings
