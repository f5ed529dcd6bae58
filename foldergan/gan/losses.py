"""Adversarial losses: pure functions of real_logits and fake_logits.

Real is 1 and fake is 0; float tensors (n, k), k logits an image where they are of k
patches of it; each loss is a scalar. Binary cross-entropy on logits is softplus:
-log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).
"""

from collections.abc import Sequence

from keras import ops

from foldergan.images import Tensor


def logits_of(outputs: Tensor, classes: Tensor) -> Tensor:
    """Adds up the logit of being real and, of one class, of being real of that class.

    A projection discriminator: Miyato and Koyama, cGANs with Projection
    Discriminator, 2018.

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
    """Binary cross-entropy of telling real from fake, in nats; ln 2 at first.

    Both halves weigh the same, as in one batch that is half real, half fake.
    Goodfellow et al., Generative Adversarial Nets, 2014.
    """
    real_loss = ops.mean(ops.softplus(-real_logits))
    fake_loss = ops.mean(ops.softplus(fake_logits))
    return (real_loss + fake_loss) / 2


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Non-saturating loss of being classified as fake, in nats; ln 2 at first.

    Goodfellow et al., Generative Adversarial Nets, 2014, section 3.
    """
    return ops.mean(ops.softplus(-fake_logits))


def hinge_discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Hinge loss, 1 at first: no logit beyond 1 or -1 is asked for.

    Lim and Ye, Geometric GAN, 2017, section 3; halved, as `discriminator_loss` is.
    """
    real_loss = ops.mean(ops.relu(1 - real_logits))
    fake_loss = ops.mean(ops.relu(1 + fake_logits))
    return (real_loss + fake_loss) / 2


def hinge_generator_loss(fake_logits: Tensor) -> Tensor:
    """What the generator lowers against `hinge_discriminator_loss`; 0 at first."""
    return -ops.mean(fake_logits)


def mean_of(values: list[Tensor]) -> Tensor:
    """The mean over the heads, which weigh the same."""
    return sum(values[1:], values[0]) / len(values)


def accuracies_of(pairs: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """The fractions of real and of fake images that are classified right.

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
