"""A discriminator that also sees pictures as a trained classifier does.

The classifier has learned what matters in pictures; a discriminator that starts from
its feature maps need not learn that again, and tells the generator sooner what is
wrong. Sauer et al., Projected GANs Converge Faster, 2021; here the features are those
of the project's own classifier. What it does not look at, colours and textures, two
networks judge by the pixels: one the whole picture, one each small patch of it.
"""

import keras
from keras import layers

from foldergan.errors import RUN_TRAINING, InputError
from foldergan.gan import networks
from foldergan.nn import fast_layers

_LEAST_SIZE = 4  # height or width up to which a map is not halved


# What ends a block: features, ready to be used.
_ENDS = (layers.Activation, layers.Add, layers.MaxPooling2D, layers.ReLU)


class ProjectedDiscriminator(keras.Model):
    """One network for each view of a picture.

    Args:
        heads: networks that each take one view and end in logits.
    """

    def __init__(self, heads: list[keras.Sequential]):
        super().__init__(name="discriminator")
        self.heads = heads
        self.built = True  # for every head is


def build_view(
    classifier: keras.Model, image_shape: tuple[int, int, int], precision: str
) -> keras.Model:
    """Builds the frozen network that shows a picture to a discriminator.

    Args:
        classifier: pictures 0-1 in; its last feature map of each size is shown, but
            for pictures' own size, which the picture itself stands for.
        image_shape: (height, width, channels) of the pictures.
        precision: "float32", or "bfloat16" to compute in that.

    Returns:
        Pictures -1-1 in; out feature maps, the largest first, and the pictures twice.

    Raises:
        InputError: the classifier takes other pictures, or has no feature maps.
    """
    taken = classifier.input_shape[1:]
    if taken != image_shape:
        raise InputError(
            f"--discriminator-features classifier: it takes pictures of {_x(taken)}, "
            f"and {_x(image_shape)} are to be drawn; train it on these with "
            "TrainModel.py, or give --discriminator-features none"
        )
    classifier = fast_layers.optimized_copy(classifier, precision)
    classifier.trainable = False
    last = {
        layer.output.shape[1:3]: layer.output
        for layer in classifier.layers
        if isinstance(layer, _ENDS) and len(layer.output.shape) == 4
    }
    maps = [output for size, output in last.items() if size != image_shape[:2]]
    if not maps:
        raise InputError(
            "--discriminator-features classifier: the classifier has no feature map "
            f"smaller than its pictures; {RUN_TRAINING}"
        )
    pictures = keras.Input(image_shape)
    seen = keras.Model(classifier.inputs[0], maps)(
        layers.Rescaling(0.5, offset=0.5)(pictures)
    )
    return keras.Model(pictures, [*seen, pictures, pictures], name="view")


def build_discriminator(
    view: keras.Model,
    image_shape: tuple[int, int, int],
    feature_filters: int,
    filters: tuple[int, ...],
    dropout: float,
    num_classes: int = 0,
) -> ProjectedDiscriminator:
    """Builds the networks that judge what `view` shows.

    Args:
        view: as of `build_view`.
        image_shape: (height, width, channels) of the pictures.
        feature_filters: width of the 3x3 convolutions over each feature map, which
            halve it while it is larger than 4 pixels.
        filters: as `networks.build_discriminator`, of the network that judges whole
            pictures; the first two are those of the one that judges patches.
        dropout: the same.
        num_classes: the same, of every network.
    """
    *maps, _, _ = view.outputs
    heads = [_build_head(maps.shape[1:], feature_filters, num_classes) for maps in maps]
    whole = networks.build_discriminator(image_shape, filters, dropout, num_classes)
    patches = _build_patch_head(image_shape, filters[:2], num_classes)
    return ProjectedDiscriminator([*heads, whole, patches])


def _build_head(shape, width: int, num_classes: int) -> keras.Sequential:
    head = keras.Sequential([keras.Input(shape)])
    size, strides = max(shape[:2]), [1]
    while size > _LEAST_SIZE:
        strides.insert(0, 2)
        size = -(-size // 2)
    for stride in strides:
        head.add(layers.Conv2D(width, 3, strides=stride, padding="same"))
        head.add(layers.LeakyReLU(negative_slope=0.2))
    head.add(layers.Flatten())
    head.add(layers.Dense(1 + num_classes))
    return head


def _build_patch_head(image_shape, filters, num_classes: int) -> keras.Sequential:
    """Judges every other pixel by what is up to four pixels away.

    As Isola et al., Image-to-Image Translation with Conditional Adversarial Networks,
    2017, judge patches.
    """
    head = keras.Sequential([keras.Input(image_shape)])
    for strides, width in enumerate(filters, 1):
        head.add(layers.Conv2D(width, 3, strides=strides, padding="same"))
        head.add(layers.LeakyReLU(negative_slope=0.2))
    head.add(layers.Conv2D(1 + num_classes, 3, padding="same"))
    return head


def _x(shape) -> str:
    return "x".join(map(str, shape))
