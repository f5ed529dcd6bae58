"""Networks, and what trains those of a GAN, as their settings ask for."""

import keras

from foldergan.config.settings import GAN
from foldergan.gan import networks, photo_recipe, projection, trainer


def build_trainer(
    settings: GAN,
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    classifier: keras.Model | None = None,
) -> trainer.AdversarialTrainer:
    """Builds discriminator and generator, in this order, and what trains them.

    Args:
        settings: of the GAN; `image_shape` is left to the argument.
        image_shape: (height, width, channels) of the pictures.
        num_classes: of the pictures, 0 where they are not told apart.
        seed: of the order of the pictures and of all that is random in a step.
        classifier: pictures 0-1 in; needed where the discriminator sees its features.

    Raises:
        InputError: the generator cannot reach that shape, or the classifier or the
            backbone does not fit the pictures.
    """
    if settings.backbone != "none":
        return photo_recipe.build_photo_trainer(
            settings, image_shape, num_classes, seed
        )
    view = None
    judged = (settings.discriminator_filters, settings.dropout, num_classes)
    if settings.discriminator_features == "classifier":
        view = projection.build_view(classifier, image_shape, settings.precision)
        discriminator = projection.build_discriminator(
            view, image_shape, settings.feature_filters, *judged
        )
    else:
        discriminator = networks.build_discriminator(image_shape, *judged)
    generator = networks.build_generator(
        image_shape,
        settings.latent_dim,
        settings.generator_filters,
        settings.generator_normalization,
        num_classes,
    )
    return trainer.AdversarialTrainer(
        discriminator,
        generator,
        discriminator_learning_rate=settings.discriminator_learning_rate,
        generator_learning_rate=settings.generator_learning_rate,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        loss=settings.loss,
        view=view,
        augmentation=settings.augmentation,
        ema=settings.ema,
        precision=settings.precision,
        latents=settings.latents,
        seed=seed,
    )
