"""Images changed a little at random, so that a network cannot learn them by heart.

Images are float tensors (n, height, width, channels) before and after. Everything is
differentiable by them and depends on nothing but its seed, an int tensor (2,), so that
a resumed run sees the same changes.
"""

from keras import ops

from foldergan import engine
from foldergan.images import Tensor

_IN_WORDS = {
    "mirror": "mirrored",
    "shift": "shifted",
    "color": "changed in colour",
    "cutout": "partly blanked",
}


def mirror(images: Tensor, seed: Tensor) -> Tensor:
    """Mirrors half of the images, left to right."""
    draws = engine.uniform((ops.shape(images)[0], 1, 1, 1), seed)
    return ops.where(draws < 0.5, images, images[:, :, ::-1])


def color(images: Tensor, seed: Tensor) -> Tensor:
    """Changes brightness, saturation and contrast of each image, in this order.

    By as much as in Zhao et al., Differentiable Augmentation for Data-Efficient GAN
    Training, 2020: adds -0.5 to 0.5, scales the distance to grey by 0 to 2 and that
    to the image's mean by 0.5 to 1.5. Values, -1 to 1, may leave the range.
    """
    shape = (3, ops.shape(images)[0], 1, 1, 1)
    brightness, saturation, contrast = ops.unstack(engine.uniform(shape, seed), 3)
    images += brightness - 0.5
    grey = ops.mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * (2 * saturation)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return mean + (images - mean) * (contrast + 0.5)


def shift(images: Tensor, seed: Tensor, mode: str = "reflect") -> Tensor:
    """Shifts each image by whole pixels, up to an eighth of its size each way.

    What comes in at the edge is a reflection, or 0 by the mode "constant".
    """
    count, (_, height, width, _) = ops.shape(images)[0], images.shape
    most = height // 8, width // 8
    padded = ops.pad(images, ((0, 0), (most[0],) * 2, (most[1],) * 2, (0, 0)), mode)
    for axis, (size, limit) in enumerate(((height, most[0]), (width, most[1])), 1):
        starts = engine.integers((count, 1), seed + axis, 2 * limit + 1)
        pixels = starts + ops.arange(size, dtype="int32")
        padded = engine.shift_each(padded, pixels, axis)
    return padded


def cutout(images: Tensor, seed: Tensor) -> Tensor:
    """Blanks one rectangle, a fifth of height and width, of each image to 0.

    Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, 2020.
    """
    count, (_, height, width, _) = ops.shape(images)[0], images.shape
    kept = []
    for axis, size in enumerate((height, width)):
        middles = engine.uniform((count, 1), seed + axis, size)
        distances = ops.abs(ops.arange(size, dtype="float32") - middles)
        kept.append(distances > 0.2 * size / 2)
    mask = kept[0][:, :, None] | kept[1][:, None]
    return images * ops.cast(mask, images.dtype)[..., None]


def augment(images: Tensor, changes: tuple[str, ...], seed: Tensor) -> Tensor:
    """Augments images, -1 to 1, before the discriminator, real and fake alike.

    Args:
        images: to change.
        changes: of mirror, shift, color, cutout and none; made in this order.
        seed: of all of them.
    """
    if "mirror" in changes:
        images = mirror(images, seed)
    if "shift" in changes:
        images = shift(images, seed, mode="constant")
    if "color" in changes:
        images = color(images, seed + 3)  # draws of its own
    if "cutout" in changes:
        images = cutout(images, seed + 4)
    return images


def as_text(changes: tuple[str, ...]) -> str:
    """Writes what is done to images, such as "mirrored, shifted and partly blanked"."""
    words = [word for change, word in _IN_WORDS.items() if change in changes]
    *first, last = words or ["not augmented"]
    return " and ".join([", ".join(first), last] if first else [last])
