"""Discriminator and generator, sized by the image's shape and lists of widths.

The discriminator sees the images, or frozen features of the project's own classifier
(Sauer et al., Projected GANs Converge Faster, 2021) and, for the colours and textures
that these ignore, the pixels: as a whole, and in patches.
"""

import keras
from keras import layers

from foldergan.config.settings import GAN
from foldergan.errors import RUN_TRAINING, InputError
from foldergan.images import Tensor
from foldergan.nn.convolutions import Convolution, computing_in, copy_of

# Else a class would be one small number behind hundreds of latent ones, unheard.
CLASS_SCALE = 3.0  # one-hot labels are scaled to the latents' magnitude
_LEAST_SIZE = 4  # height or width up to which a head does not halve a map
# What ends a block of the classifier: features, ready to be used.
_ENDS = (layers.Activation, layers.Add, layers.MaxPooling2D, layers.ReLU)


class Heads(keras.Model):
    """A discriminator with one head for each output of a feature network.

    Args:
        heads: networks that each take one of its outputs and end in logits.
    """

    def __init__(self, heads: list[keras.Model]) -> None:
        super().__init__(name="discriminator")
        self.heads = heads
        self.built = True  # for every head is


def build_networks(
    settings: GAN,
    image_shape: tuple[int, int, int],
    num_classes: int,
    classifier: keras.Model | None = None,
) -> tuple[keras.Model, keras.Model, keras.Model | None]:
    """Builds discriminator, generator and feature network; None without one.

    Args:
        settings: of the GAN; `image_shape` is left to the argument.
        image_shape: (height, width, channels).
        num_classes: 0 where the networks are given no classes.
        classifier: images 0-1 in; needed where the discriminator uses its features.

    Raises:
        InputError: the generator cannot reach that shape, or the classifier does not
            fit the images.
    """
    feature_network = None
    if settings.discriminator_features == "classifier":
        if classifier is None:
            raise InputError(
                "the discriminator uses features of a classifier: give one"
            )
        feature_network = build_feature_network(
            classifier, image_shape, settings.computed_in
        )
    with computing_in(settings.computed_in):
        discriminator: keras.Model
        if feature_network:
            discriminator = build_heads(settings, feature_network, num_classes)
        else:
            discriminator = build_discriminator(settings, image_shape, num_classes)
        generator = build_generator(settings, image_shape, num_classes)
    return discriminator, generator, feature_network


def encode_classes(latents: Tensor, one_hot: Tensor) -> Tensor:
    """Joins latent vectors and the classes to draw into a generator's input.

    Args:
        latents: float tensor (n, latent_dim).
        one_hot: float tensor (n, num_classes), 0-1.

    Returns:
        Tensor (n, latent_dim + num_classes).
    """
    scaled = layers.Rescaling(CLASS_SCALE)(one_hot)
    return layers.Concatenate()([latents, scaled])


