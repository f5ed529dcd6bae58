"""A discriminator that also looks at the feature maps of a trained classifier.

The classifier has learned what matters in images; a discriminator that starts from
its feature maps need not learn that again, and tells the generator sooner what is
wrong. Sauer et al., Projected GANs Converge Faster, 2021; here the features are those
of the project's own classifier. For what it ignores, colours and textures, two heads
look at the pixels: one at the whole image, one at each small patch of it.
"""

import keras
from keras import layers

from foldergan.config.settings import GAN
from foldergan.errors import RUN_TRAINING, InputError
from foldergan.gan import networks
from foldergan.nn import routes

_LEAST_SIZE = 4  # height or width up to which a map is not halved
# What ends a block: features, ready to be used.
_ENDS = (layers.Activation, layers.Add, layers.MaxPooling2D, layers.ReLU)


class ProjectedDiscriminator(keras.Model):
    """One head for each output of a feature network.

    Args:
        heads: networks that each take one of its outputs and end in logits.
    """

    def __init__(self, heads: list[keras.Sequential]) -> None:
        super().__init__(name="discriminator")
        self.heads = heads
        self.built = True  # for every head is


def build_feature_network(
    classifier: keras.Model, image_shape: tuple[int, int, int], precision: str
) -> keras.Model:
    """Builds the frozen network that a discriminator looks through.

    Args:
        classifier: images 0-1 in; its last feature map of each size is taken, but
            for the images' own size, which the image itself stands for.
        image_shape: (height, width, channels) of the images.
        precision: "float32", or "bfloat16" to compute in that.

    Returns:
        Images -1-1 in; out feature maps, the largest first, and the images twice.

    Raises:
        InputError: the classifier takes other images, or has no feature maps.
    """
    taken = classifier.input_shape[1:]
    if taken != image_shape:
        raise InputError(
            f"the classifier that the discriminator looks through takes images of "
            f"{_x(taken)}, and {_x(image_shape)} are to be generated; to train it "
            f"on these, {RUN_TRAINING}",
            ("discriminator_features",),
        )
    classifier = routes.optimized_copy(classifier, precision)
    classifier.trainable = False
    last = {
        layer.output.shape[1:3]: layer.output
        for layer in classifier.layers
        if isinstance(layer, _ENDS) and len(layer.output.shape) == 4
    }
    maps = [output for size, output in last.items() if size != image_shape[:2]]
    if not maps:
        raise InputError(
            "the classifier that the discriminator looks through has no feature map "
            f"smaller than its images; {RUN_TRAINING}",
            ("discriminator_features",),
        )
    images = keras.Input(image_shape)
    seen = keras.Model(classifier.inputs[0], maps)(
        layers.Rescaling(0.5, offset=0.5)(images)
    )
    return keras.Model(images, [*seen, images, images], name="feature_network")


def build_discriminator(
    settings: GAN,
    feature_network: keras.Model,
    image_shape: tuple[int, int, int],
    num_classes: int = 0,
) -> ProjectedDiscriminator:
    """Builds a head for each output of a feature network.

    Args:
        settings: its feature_filters, filters of the 3x3 convolutions over each
            feature map, which halve it while it is larger than 4 pixels; and those of
            `networks.build_discriminator` for the head over whole images, of whose
            filters the head over patches has the first two.
        feature_network: as of `build_feature_network`.
        image_shape: (height, width, channels) of the images.
        num_classes: as of `networks.build_discriminator`, of every head.
    """
    *maps, _, _ = feature_network.outputs
    heads = [
        _build_head(of_map.shape[1:], settings.feature_filters, num_classes)
        for of_map in maps
    ]
    whole = networks.build_discriminator(settings, image_shape, num_classes)
    patches = _build_patch_head(
        image_shape, settings.discriminator_filters[:2], num_classes
    )
    return ProjectedDiscriminator([*heads, whole, patches])


def _build_head(
    shape: tuple[int, int, int], width: int, num_classes: int
) -> keras.Sequential:
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


def _build_patch_head(
    image_shape: tuple[int, int, int], filters: tuple[int, ...], num_classes: int
) -> keras.Sequential:
    """Looks at every other pixel and what is up to four pixels away.

    A patch discriminator: Isola et al., Image-to-Image Translation with Conditional
    Adversarial Networks, 2017.
    """
    head = keras.Sequential([keras.Input(image_shape)])
    for strides, width in enumerate(filters, 1):
        head.add(layers.Conv2D(width, 3, strides=strides, padding="same"))
        head.add(layers.LeakyReLU(negative_slope=0.2))
    head.add(layers.Conv2D(1 + num_classes, 3, padding="same"))
    return head


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
