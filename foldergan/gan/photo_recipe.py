"""The networks of a GAN that looks through a backbone, and what trains them."""

import keras
from keras import layers

from foldergan.backbones import loading
from foldergan.config.settings import GAN
from foldergan.gan import light_generator, mixing, projected_heads
from foldergan.gan.photo_trainer import PhotoTrainer

# Channels of the mixed maps, of the stride named or any above.
_MIXED_CHANNELS = {4: 48, 8: 64, 16: 128, 32: 128}


def build_photo_trainer(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> PhotoTrainer:
    """Builds view, heads and generator, in this order, and what trains them.

    Args:
        settings: of the GAN; `image_shape` is left to the argument.
        image_shape: (height, width, channels) of the images.
        num_classes: of the images, 0 where they are not told apart.
        seed: of the mixing, of the order of the images and of all that is random.

    Raises:
        InputError: the backbone is not to be had or takes no such images, or the
            generator cannot reach their shape.
    """
    backbone = loading.load_backbone(settings.backbone, image_shape)
    images = keras.Input(image_shape, name="images")
    stages = backbone(layers.Rescaling(0.5, offset=0.5)(images))
    widths = [_MIXED_CHANNELS[mixing.stride_of(values, images)] for values in stages]
    view = mixing.build_mixed_view(stages, images, widths, seed)
    discriminator = projected_heads.build_heads(
        view, settings.feature_filters, settings.discriminator_filters, num_classes
    )
    generator = light_generator.build_light_generator(
        image_shape, settings.latent_dim, settings.generator_filters, num_classes
    )
    return PhotoTrainer(
        discriminator,
        generator,
        warm_up_steps=settings.warm_up_steps,
        blur_steps=settings.blur_steps,
        redrawing=settings.redrawing,
        code_size=settings.code_size,
        discriminator_learning_rate=settings.discriminator_learning_rate,
        generator_learning_rate=settings.generator_learning_rate,
        beta_1=settings.beta_1,
        beta_2=settings.beta_2,
        loss=settings.loss,
        view=view,
        augmentation=settings.augmentation,
        ema=settings.ema,
        precision=settings.precision,
        seed=seed,
    )
