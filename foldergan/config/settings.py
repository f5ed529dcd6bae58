"""Every setting a preset has: name, default, bounds and help.

The defaults are those of `dcgan-32`.
"""

from dataclasses import dataclass, replace

from foldergan.config.fields import Section, image_shape, names, setting, widths

# Numbers of epochs, and what would make them more where pictures are few.
_RAISED_BY = {"epochs": "least_steps", "save_every": "save_steps"}

_BACKBONES = (
    "none, a .keras or .h5 file, MobileNetV3Small, MobileNetV3Large, EfficientNetV2B0 "
    "or EfficientNetB0"
)


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
    """Raises ValueError when pictures are too small for that many convolutions."""
    if network == "transfer":
        return  # it resizes them
    size = min(shape[:2])
    if network == "residual":
        size = size // 2 ** (len(filters) - 1) if size >= 3 else 0
    else:
        for _ in filters:
            size = (size - 2) // 2  # what a 3x3 convolution and a pooling leave
    if size < 1:
        raise ValueError(
            f"images of {shape[0]}x{shape[1]} are too small for {len(filters)} "
            "convolutions"
        )


def check_generator_reaches(shape: tuple[int, ...], filters: tuple[int, ...]) -> None:
    """Raises ValueError when doubling a whole number of pixels misses the shape."""
    scale = 2 ** (len(filters) - 1)
    if shape[0] % scale or shape[1] % scale:
        raise ValueError(
            f"a generator of {len(filters)} blocks doubles its size {len(filters) - 1} "
            f"times, so height and width of its pictures must be multiples of {scale}, "
            f"not {shape[0]}x{shape[1]}"
        )


def check_augmentation(changes: tuple[str, ...]) -> None:
    """Raises ValueError when none stands beside others."""
    if "none" in changes and len(changes) > 1:
        raise ValueError("augmentation none goes with no other")


@dataclass(frozen=True)
class Data(Section):
    """Where pictures come from and what array they become."""

    source: str = setting(
        "folder",
        "folder: --dataset; cifar10: keras.datasets, unless --dataset is given",
        choices=("folder", "cifar10"),
    )
    image_shape: tuple[int, int, int] = setting(
        (32, 32, 3), "shape that pictures are resized to", parse=image_shape
    )
    validation_split: float = setting(
        0.2,
        "part of each class held out to watch training; 0 holds out none",
        least=0,
        below=1,
    )
    test_split: float = setting(
        0.0, "part of each class held out to the very end", least=0, below=1
    )

    def __post_init__(self):
        super().__post_init__()
        check_image_shape(self.image_shape)
        if not self.validation_split + self.test_split < 1:
            raise ValueError(
                "validation_split and test_split leave nothing to train on: "
                f"{self.validation_split} and {self.test_split}"
            )


