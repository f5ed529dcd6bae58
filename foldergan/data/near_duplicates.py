"""Images that show the same thing almost to the pixel: re-encoded, resized, retouched.

An image is described by the low frequencies of its grey thumbnail, as the perceptual
hash pHash has them, weighted by frequency, so that edges count and a smooth background
does not. Two images are near duplicates where these numbers correlate by 0.995, or by
0.9 and the two are far closer to each other than to their other neighbours: images
that all look alike, such as drawn symbols, are no duplicates of each other. Nor are
images of one shape in other colours.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import MiniBatchKMeans
from sklearn.neighbors import NearestNeighbors

from foldergan.images import Images, cv2, resize
from foldergan.progress import ImageProgress

_SIDE = 16  # of a thumbnail, in pixels
_FREQUENCIES = 8  # in each direction
_FLAT = 0.5 / 255  # standard deviation of a thumbnail that shows nothing
_ALWAYS = 0.995  # correlation of images that are near duplicates whatever else there is
_AT_LEAST = 0.9
_NEIGHBOURS = 10  # what is usual: the distance to the tenth
_CLOSER = 0.35  # than that
_AT_ONCE = 20_000  # images that are compared with each other
_COLOUR_SIDE = 4  # of a thumbnail of the colours, in pixels
_SAME_COLOUR = 0.03  # difference that encoding makes, root mean square
_PALER = 0.5  # part of the colour that retouching may take or add
_VALUES_READ = 2**22  # in one block


def find(images: Images) -> list[list[int]]:
    """Finds near duplicates among images, and those that are the same.

    Time grows with the square of their number up to 20,000 images, and in proportion
    beyond: more are parted into clusters first, and one in two clusters may be missed.
    Memory is 500 bytes an image. Images that show nothing are not compared.

    Args:
        images: float32 (n, height, width, 1 or 3), 0 to 1; may lie on disk.

    Returns:
        Groups of row numbers, each sorted; in the order of their first rows.
    """
    described, colours, rows = _describe(images)
    pairs = [
        rows[pair]
        for cell in _cells(described)
        for near in _near(described[cell])
        if len(pair := cell[near][_are_of_one_colour(colours, cell[near])])
    ]
    return _joined(np.concatenate(pairs) if pairs else np.empty((0, 2), int))


def _describe(images: Images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Describes images: shapes, unit vectors (m, 63); colours (m, 48); their rows."""
    block = max(1, _VALUES_READ // int(np.prod(images.shape[1:])))
    frequency = np.hypot(*np.indices((_FREQUENCIES, _FREQUENCIES)))
    described = np.empty((len(images), _FREQUENCIES**2 - 1), np.float32)
    colours = np.empty((len(images), _COLOUR_SIDE**2 * images.shape[3]), np.float32)
    is_flat = np.empty(len(images), bool)
    progress = ImageProgress(len(images), "looked for near duplicates in")
    for start in range(0, len(images), block):
        rows = np.arange(start, min(start + block, len(images)))
        for row, image in zip(rows, images[rows], strict=True):
            small = resize(image, (_COLOUR_SIDE, _COLOUR_SIDE))
            colours[row] = (small - small.mean(-1, keepdims=True)).ravel()
            thumbnail = resize(image.mean(-1), (_SIDE, _SIDE))
            is_flat[row] = thumbnail.std() < _FLAT
            wave = cv2.dct(thumbnail)[:_FREQUENCIES, :_FREQUENCIES] * frequency
            described[row] = wave.ravel()[1:]
        progress.on_images(len(rows))
    progress.done()
    length = np.linalg.norm(described, axis=1, keepdims=True)
    rows = np.flatnonzero(~is_flat & (length[:, 0] > 0))
    return described[rows] / length[rows], colours[rows], rows


def _cells(described: np.ndarray) -> list[np.ndarray]:
    """Parts images into clusters that are small enough to compare all with all."""
    count = len(described) // _AT_ONCE + 1
    if count == 1:
        return [np.arange(len(described))]
    cluster = MiniBatchKMeans(count, random_state=0, n_init=1, batch_size=8192)
    number = cluster.fit_predict(described)
    return [np.flatnonzero(number == each) for each in range(count)]


def _near(described: np.ndarray) -> Iterator[np.ndarray]:
    """Yields pairs of rows that are near duplicates, int arrays (pairs, 2)."""
    usual = min(_NEIGHBOURS, len(described) - 1)
    if usual < 1:
        return
    search = NearestNeighbors(algorithm="brute").fit(described)
    progress = ImageProgress(len(described), "compared")
    for start in range(0, len(described), 1024):
        rows = np.arange(start, min(start + 1024, len(described)))
        # Each finds itself too, though not always first.
        distance, other = search.kneighbors(described[rows], usual + 1)
        correlation = 1 - distance**2 / 2
        is_close = distance <= _CLOSER * distance[:, -1:]
        is_near = (correlation >= _ALWAYS) | (correlation >= _AT_LEAST) & is_close
        own, place = np.nonzero(is_near & (other != rows[:, None]))
        yield np.stack([rows[own], other[own, place]], axis=1)
        progress.on_images(len(rows))
    progress.done()


def _are_of_one_colour(colours: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Tells which pairs, int array (n, 2), have the same colours, paler or not."""
    one, other = colours[pairs[:, 0]], colours[pairs[:, 1]]
    difference, *strength = (
        np.sqrt(np.square(each).mean(1)) for each in (one - other, one, other)
    )
    return difference <= np.maximum(_SAME_COLOUR, _PALER * np.maximum(*strength))


def _joined(pairs: np.ndarray) -> list[list[int]]:
    """Joins pairs that share a row, directly or by others."""
    rows, numbers = np.unique(pairs, return_inverse=True)
    one, other = numbers.reshape(-1, 2).T
    links = coo_array((np.ones(len(one)), (one, other)), shape=(len(rows),) * 2)
    count, part = connected_components(links, directed=False)
    return sorted(rows[part == each].tolist() for each in range(count))
