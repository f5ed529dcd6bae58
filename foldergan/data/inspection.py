"""What a folder of images is like, in words, and which preset suits it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from foldergan.config.commands import flag_of
from foldergan.config.settings import Data
from foldergan.data import folders, near_duplicates, reading
from foldergan.data.reading import Facts
from foldergan.errors import InputError
from foldergan.images import resize
from foldergan.progress import printable

# Nearly all: the fraction of grey images from which all count as grey.
MOSTLY = 0.98
_SAMPLE = 128  # images that tell whether a folder is grey
_SAMPLE_SHAPE = (32, 32, 3)
_THUMBNAIL = (16, 16)  # pixels, for near duplicates
_SAME_PROPORTIONS = 0.05  # relative difference that nobody sees
_PHOTOGRAPH = 96  # pixels of the shorter side, from which details can be drawn
_ENOUGH = 100  # images a class, of which best-32 makes something
_FEW = 20  # images a class
_UNBALANCED = 10  # times as many in the largest class as in the smallest
_FEW_IN_ALL = 200
_LISTED = 5  # files or groups that are named


class Looks(NamedTuple):
    """What images have in common, as whole numbers that JSON can hold."""

    images: int  # how many there are
    grey: int  # how many have no colour
    squashed: int  # how many have other proportions than they are resized to
    heights: list[int]  # least, median and largest, in pixels
    widths: list[int]
    channels: int  # of the arrays that they are read into

    @classmethod
    def of(cls, facts: Sequence[Facts], image_shape: Sequence[int]) -> Self:
        """Sums up one image or more, resized to (height, width, channels)."""
        heights, widths, is_grey = np.array(facts, int).T
        ratios = heights * image_shape[1] / (widths * image_shape[0])
        return cls(
            images=len(facts),
            grey=int(is_grey.sum()),
            squashed=int((np.abs(np.log(ratios)) > _SAME_PROPORTIONS).sum()),
            heights=_range(heights),
            widths=_range(widths),
            channels=image_shape[2],
        )

    @property
    def are_grey(self) -> bool:
        """Whether all images, or nearly all, have no colour."""
        return self.grey >= MOSTLY * self.images

    def __str__(self) -> str:
        """Writes sizes and colour on one line."""
        (low, height, high), (narrow, width, wide) = self.heights, self.widths
        if (low, narrow) == (high, wide):
            sizes = f"all of {height}x{width} pixels"
        else:
            sizes = (
                f"heights {low} to {high} (median {height}), "
                f"widths {narrow} to {wide} (median {width}) pixels"
            )
        if self.grey == self.images:
            return f"{sizes}; all grey"
        grey = f", {self.grey:,} of them grey" if self.grey else ""
        return f"{sizes}; in colour{grey}"


def _range(sides: np.ndarray) -> list[int]:
    return [int(sides.min()), int(np.median(sides)), int(sides.max())]


def first_lines(
    found: Mapping[str, Any], asked_shape: Sequence[int], resize: str
) -> Iterator[str]:
    """Yields what a user should know of images that arrays are made from.

    Their `Looks` are in "looks", if they were `found` by 0.3 or later; `asked_shape` is
    (height, width, channels).
    """
    if "looks" not in found:
        return
    looks = Looks(**found["looks"])
    yield f"  {looks}"
    height, width, channels = asked_shape
    if looks.squashed and resize == "stretch":
        yield (
            f"note: {looks.squashed:,} of {looks.images:,} images have other "
            f"proportions than {height}x{width} and are squashed; "
            f"{flag_of('resize')} crop keeps theirs, and so does pad"
        )
    given = f"{flag_of('image_shape')} {height}x{width}"
    if looks.channels < channels:
        lost = looks.images - looks.grey
        but = f", but for {lost:,}, which lose their colour" if lost else ""
        yield (
            f"note: the images are grey{but}: arrays and drawn images have one "
            f"channel; {given}x3 keeps three"
        )
    elif looks.are_grey and channels == 3:
        yield f"note: the images are grey; {given}x1 learns and draws them so"


def are_likely_grey(paths: Sequence[str]) -> bool:
    """Tells from some images of a folder whether nearly all of it is grey."""
    some = paths[:: max(1, len(paths) // _SAMPLE)]
    blocks = reading.read_images(some, _SAMPLE_SHAPE)
    facts = [each for block in blocks for each in block.facts]
    return bool(facts) and Looks.of(facts, _SAMPLE_SHAPE).are_grey


class Inspection(NamedTuple):
    """All that is found of a folder."""

    dataset: Path
    counts: Counter[str]  # class name -> images; "" for those in no class folder
    looks: Looks
    skipped: list[str]  # a line for each file that is no image
    doubtful: list[str]  # a line for each image that may be damaged
    same: list[list[str]]  # groups of paths of images that are the same
    near: list[list[str]]  # of those that differ by encoding, size or retouching

    @property
    def classes(self) -> dict[str, int]:
        """Class name -> images, of the class folders that have some."""
        return {name: count for name, count in self.counts.items() if name and count}

    @property
    def can_be_told_apart(self) -> bool:
        """Whether there are two classes or more, and no image without one."""
        return len(self.classes) > 1 and not self.counts[""]


def inspect(dataset: Path) -> Inspection:
    """Reads all images of a folder, with class folders or without; writes nothing.

    Raises:
        InputError: it is not there, holds a split of its own, or no images.
    """
    class_folders = folders.list_files(dataset, 0)
    files = [(name, file) for name, some in class_folders.items() for file in some]
    counts = Counter({name: 0 for name in class_folders if name})
    thumbnails: list[np.ndarray] = []

    def take(images: np.ndarray) -> None:
        thumbnails.extend(resize(image, _THUMBNAIL) for image in images)

    paths = [file.path for _, file in files]
    found = reading.read_all(paths, _SAMPLE_SHAPE, "stretch", take)
    if not found.facts:
        raise InputError(f"no file in {dataset} is an image that can be read")
    counts.update(files[number][0] for number in found.numbers)
    same, near = (
        [[paths[found.numbers[row]] for row in rows] for rows in groups]
        for groups in (found.same, near_duplicates.find(np.stack(thumbnails)))
    )
    near = [group for group in near if group not in same]
    looks = Looks.of(found.facts, _SAMPLE_SHAPE)
    skipped, doubtful = found.skipped, found.doubtful
    return Inspection(dataset, counts, looks, skipped, doubtful, same, near)


class Advice(NamedTuple):
    """Which preset suits a folder."""

    preset: str  # its name
    why: str  # the reason, to stand after "for"


def advise(found: Inspection) -> Advice:
    """Chooses a preset by the number of classes, images a class and their sizes."""
    classes = found.classes
    if not found.can_be_told_apart:
        where = "one class only" if len(classes) == 1 else "no class folders"
        return Advice("gan-128", f"there are {where}, and it needs no classes")
    side = min(found.looks.heights[1], found.looks.widths[1])
    each = f"about {round(np.median(list(classes.values()))):,} images a class"
    if side >= _PHOTOGRAPH:
        return Advice(
            "photo-128",
            f"the shorter side has {side} pixels: enough to draw 128, and a pretrained "
            f"backbone makes the most of {each}",
        )
    if min(classes.values()) >= _ENOUGH:
        return Advice("best-32", f"the images are small, {side} pixels, with {each}")
    return Advice(
        "dcgan-32",
        f"the images are small, {side} pixels, with {each}: too few for the larger "
        "networks of best-32",
    )


def array_shape(found: Inspection, data: Data) -> tuple[int, int, int]:
    """Tells which shape (height, width, channels) the images get in the arrays."""
    is_grey = found.looks.are_grey and data.channels == "auto"
    return (*data.image_shape[:2], 1 if is_grey else data.image_shape[2])


def scripts(found: Inspection) -> list[str]:
    """Names the scripts to run, in order: without classes there is only a GAN."""
    if found.can_be_told_apart:
        return ["TrainModel", "GANModel", "GeneratePredict"]
    return ["GANModel"]


def report(found: Inspection) -> Iterator[str]:
    """Yields the lines that say what a folder holds and what will be hard."""
    total, classes = found.looks.images, found.classes
    what = f"{len(classes)} classes" if len(classes) != 1 else "1 class"
    yield f"{found.dataset}: {total:,} images in {what}"
    if classes:
        named = sorted(classes.items(), key=lambda item: -item[1])
        yield "  " + ", ".join(f"{printable(name)} {n:,}" for name, n in named)
    if found.counts[""]:
        yield f"  {found.counts['']:,} images in no class folder"
    yield f"  {found.looks}"
    if found.looks.squashed:
        yield (
            f"  {found.looks.squashed:,} are not square: {flag_of('resize')} crop or "
            "pad keeps their proportions, else they are squashed"
        )
    for title, groups in (
        ("images are there several times", found.same),
        ("groups of images are near duplicates", found.near),
    ):
        yield from _listed(title, [" = ".join(group[:_LISTED]) for group in groups])
    yield from _listed("files are skipped", found.skipped)
    yield from _listed("images may be damaged", found.doubtful)
    if hard := list(_hard(found)):
        yield "what will be hard:"
        yield from (f"  {line}" for line in hard)


def _listed(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield f"  {len(lines):,} {title}:"
        yield from (f"    {line}" for line in some(lines, _LISTED))


def some(lines: Sequence[str], most: int) -> Iterator[str]:
    """Yields the first of many lines, safe to print, and how many more there are."""
    yield from map(printable, lines[:most])
    if len(lines) > most:
        yield f"... and {len(lines) - most:,} more"


def _hard(found: Inspection) -> Iterator[str]:
    """Yields what a user should not be disappointed by."""
    classes = found.classes
    for name, count in found.counts.items():
        if name and not count:
            yield f"{printable(name)} has no image: the class is left out"
    if len(classes) == 1:
        yield "one class only: there is nothing to distinguish, so no classifier"
    elif classes:
        few = {name: count for name, count in classes.items() if count < _FEW}
        if few:
            listed = ", ".join(f"{printable(name)} {n}" for name, n in few.items())
            yield (
                f"fewer than {_FEW} images a class ({listed}): the classifier guesses, "
                "figures of held-out images mean little, and a GAN repeats them"
            )
        largest, smallest = max(classes, key=classes.get), min(classes, key=classes.get)  # type: ignore[arg-type]
        times = classes[largest] / classes[smallest]
        if times >= _UNBALANCED:
            yield (
                f"{printable(largest)} has {times:.0f} times as many images as "
                f"{printable(smallest)}: accuracy says little, look at the recall of "
                "each class"
            )
    if found.looks.images < _FEW_IN_ALL:
        yield (
            f"{found.looks.images} images are few for a GAN: it will repeat them, more "
            "or less"
        )