@dataclass(frozen=True)
class Classifier(Section):
    """The network of TrainModel.py and how it is trained."""

    epochs: int = setting(50, "passes over the training pictures", least=1)
    least_steps: int = setting(
        0,
        "few pictures get more epochs, so that there are so many steps; not beside a "
        "given --epochs",
        least=0,
    )
    batch_size: int = setting(32, "pictures a step", least=1)
    learning_rate: float = setting(
        1e-3, "step size, of one-cycle the largest", least=1e-12
    )
    filters: tuple[int, ...] = setting(
        (32, 64),
        "width of each 3x3 convolution; residual: of the first, then of each halving",
        parse=widths,
        least=1,
    )
    dense_units: int = setting(256, "width of plain's dense layer", least=1)
    network: str = setting(
        "plain",
        "plain: convolutions, pooling, a dense layer; residual: normalized, with "
        "skips; transfer: a pretrained backbone and a linear head",
        choices=("plain", "residual", "transfer"),
    )
    backbone: str = setting(
        "none",
        f"pretrained network of transfer: {_BACKBONES}",
    )
    precision: str = setting(
        "float32",
        "float32, or bfloat16: faster where the processor has it; saved in float32",
        choices=("float32", "bfloat16"),
    )
    augmentation: tuple[str, ...] = setting(
        ("none",),
        "what training changes in pictures at random, of none, mirror, shift",
        parse=names,
        choices=("none", "mirror", "shift"),
    )
    schedule: str = setting(
        "constant",
        "constant: Adam; one-cycle: SGD whose step size rises to the given and falls",
        choices=("constant", "one-cycle"),
    )
    weight_decay: float = setting(
        0.0, "part of a weight lost a step, times the step size", least=0
    )
    label_smoothing: float = setting(
        0.0, "part of certainty that is not asked for", least=0, below=1
    )
    class_weights: str = setting(
        "none",
        "none, or balanced: pictures of rare classes count for more",
        choices=("none", "balanced"),
    )
    output: str = setting(
        "softmax",
        "softmax: a unit for each class; sigmoid: one unit for two classes",
        choices=("softmax", "sigmoid"),
    )

    def __post_init__(self):
        super().__post_init__()
        check_augmentation(self.augmentation)
        if (self.network == "transfer") == (self.backbone == "none"):
            raise ValueError(
                "network transfer needs a backbone, and a backbone needs network "
                "transfer"
            )