def build_discriminator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Sequential:
    """Builds the network that tells real images, -1 to 1, from fake ones.

    Returns:
        A network that ends in 1 + num_classes outputs: one logit, positive for real,
        and what each class adds to it, see `losses.logits_of`.
    """
    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for index, width in enumerate(settings.discriminator_filters):
        strides = 1 if index == 0 else 2
        discriminator.add(Convolution(width, 3, strides=strides, padding="same"))
        discriminator.add(layers.LeakyReLU(negative_slope=0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dropout(settings.dropout))
    discriminator.add(layers.Dense(1 + num_classes))
    return discriminator


def build_feature_network(
    classifier: keras.Model, image_shape: tuple[int, int, int], precision: str
) -> keras.Model:
    """Builds the frozen network whose features of images a discriminator sees.

    Args:
        classifier: images 0-1 in; its last feature map of each size is taken, but
            for the images' own size, which the image itself stands for.
        image_shape: (height, width, channels) of the images.
        precision: "float32", or "bfloat16" to compute in that.

    Returns:
        Images -1 to 1 in; out feature maps, the largest first, and the images twice.

    Raises:
        InputError: the classifier takes other images, or has no feature maps.
    """
    taken = classifier.input_shape[1:]
    if taken != image_shape:
        own, wanted = ("x".join(map(str, shape)) for shape in (taken, image_shape))
        raise InputError(
            f"the classifier whose features the discriminator uses takes images of "
            f"{own}, and {wanted} are to be generated; to train it "
            f"on these, {RUN_TRAINING}",
            ("discriminator_features",),
        )
    classifier = copy_of(classifier, precision)
    classifier.trainable = False
    last = {
        layer.output.shape[1:3]: layer.output
        for layer in classifier.layers
        if isinstance(layer, _ENDS) and len(layer.output.shape) == 4
    }
    maps = [output for size, output in last.items() if size != image_shape[:2]]
    if not maps:
        raise InputError(
            "the classifier whose features the discriminator uses has no feature map "
            f"smaller than its images; {RUN_TRAINING}",
            ("discriminator_features",),
        )
    images = keras.Input(image_shape)
    seen = keras.Model(classifier.inputs[0], maps)(
        layers.Rescaling(0.5, offset=0.5)(images)
    )
    return keras.Model(images, [*seen, images, images], name="feature_network")


def build_heads(settings: GAN, feature_network: keras.Model, num_classes: int) -> Heads:
    """Builds a head for each output of a classifier's feature network.

    The settings' feature_filters are of each convolution over a feature map. The head
    over whole images is a discriminator, and that over patches has its first two
    filters.
    """
    *maps, images, _ = feature_network.outputs
    image_shape, filters = images.shape[1:], settings.discriminator_filters
    heads = [
        _build_head(of_map.shape[1:], settings.feature_filters, num_classes)
        for of_map in maps
    ]
    whole = build_discriminator(settings, image_shape, num_classes)
    patches = _build_patch_head(image_shape, filters[:2], num_classes)
    return Heads([*heads, whole, patches])


def _build_head(
    shape: tuple[int, int, int], width: int, num_classes: int
) -> keras.Sequential:
    """Halves a map while it is larger than 4 pixels; 3x3 convolutions."""
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
        head.add(Convolution(width, 3, strides=strides, padding="same"))
        head.add(layers.LeakyReLU(negative_slope=0.2))
    head.add(Convolution(1 + num_classes, 3, padding="same"))
    return head


def first_block_shape(
    settings: GAN, image_shape: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Computes (height, width, filters) before a generator's first doubling.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    filters = settings.generator_filters
    settings.require_reach(image_shape, upsampling=1)
    height, width, _ = image_shape
    scale = 2 ** (len(filters) - 1)
    return (height // scale, width // scale, filters[0])


def build_generator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Sequential:
    """Builds the network that draws images, -1 to 1.

    It takes what `encode_classes` returns.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    base = first_block_shape(settings, image_shape)
    generator = keras.Sequential(
        [keras.Input((settings.latent_dim + num_classes,))], name="generator"
    )
    generator.add(layers.Dense(base[0] * base[1] * base[2]))
    generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(layers.Reshape(base))
    for width in settings.generator_filters[1:]:
        generator.add(layers.Conv2DTranspose(width, 4, strides=2, padding="same"))
        if settings.generator_normalization == "batch":
            generator.add(layers.BatchNormalization())
        generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(Convolution(image_shape[2], 3, padding="same", activation="tanh"))
    return generator


def inference_generator(generator: keras.Model, num_classes: int) -> keras.Model:
    """Lets a generator take a class by its number; without classes it is left alone.

    Returns:
        Latent vectors (n, latent_dim) and class numbers (n,) in, the same images out;
        the weights are shared. `models.num_classes_of` recognises it.
    """
    if not num_classes:
        return generator
    latents = keras.Input((generator.input_shape[1] - num_classes,), name="latents")
    class_ids = keras.Input((), dtype="int32", name="class_ids")
    one_hot = layers.CategoryEncoding(num_classes, "one_hot", name="classes")(class_ids)
    images = generator(encode_classes(latents, one_hot))
    return keras.Model([latents, class_ids], images, name="inference_generator")


def with_probability(discriminator: keras.Model) -> keras.Sequential:
    """Ends a discriminator in the probability of real instead of its logit.

    The weights are shared, and trainable in the file that is saved of it.
    """
    probability = layers.Activation("sigmoid", name="probability")
    return keras.Sequential(
        [_input_of(discriminator), discriminator, probability],
        name="discriminator_probability",
    )


def combine(generator: keras.Model, discriminator: keras.Model) -> keras.Sequential:
    """Joins both: latent vectors in, the discriminator's probability of real out."""
    ending = with_probability(discriminator)
    return keras.Sequential([_input_of(generator), generator, ending], name="gan")


def _input_of(network: keras.Model) -> keras.KerasTensor:
    """Makes an input of a fixed name: Keras' own counts how many were made before."""
    return keras.Input(network.input_shape[1:], name=f"input_of_{network.name}")
