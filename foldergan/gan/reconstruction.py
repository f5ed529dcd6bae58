"""How far images are from those that they are to reconstruct."""

import tensorflow as tf

from foldergan.gan import mixing
from foldergan.gan.steps import mean_of

_COARSE = 32  # height and width that pixels are averaged to before they are compared


def reconstruction_loss(
    real_images: tf.Tensor,
    fake_images: tf.Tensor,
    real_features: list[tf.Tensor],
    fake_features: list[tf.Tensor],
    pixel_weight: float,
) -> tf.Tensor:
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
    pooled = tf.nn.avg_pool2d(real_images - fake_images, size, size, "VALID")
    distance = feature_distance(real_features, fake_features)
    return distance + pixel_weight * tf.reduce_mean(tf.abs(pooled))


def feature_distance(
    real_features: list[tf.Tensor], fake_features: list[tf.Tensor]
) -> tf.Tensor:
    """Computes the L1 distance of mixed maps, which weigh the same.

    Args:
        real_features: what a feature network returns for the real images.
        fake_features: the same, for the generated ones.
    """
    pairs = zip(
        mixing.maps_of(real_features), mixing.maps_of(fake_features), strict=True
    )
    return mean_of([tf.reduce_mean(tf.abs(real - fake)) for real, fake in pairs])
