"""Rules over more than one setting: what fits together."""

from typing import Any

from foldergan.errors import InputError

# Beside a backbone a linear head is fitted at once, and the GAN has other networks.
_IDLE = {
    "classifier": (
        "epochs",
        "least_steps",
        "batch_size",
        "learning_rate",
        "filters",
        "dense_units",
        "network",
        "schedule",
        "weight_decay",
        "label_smoothing",
        "precision",
        "auto_precisions",
    ),
    "gan": ("generator_normalization", "dropout", "latents"),
}


class MisfitError(ValueError):
    """Images and a network do not fit.

    Args:
        message: what does not fit.
        options: names of the settings to change.
    """

    def __init__(self, message: str, options: tuple[str, ...]) -> None:
        super().__init__(message)
        self.options = options


def check_image_shape(shape: tuple[int, ...]) -> None:
    """Raises ValueError unless `shape` is (height, width, 1 or 3)."""
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1:
        raise ValueError(
            "image_shape must be height x width x channels with 1 or 3 channels, "
            f"such as 32x32x3, not {'x'.join(map(str, shape))}"
        )


def check_classifier_fits(
    shape: tuple[int, ...], filters: tuple[int, ...], network: str = "plain"
) -> None:
    """Raises MisfitError when images are too small for that many convolutions."""
    size = min(shape[:2])
    if network == "residual":
        size = size // 2 ** (len(filters) - 1) if size >= 3 else 0
    else:
        for _ in filters:
            size = (size - 2) // 2  # what a 3x3 convolution and a pooling leave
    if size < 1:
        raise MisfitError(
            f"images of {shape[0]}x{shape[1]} are too small for {len(filters)} "
            "convolutions",
            ("image_shape", "filters"),
        )


def upsampling_of(shape: tuple[int, ...], backbone: str) -> int:
    """Computes the factor by which an upsampler enlarges what a generator draws.

    With a backbone the generator draws 64 pixels and up to twice as many, and the
    rest is the upsampler's; without one, or for images as small as that, it is 1.
    """
    if backbone == "none":
        return 1
    factors = (factor for factor in (4, 2) if max(shape[:2]) >= 64 * factor)
    return next(factors, 1)


def check_generator_reaches(
    shape: tuple[int, ...], filters: tuple[int, ...], backbone: str = "none"
) -> None:
    """Raises MisfitError when doubling a whole number of pixels misses the shape.

    Args:
        shape: (height, width, ...) of the images.
        filters: of each block of the generator.
        backbone: as of the settings.
    """
    upsampling = upsampling_of(shape, backbone)
    scale = upsampling * 2 ** (len(filters) - 1)
    if shape[0] % scale or shape[1] % scale:
        enlarged = f", and an upsampler by {upsampling}" if upsampling > 1 else ""
        raise MisfitError(
            f"a generator of {len(filters)} blocks doubles its size {len(filters) - 1} "
            f"times{enlarged}, so height and width of its images must be multiples of "
            f"{scale}, not {shape[0]}x{shape[1]}",
            ("image_shape", "generator_filters"),
        )


def require_generator_reaches(
    shape: tuple[int, ...], filters: tuple[int, ...], backbone: str = "none"
) -> None:
    """Raises InputError where `check_generator_reaches` finds a misfit."""
    try:
        check_generator_reaches(shape, filters, backbone)
    except MisfitError as error:
        raise InputError(str(error), error.options) from error


def check_augmentation(changes: tuple[str, ...]) -> None:
    """Raises ValueError when none stands beside others."""
    if "none" in changes and len(changes) > 1:
        raise ValueError("augmentation none goes with no other")


def check_gan(gan: Any) -> None:
    """Raises ValueError when settings of a GAN do not go together.

    Args:
        gan: a `settings.GAN`, which calls this when it is made.
    """
    plain = {gan.conditioning, gan.discriminator_features, gan.backbone}
    if "networks" in gan.saves and plain != {"none"}:
        raise ValueError(
            "saves cannot have networks unless conditioning, "
            "discriminator_features and backbone are none"
        )
    if "none" not in (gan.backbone, gan.discriminator_features):
        raise ValueError(
            "the discriminator looks through the backbone or through the "
            "classifier: set backbone or discriminator_features to none"
        )
    if gan.epochs is None and not gan.hours:
        raise ValueError("nothing would end the training: set epochs or hours")
    if gan.patience and not gan.held_out:
        raise ValueError("patience needs held-out images: set held_out")
    check_augmentation(gan.augmentation)
    if gan.batch_size % 2:
        raise ValueError(
            f"batch_size must be even, half real, half fake, not {gan.batch_size}"
        )


def idle_settings(section: str, settings: Any) -> tuple[str, ...]:
    """Names the settings of a section that have no effect beside its backbone."""
    if getattr(settings, "backbone", "none") == "none":
        return ()
    return _IDLE.get(section, ())
