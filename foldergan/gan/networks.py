"""Discriminator and generator, sized by the image's shape and lists of widths."""

import keras
from keras import layers

from foldergan.config.settings import check_generator_reaches
from foldergan.errors import InputError

# Else a class would be one small number behind hundreds of latent ones, unheard.
CLASS_SCALE = 3.0  # what its number in a generator's input is, instead of 1


def build_discriminator(
    image_shape: tuple[int, int, int],
    filters: tuple[int, ...],
    dropout: float,
    num_classes: int = 0,
) -> keras.Sequential:
    """Builds the network that tells real from fake.

    Args:
        image_shape: (height, width, channels); values -1-1 go in.
        filters: width of each 3x3 convolution; all but the first halve the size.
        dropout: part of the features dropped before the output.
        num_classes: for each a further output, see `losses.logits_of`.

    Returns:
        A network that ends in one logit, positive for real, and what each class adds
        to it.
    """
    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for index, width in enumerate(filters):
        strides = 1 if index == 0 else 2
        discriminator.add(layers.Conv2D(width, 3, strides=strides, padding="same"))
        discriminator.add(layers.LeakyReLU(negative_slope=0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dropout(dropout))
    discriminator.add(layers.Dense(1 + num_classes))
    return discriminator


def build_generator(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    filters: tuple[int, ...],
    normalization: str = "none",
    num_classes: int = 0,
) -> keras.Sequential:
    """Builds the network that draws.

    Args:
        image_shape: (height, width, channels) of the pictures; values -1-1.
        latent_dim: length of a latent vector.
        filters: width of the first block, then of each doubling of the size.
        normalization: "batch" normalizes each doubling's output, "none" does not.
        num_classes: further inputs behind the latent vector: `CLASS_SCALE` for the
            class to draw and 0 for the others; see `inference_generator`.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    try:
        check_generator_reaches(image_shape, filters)
    except ValueError as error:
        raise InputError(f"{error}; see --image-shape, --generator-filters") from error
    height, width, channels = image_shape
    scale = 2 ** (len(filters) - 1)
    base = (height // scale, width // scale, filters[0])
    generator = keras.Sequential(
        [keras.Input((latent_dim + num_classes,))], name="generator"
    )
    generator.add(layers.Dense(base[0] * base[1] * base[2]))
    generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(layers.Reshape(base))
    for width in filters[1:]:
        generator.add(layers.Conv2DTranspose(width, 4, strides=2, padding="same"))
        if normalization == "batch":
            generator.add(layers.BatchNormalization())
        generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(layers.Conv2D(channels, 3, padding="same", activation="tanh"))
    return generator


def inference_generator(generator: keras.Sequential, num_classes: int) -> keras.Model:
    """Lets a generator take a class by its number; without classes it is left alone.

    Args:
        generator: takes latent vectors, each with a class behind it.
        num_classes: 0 for a generator of latent vectors alone.

    Returns:
        Latent vectors (n, latent_dim) and class numbers (n,) in, the same pictures
        out; the weights are shared.
    """
    if not num_classes:
        return generator
    latents = keras.Input((generator.input_shape[1] - num_classes,), name="latents")
    class_ids = keras.Input((), dtype="int32", name="class_ids")
    one_hot = layers.CategoryEncoding(num_classes, "one_hot", name="classes")
    classes = layers.Rescaling(CLASS_SCALE)(one_hot(class_ids))
    joined = layers.Concatenate()([latents, classes])
    return keras.Model([latents, class_ids], generator(joined), name="drawer")


def num_classes_of(generator: keras.Model) -> int:
    """Counts the classes that an `inference_generator` takes; 0 for none."""
    return (
        generator.get_layer("classes").num_tokens if len(generator.inputs) == 2 else 0
    )


def with_probability(discriminator: keras.Model) -> keras.Sequential:
    """Ends a discriminator in the probability of real instead of its logit.

    The weights are shared, and trainable in the file that is saved of it.
    """
    return keras.Sequential(
        [discriminator, layers.Activation("sigmoid", name="probability")],
        name="discriminator_probability",
    )


def combine(generator: keras.Model, discriminator: keras.Model) -> keras.Sequential:
    """Joins both: latent vectors in, probability of being taken for real out."""
    judged = with_probability(discriminator)
    return keras.Sequential([generator, judged], name="gan")
