"""How far images are from those that they are to reconstruct."""

from keras import ops

from foldergan.gan import mixing
from foldergan.gan.losses import mean_of
from foldergan.images import Tensor

_COARSE = 32  # height and width that pixels are averaged to before they are compared


def reconstruction_loss(
    real_images: Tensor,
    fake_images: Tensor,
    real_features: list[Tensor],
    fake_features: list[Tensor],
    pixel_weight: float,
) -> Tensor:
    """Computes the L1 distance of mixed maps, and of coarse pixels.

    A perceptual loss: Johnson et al., Perceptual Losses for Real-Time Style Transfer
    and Super-Resolution, 2016. Coarse pixels leave fine detail to the other losses.

    Args:
        real_images: float32 tensor (n, height, width, channels), -1-1.
        fake_images: the same, of generated ones; each is to be the real one.
        real_features: what a feature network returns for the real images.
        fake_features: the same, for the generated ones.
        pixel_weight: of the pixels; that of the mixed maps is 1.
    """
    size = max(1, real_images.shape[1] // _COARSE)
    pooled = ops.average_pool(real_images - fake_images, size, size)
    distance = feature_distance(real_features, fake_features)
    return distance + pixel_weight * ops.mean(ops.abs(pooled))


def feature_distance(
    real_features: list[Tensor], fake_features: list[Tensor]
) -> Tensor:
    """Computes the L1 distance of mixed maps, which weigh the same.

    Args:
        real_features: what a feature network returns for the real images.
        fake_features: the same, for the generated ones.
    """
    pairs = zip(
        mixing.maps_of(real_features), mixing.maps_of(fake_features), strict=True
    )
    return mean_of([ops.mean(ops.abs(real - fake)) for real, fake in pairs])
