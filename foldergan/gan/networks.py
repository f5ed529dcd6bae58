"""Discriminator and generator, sized by the image's shape and lists of widths."""

import keras
from keras import layers

from foldergan.config.checks import require_generator_reaches
from foldergan.config.settings import GAN
from foldergan.images import Tensor

# Else a class would be one small number behind hundreds of latent ones, unheard.
_CLASS_SCALE = 3.0  # one-hot labels are scaled to the latents' magnitude


def encode_classes(latents: Tensor, one_hot: Tensor) -> Tensor:
    """Joins latent vectors and the classes to draw into a generator's input.

    Args:
        latents: float tensor (n, latent_dim).
        one_hot: float tensor (n, num_classes), 0-1.

    Returns:
        Tensor (n, latent_dim + num_classes).
    """
    scaled = layers.Rescaling(_CLASS_SCALE)(one_hot)
    return layers.Concatenate()([latents, scaled])


def build_discriminator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Sequential:
    """Builds the network that tells real from fake.

    Args:
        settings: its discriminator_filters and dropout.
        image_shape: (height, width, channels); values -1-1 go in.
        num_classes: for each a further output, see `losses.logits_of`.

    Returns:
        A network that ends in 1 + num_classes outputs: one logit, positive for real,
        and what each class adds to it.
    """
    discriminator = keras.Sequential([keras.Input(image_shape)], name="discriminator")
    for index, width in enumerate(settings.discriminator_filters):
        strides = 1 if index == 0 else 2
        discriminator.add(layers.Conv2D(width, 3, strides=strides, padding="same"))
        discriminator.add(layers.LeakyReLU(negative_slope=0.2))
    discriminator.add(layers.Flatten())
    discriminator.add(layers.Dropout(settings.dropout))
    discriminator.add(layers.Dense(1 + num_classes))
    return discriminator


def first_block_shape(
    settings: GAN, image_shape: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Computes (height, width, filters) before a generator's first doubling.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    filters = settings.generator_filters
    require_generator_reaches(image_shape, filters)
    height, width, _ = image_shape
    scale = 2 ** (len(filters) - 1)
    return (height // scale, width // scale, filters[0])


def build_generator(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int = 0
) -> keras.Sequential:
    """Builds the network that draws.

    Args:
        settings: its latent_dim, generator_filters and generator_normalization.
        image_shape: (height, width, channels) of the images; values -1-1.
        num_classes: further inputs behind the latent vector, see `encode_classes`.

    Raises:
        InputError: that many doublings cannot reach the shape.
    """
    filters, channels = settings.generator_filters, image_shape[2]
    base = first_block_shape(settings, image_shape)
    generator = keras.Sequential(
        [keras.Input((settings.latent_dim + num_classes,))], name="generator"
    )
    generator.add(layers.Dense(base[0] * base[1] * base[2]))
    generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(layers.Reshape(base))
    for width in filters[1:]:
        generator.add(layers.Conv2DTranspose(width, 4, strides=2, padding="same"))
        if settings.generator_normalization == "batch":
            generator.add(layers.BatchNormalization())
        generator.add(layers.LeakyReLU(negative_slope=0.2))
    generator.add(layers.Conv2D(channels, 3, padding="same", activation="tanh"))
    return generator


def inference_generator(generator: keras.Sequential, num_classes: int) -> keras.Model:
    """Lets a generator take a class by its number; without classes it is left alone.

    Args:
        generator: takes inputs of `encode_classes`.
        num_classes: 0 for a generator of latent vectors alone.

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
    """Joins both: latent vectors in, probability of being taken for real out."""
    ending = with_probability(discriminator)
    return keras.Sequential([_input_of(generator), generator, ending], name="gan")


def _input_of(network: keras.Model) -> keras.KerasTensor:
    """Makes an input of a fixed name: Keras' own counts how many were made before."""
    return keras.Input(network.input_shape[1:], name=f"input_of_{network.name}")