@dataclass(frozen=True)
class GAN(Section):
    """The networks of GANModel.py and how they are trained."""

    image_shape: tuple[int, int, int] | None = setting(
        None, "shape to draw; None: that of the arrays", parse=image_shape
    )
    epochs: int = setting(100, "passes over the pictures", least=1)
    least_steps: int = setting(
        0,
        "few pictures get more epochs, so that there are so many steps; not beside a "
        "given --epochs",
        least=0,
    )
    batch_size: int = setting(128, "pictures a step, half real, half fake", least=2)
    save_every: int = setting(10, "epochs between saves", least=1)
    save_steps: int = setting(
        0,
        "few pictures get more epochs between saves, so that there are so many steps; "
        "not beside a given --save-every",
        least=0,
    )
    saves: tuple[str, ...] = setting(
        ("generator", "grid"),
        "what a save writes, of generator, grid, networks, jpg, singles, final",
        parse=names,
        choices=("generator", "grid", "networks", "jpg", "singles", "final"),
    )
    held_out: float = setting(
        0.0,
        "part of each class kept from training, to measure each save by; 0: no measure",
        least=0,
        below=1,
    )
    features: str = setting(
        "classifier",
        "what saves are measured by: classifier, inception, a Keras model's path, or a "
        "backbone's name",
    )
    judge_sees_backbone: str = setting(
        "refuse",
        "refuse or allow features of the network that the discriminator looks through, "
        "which flatter it",
        choices=("refuse", "allow"),
    )
    backbone: str = setting(
        "none",
        f"pretrained network that the discriminator looks through: {_BACKBONES}; with "
        "it the generator is a light one",
    )
    warm_up_steps: int = setting(
        600, "with a backbone: steps at first that only redraw the images", least=0
    )
    blur_steps: int = setting(
        900,
        "with a backbone: steps after those in which a blur of real and generated "
        "images fades; 0: no blur",
        least=0,
    )
    redrawing: float = setting(
        1.0, "with a backbone: weight of redrawing in the steps after them", least=0
    )
    code_size: int = setting(
        48, "with a backbone: numbers of a latent vector that redraw an image", least=1
    )
    patience: int = setting(
        0, "saves without a better one before training stops; 0: never", least=0
    )
    conditioning: str = setting(
        "none",
        "none; class: the networks are told which class of img_label.txt.npy to draw",
        choices=("none", "class"),
    )
    latent_dim: int = setting(200, "length of a latent vector", least=1)
    discriminator_filters: tuple[int, ...] = setting(
        (64, 128, 128, 256),
        "width of each 3x3 convolution; all but the first halve the size",
        parse=widths,
        least=1,
    )
    discriminator_features: str = setting(
        "none",
        "none; classifier: it also judges pictures by what the classifier sees in them",
        choices=("none", "classifier"),
    )
    feature_filters: int = setting(
        64, "width of each convolution over what the classifier sees", least=1
    )
    generator_filters: tuple[int, ...] = setting(
        (256, 128, 128, 128),
        "width of the first block, then of each doubling of the size",
        parse=widths,
        least=1,
    )
    generator_normalization: str = setting(
        "none",
        "none, or batch: after each transposed convolution",
        choices=("none", "batch"),
    )
    dropout: float = setting(
        0.4, "part of its last features of a picture dropped", least=0, below=1
    )
    discriminator_learning_rate: float = setting(2e-4, "step size", least=1e-12)
    generator_learning_rate: float = setting(2e-4, "step size", least=1e-12)
    precision: str = setting(
        "float32",
        "float32, or bfloat16: faster where the processor has it, less exact",
        choices=("float32", "bfloat16"),
    )
    latents: str = setting(
        "fresh",
        "fresh: each step draws its own; shared: one drawing serves both, faster; "
        "half: so does one of half a batch, fastest",
        choices=("fresh", "shared", "half"),
    )
    # At Adam's usual 0.9 the two networks chase each other's past.
    beta_1: float = setting(0.5, "memory of Adam's mean gradient", least=0, below=1)
    beta_2: float = setting(0.999, "memory of Adam's mean square", least=0, below=1)
    loss: str = setting(
        "cross-entropy",
        "what tells real from fake, and is to be told from it: cross-entropy or hinge",
        choices=("cross-entropy", "hinge"),
    )
    ema: int = setting(
        0,
        "half-life, in pictures, of the moving average of the generator that is saved "
        "in its place; 0: none",
        least=0,
    )
    augmentation: tuple[str, ...] = setting(
        ("none",),
        "what changes pictures before they are judged, of none, mirror, shift, color, "
        "cutout",
        parse=names,
        choices=("none", "mirror", "shift", "color", "cutout"),
    )

    def __post_init__(self):
        super().__post_init__()
        if self.image_shape is not None:
            check_image_shape(self.image_shape)
        if "networks" in self.saves and (
            self.conditioning != "none"
            or self.discriminator_features != "none"
            or self.backbone != "none"
        ):
            raise ValueError(
                "saves cannot have networks unless conditioning, "
                "discriminator_features and backbone are none"
            )
        if self.backbone != "none" and self.discriminator_features != "none":
            raise ValueError(
                "the discriminator looks through the backbone or through the "
                "classifier: set backbone or discriminator_features to none"
            )
        is_same = self.backbone != "none" and self.features == self.backbone
        if self.held_out and is_same and self.judge_sees_backbone == "refuse":
            raise ValueError(
                f"features and backbone are both {self.backbone}, and figures in the "
                "discriminator's own features flatter it: measure by other features, "
                "or set judge_sees_backbone to allow"
            )
        if self.patience and not self.held_out:
            raise ValueError("patience needs something to measure by: set held_out")
        check_augmentation(self.augmentation)
        if self.batch_size % 2:
            raise ValueError(
                f"batch_size must be even, half real, half fake, not {self.batch_size}"
            )


@dataclass(frozen=True)
class Generate(Section):
    """What GeneratePredict.py draws."""

    generator: str = setting(
        "generator_model_080.h5", "generator file, a path or a name in the model folder"
    )
    count: int = setting(49, "pictures to generate", least=1)


def overridden(section: Section, given: dict) -> Section:
    """Replaces what is given; who asks for so many epochs means so many.

    Raises:
        ValueError: the settings do not go together.
    """
    exact = {_RAISED_BY[name]: 0 for name in given if name in _RAISED_BY}
    return replace(section, **exact | given)
