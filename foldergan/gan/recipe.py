"""Which parts a GAN is made of, as its settings ask for."""

import keras

from foldergan.config.settings import GAN
from foldergan.errors import InputError
from foldergan.gan import networks, projection
from foldergan.gan.trainer import AdversarialTrainer


def build_trainer(
    settings: GAN,
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    classifier: keras.Model | None = None,
) -> AdversarialTrainer:
    """Builds discriminator and generator, in this order, and what trains them.

    Args:
        settings: of the GAN; `image_shape` is left to the argument.
        image_shape: (height, width, channels) of the images.
        num_classes: of the images, 0 where they are not told apart.
        seed: of the order of the images and of all that is random in a step.
        classifier: images 0-1 in; needed where the discriminator looks through it.

    Raises:
        InputError: the generator cannot reach that shape, or the classifier does not
            fit the images.
    """
    feature_network = None
    if settings.discriminator_features == "classifier":
        if classifier is None:
            raise InputError("the discriminator looks through a classifier: give one")
        feature_network = projection.build_feature_network(
            classifier, image_shape, settings.precision
        )
        discriminator = projection.build_discriminator(
            settings, feature_network, image_shape, num_classes
        )
    else:
        discriminator = networks.build_discriminator(settings, image_shape, num_classes)
    generator = networks.build_generator(settings, image_shape, num_classes)
    return AdversarialTrainer(discriminator, generator, settings, seed, feature_network)
