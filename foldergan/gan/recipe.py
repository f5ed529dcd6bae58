"""Which parts a GAN is made of, as its settings ask for."""

import keras
from keras import layers

from foldergan.backbones.loading import load_backbone
from foldergan.config.checks import require_generator_reaches, upsampling_of
from foldergan.config.settings import GAN
from foldergan.errors import InputError
from foldergan.gan import (
    light_generator,
    mixing,
    networks,
    projected_heads,
    projection,
    upsampler,
)
from foldergan.gan.projected_trainer import ProjectedTrainer
from foldergan.gan.trainer import AdversarialTrainer
from foldergan.gan.upsampling import Upsampling

# Channels of the mixed maps, of the stride named or any above.
_MIXED_CHANNELS = {4: 48, 8: 64, 16: 128, 32: 128}
# Of what tells real from upsampled images.
_UPSAMPLED_FILTERS = (24, 48, 64)


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
        InputError: the generator cannot reach that shape, or the classifier or the
            backbone does not fit the images or is not to be had.
    """
    if settings.backbone != "none":
        return _build_through_backbone(settings, image_shape, num_classes, seed)
    feature_network = None
    if settings.discriminator_features == "classifier":
        if classifier is None:
            raise InputError("the discriminator looks through a classifier: give one")
        feature_network = projection.build_feature_network(
            classifier, image_shape, settings.computed_in
        )
        discriminator = projection.build_discriminator(
            settings, feature_network, image_shape, num_classes
        )
    else:
        discriminator = networks.build_discriminator(settings, image_shape, num_classes)
    generator = networks.build_generator(settings, image_shape, num_classes)
    return AdversarialTrainer(discriminator, generator, settings, seed, feature_network)


def _build_through_backbone(
    settings: GAN, image_shape: tuple[int, int, int], num_classes: int, seed: int
) -> ProjectedTrainer:
    """Builds heads over a pretrained backbone, a light generator and an upsampler."""
    require_generator_reaches(
        image_shape, settings.generator_filters, settings.backbone
    )
    factor = upsampling_of(image_shape, settings.backbone)
    height, width, channels = image_shape
    drawn_shape = (height // factor, width // factor, channels)
    feature_network = _build_feature_network(settings.backbone, drawn_shape, 2, seed)
    discriminator = projected_heads.build_heads(settings, feature_network, num_classes)
    generator = light_generator.build_light_generator(
        settings, drawn_shape, num_classes
    )
    upsampling = None
    if factor > 1:
        upsampling = Upsampling(
            upsampler.build_upsampler(drawn_shape, factor),
            projected_heads.build_patch_head(image_shape, _UPSAMPLED_FILTERS, 0),
            _build_feature_network(settings.backbone, image_shape, 1, seed),
            seed,
            settings.computed_in,
        )
    return ProjectedTrainer(
        discriminator, generator, settings, seed, feature_network, upsampling
    )


def _build_feature_network(
    name: str, image_shape: tuple[int, int, int], enlarged: int, seed: int
) -> keras.Model:
    """Builds the feature network of a backbone that sees images, perhaps enlarged.

    Backbones have learned from large images: of small ones they see more when those
    are enlarged.
    """
    height, width, channels = image_shape
    seen_shape = (height * enlarged, width * enlarged, channels)
    seen = images = keras.Input(image_shape, name="images")
    if enlarged > 1:
        seen = layers.UpSampling2D(enlarged, interpolation="bilinear")(images)
    stages = load_backbone(name, seen_shape)(layers.Rescaling(0.5, offset=0.5)(seen))
    widths = [_MIXED_CHANNELS[mixing.stride_of(stage, seen)] for stage in stages]
    return mixing.build_feature_network(stages, images, widths, seed)
