"""Adversarial losses: pure functions of real_logits and fake_logits.

Real is 1 and fake is 0; the k logits of an image are of k patches of it. Binary
cross-entropy on logits is softplus: -log sigmoid(x) = softplus(-x),
-log(1 - sigmoid(x)) = softplus(x).
"""

from collections.abc import Sequence

from keras import ops

from foldergan.images import Tensor


def logits_of(outputs: Tensor, classes: Tensor) -> Tensor:
    """Adds up the logit of being real and, of one class, of being real of that class.

    A projection discriminator: Miyato and Koyama, cGANs with Projection
    Discriminator, 2018. Without classes the logit is left alone.

    Args:
        outputs: float tensor of shape (n, 1 + num_classes); or (n, height, width, 1 +
            num_classes), of patches of the images.
        classes: one-hot float tensor of shape (n, num_classes).

    Returns:
        float tensor of shape (n, k): one logit an image, or one a patch.
    """
    places = ops.reshape(outputs, (ops.shape(outputs)[0], -1, outputs.shape[-1]))
    of_class = ops.sum(places[:, :, 1:] * classes[:, None], axis=2)
    return places[:, :, 0] + of_class


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Binary cross-entropy of telling real from fake, in nats.

    Both halves weigh the same, as in one batch that is half real, half fake.
    Goodfellow et al., Generative Adversarial Nets, 2014.

    Args:
        real_logits: float tensor of shape (n, k), of real images.
        fake_logits: float tensor of shape (m, k), of generated images.

    Returns:
        Scalar; ln 2 when the discriminator knows nothing.
    """
    real_loss = ops.mean(ops.softplus(-real_logits))
    fake_loss = ops.mean(ops.softplus(fake_logits))
    return (real_loss + fake_loss) / 2


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating loss of being told from real, in nats.

    Binary cross-entropy of generated images against the label of real ones.
    Goodfellow et al., Generative Adversarial Nets, 2014, section 3.

    Args:
        fake_logits: float tensor of shape (n, k), of generated images.

    Returns:
        Scalar; ln 2 when the discriminator knows nothing.
    """
    return ops.mean(ops.softplus(-fake_logits))


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Hinge loss of telling real from fake: no logit beyond 1 or -1 is asked for.

    Lim and Ye, Geometric GAN, 2017, section 3. Halved, as `discriminator_loss` is.

    Args:
        real_logits: float tensor of shape (n, k), of real images.
        fake_logits: float tensor of shape (m, k), of generated images.

    Returns:
        Scalar; 1 when the discriminator knows nothing, 0 at best.
    """
    real_loss = ops.mean(ops.relu(1 - real_logits))
    fake_loss = ops.mean(ops.relu(1 + fake_logits))
    return (real_loss + fake_loss) / 2


def hinge_generator_loss(fake_logits: Tensor) -> Tensor:
    """What the generator lowers against `hinge_discriminator_loss`.

    Lim and Ye, Geometric GAN, 2017, section 3.

    Args:
        fake_logits: float tensor of shape (n, k), of generated images.

    Returns:
        Scalar; 0 when the discriminator knows nothing.
    """
    return -ops.mean(fake_logits)


def mean_of(values: list[Tensor]) -> Tensor:
    """The mean over the heads, which weigh the same."""
    return sum(values[1:], values[0]) / len(values)


def accuracies_of(pairs: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """The fractions of real and of fake images that are told right.

    Args:
        pairs: for each head its logits of real and of fake images.
    """
    return (
        mean_of([_fraction_of(real > 0) for real, _ in pairs]),
        mean_of([_fraction_of(fake <= 0) for _, fake in pairs]),
    )


def _fraction_of(is_so: Tensor) -> Tensor:
    return ops.mean(ops.cast(is_so, "float32"))


# The discriminator's and the generator's, by the names that a setting takes.
LOSSES = {
    "cross-entropy": (discriminator_loss, generator_loss),
    "hinge": (hinge_discriminator_loss, hinge_generator_loss),
}
