"""Every setting of the images: where they are from, which are held out."""

import re
from dataclasses import dataclass

from foldergan.config import groups
from foldergan.config.checks import check_image_shape
from foldergan.config.fields import Section, Shape

GROUPING = ("group_by", "near_duplicates")  # which images no split may part
RESIZES = ("stretch", "crop", "pad")
HOW_TO_RESIZE = (
    "what becomes of images of other proportions; stretch: they are squashed; crop: "
    "the middle is kept; pad: all is kept, with the median colour of the border around"
)


@dataclass(frozen=True)
class Data(Section):
    """Where images come from and what array they become."""

    source: str = groups.data(
        "folder",
        "folder: --dataset; cifar10: keras.datasets, unless --dataset is given",
        choices=("folder", "cifar10"),
    )
    image_shape: Shape = groups.data(
        (32, 32, 3), "shape that images are resized to", overrules={"channels": "fixed"}
    )
    resize: str = groups.data("stretch", HOW_TO_RESIZE, choices=RESIZES)
    channels: str = groups.data(
        "fixed",
        "fixed: those of image_shape; auto: 1 where the images are grey, unless you "
        "set --image-shape",
        choices=("fixed", "auto"),
    )
    validation_split: float = groups.data(
        0.2,
        "fraction of each class held out for validation; 0: none",
        least=0,
        below=1,
    )
    test_split: float = groups.data(
        0.0, "fraction of each class held out for the test at the end", least=0, below=1
    )

    group_by: str = groups.data(
        "none",
        "keep images together in every split whose paths in the dataset folder have "
        "the same first group of this regular expression, or the same match: a "
        "patient, a scene, a film",
        metavar="REGEX",
    )
    near_duplicates: str = groups.data(
        "keep-together",
        "images that look almost the same: on one side of every split, or wherever "
        "chance puts them",
        choices=("keep-together", "ignore"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_image_shape(self.image_shape)
        try:
            re.compile(self.group_by)
        except re.error as error:
            raise ValueError(
                f"group_by is no regular expression: {self.group_by} ({error})"
            ) from error
        if not self.validation_split + self.test_split < 1:
            raise ValueError(
                "validation_split and test_split leave nothing to train on: "
                f"{self.validation_split} and {self.test_split}"
            )
