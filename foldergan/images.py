"""Images as arrays: resizing, and the named range conversions."""

import os
from typing import Any

# A 48 KB file can unpack to gigabytes. OpenCV reads both when it is imported.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**26))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # we name the bad file ourselves

import cv2
import numpy as np

from foldergan.errors import InputError

cv2.setNumThreads(1)  # the images are spread over the cores, not each image

MOST_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])  # of an image file

Tensor = Any  # a tensor of Keras' backend, or a NumPy array


def resize(
    image: np.ndarray, size: tuple[int, int], how: str = "stretch"
) -> np.ndarray:
    """Resizes one image: averages areas where it shrinks, interpolates where not.

    Args:
        image: array of shape (height, width, ...), any range.
        size: (height, width) of the result.
        how: what becomes of other proportions. stretch: they change; crop: the middle
            is kept; pad: all is kept, and the rest has the median colour of the border.

    Returns:
        Array of shape (*size, ...), same dtype and range.
    """
    if how == "pad":
        return _padded(image, size)
    if how == "crop":
        image = _middle(image, size)
    if image.shape[:2] == tuple(size):
        return image
    channels = image.shape[2:]
    for axis_sizes, method in (
        (np.minimum(image.shape[:2], size), cv2.INTER_AREA),
        (np.array(size), cv2.INTER_LINEAR),
    ):
        if tuple(axis_sizes) != image.shape[:2]:
            image = cv2.resize(
                image, tuple(map(int, axis_sizes[::-1])), None, 0, 0, method
            )
    return image.reshape(*image.shape[:2], *channels)  # OpenCV drops an axis of one


def _middle(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cuts out the largest part of the proportions of `size`, from the middle."""
    height, width = image.shape[:2]
    tall = min(height, max(1, round(width * size[0] / size[1])))
    wide = min(width, max(1, round(height * size[1] / size[0])))
    top, left = (height - tall) // 2, (width - wide) // 2
    return image[top : top + tall, left : left + wide]


def _padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes an image into the middle of an area of the colour of its border."""
    scale = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    inner = resize(image, (height, width))
    edges = [inner[0], inner[-1], inner[:, 0], inner[:, -1]]
    colour = np.median(np.concatenate(edges), axis=0)
    result = np.empty((*size, *image.shape[2:]), image.dtype)
    result[:] = np.rint(colour) if image.dtype.kind == "u" else colour
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    result[top : top + height, left : left + width] = inner
    return result


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns and mirrors an image so that it stands as its EXIF orientation says.

    Args:
        image: array of shape (height, width, ...).
        orientation: 1 to 8; 1 changes nothing.
    """
    if orientation > 4:
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def resize_all(
    images: np.ndarray, image_shape: tuple[int, int, int], how: str = "stretch"
) -> np.ndarray:
    """Resizes an array of images with `resize`.

    Args:
        images: float32 array of shape (n, height, width, channels).
        image_shape: (height, width, channels) to reach; the channels as they are.
        how: stretch, crop or pad, which `resize` explains.

    Returns:
        float32 array of shape (n, *image_shape), same range.

    Raises:
        InputError: the channels differ.
    """
    _refuse_other_channels(images.shape[3], image_shape[2])
    if images.shape[1:] == tuple(image_shape):
        return images
    resized = [resize(image, image_shape[:2], how) for image in images]
    return np.stack(resized)


class Resized:
    """An array of images that is resized as it is read, a batch at a time.

    Args:
        images: float32 array of shape (n, height, width, channels), may lie on disk.
        image_shape: (height, width, channels) to read it as.
        how: stretch, crop or pad, which `resize` explains.

    Attributes:
        shape: of the array as it is read.
        is_squashed: whether the proportions of height and width change.

    Raises:
        InputError: the channels differ.
    """

    def __init__(
        self,
        images: "np.ndarray | Resized",
        image_shape: tuple[int, int, int],
        how: str = "stretch",
    ) -> None:
        _refuse_other_channels(images.shape[3], image_shape[2])
        self._images, self._how = images, how
        self.shape: tuple[int, int, int, int] = (len(images), *image_shape)
        height, width = images.shape[1:3]
        is_other = height * image_shape[1] != width * image_shape[0]
        self.is_squashed = how == "stretch" and is_other

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        return resize_all(self._images[rows], self.shape[1:], self._how)


class Joined:
    """Arrays of images, or of their features, one behind the other, read as one.

    Args:
        parts: float32 arrays (n, height, width, channels), or (n, ...), of one shape
            but for n; may lie on disk.

    Attributes:
        parts: the same.
        shape: of all.
    """

    def __init__(self, *parts: "np.ndarray | Joined") -> None:
        self.parts = parts
        self.shape: tuple[int, ...] = (sum(map(len, parts)), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Reads rows by their numbers, an int array of any shape."""
        images = np.empty((*rows.shape, *self.shape[1:]), np.float32)
        start = 0
        for part in self.parts:
            is_of_it = (rows >= start) & (rows < start + len(part))
            images[is_of_it] = part[rows[is_of_it] - start]
            start += len(part)
        return images


Images = np.ndarray | Resized | Joined


def to_tanh_range(images: Tensor) -> Tensor:
    """Maps values 0-1, as on disk, to -1-1, as the generator draws."""
    return images * 2.0 - 1.0


def to_unit_range(images: Tensor) -> Tensor:
    """Maps values -1-1, as the generator draws, to 0-1, as on disk."""
    return (images + 1.0) / 2.0


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Maps values 0-1 to whole numbers 0-255, rounded."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def _refuse_other_channels(given: int, wanted: int) -> None:
    if given != wanted:
        raise InputError(
            f"images of {given} channels cannot be made into images of {wanted}; "
            "run all three scripts on the same img_data.txt.npy",
            ("image_shape",),
        )
