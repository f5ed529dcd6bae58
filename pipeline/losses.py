"""Adversarial losses: pure functions of real_logits and fake_logits.

Real is 1 and fake is 0. Written with softplus, which is binary cross-entropy on
logits: -log sigmoid(x) = softplus(-x), -log(1 - sigmoid(x)) = softplus(x).
"""

from keras import ops


def logits_of(outputs, classes):
    """Adds up the logit of being real and, of one class, of being real of that class.

    A projection discriminator: Miyato and Koyama, cGANs with Projection
    Discriminator, 2018. Without classes the logit is left alone.

    Args:
        outputs: float tensor of shape (n, 1 + num_classes).
        classes: one-hot float tensor of shape (n, num_classes).

    Returns:
        float tensor of shape (n, 1).
    """
    of_class = ops.sum(outputs[:, 1:] * classes, axis=1, keepdims=True)
    return outputs[:, :1] + of_class


def discriminator_loss(real_logits, fake_logits):
    """Binary cross-entropy of telling real from fake, in nats.

    Both halves weigh the same, as in one batch that is half real, half fake.
    Goodfellow et al., Generative Adversarial Nets, 2014.

    Args:
        real_logits: float tensor of shape (n, 1), of real pictures.
        fake_logits: float tensor of shape (m, 1), of generated pictures.

    Returns:
        Scalar; ln 2 when the discriminator knows nothing.
    """
    real_loss = ops.mean(ops.softplus(-real_logits))
    fake_loss = ops.mean(ops.softplus(fake_logits))
    return (real_loss + fake_loss) / 2


def generator_loss(fake_logits):
    """Non-saturating loss of being told from real, in nats.

    Binary cross-entropy of generated pictures against the label of real ones.
    Goodfellow et al., Generative Adversarial Nets, 2014, section 3.

    Args:
        fake_logits: float tensor of shape (n, 1), of generated pictures.

    Returns:
        Scalar; ln 2 when the discriminator knows nothing.
    """
    return ops.mean(ops.softplus(-fake_logits))
