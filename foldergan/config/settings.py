"""The settings of images, classifier, GAN and drawing: name, default, bounds and help.

The defaults are those of a plain DCGAN; `presets` says what differs. Where a setting is
declared is where it is documented: its flag, its key in a TOML file and its checks are
made from here.
"""

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from foldergan.config import fields
from foldergan.config.fields import Names, Section, Shape, Widths
from foldergan.errors import InputError

PRECISIONS = ("float32", "bfloat16")
GROUPING = ("group_by", "near_duplicates")  # which images no split may part
_RESIZES = ("stretch", "crop", "pad")
_HOW_TO_RESIZE = (
    "what becomes of images of other proportions; stretch: they are squashed; crop: "
    "the middle is kept; pad: all is kept, with the median colour of the border around"
)
_BACKBONES = (
    "none, EfficientNetLite0 or EfficientNetLite1, which come with foldergan; "
    "MobileNetV3Small, MobileNetV3Large, EfficientNetV2B0, EfficientNetB0, "
    "ConvNeXtTiny, ResNet50 or DenseNet121, which Keras downloads; or the path of a "
    ".keras or .h5 file"
)


@dataclass(frozen=True)
class Data(Section):
    """Where images come from and what array they become."""

    source: str = fields.data(
        "folder",
        "folder: --dataset; cifar10: keras.datasets, unless --dataset is given",
        choices=("folder", "cifar10"),
    )
    image_shape: Shape = fields.data(
        (32, 32, 3), "shape that images are resized to", overrules={"channels": "fixed"}
    )
    resize: str = fields.data("stretch", _HOW_TO_RESIZE, choices=_RESIZES)
    channels: str = fields.data(
        "fixed",
        "fixed: those of image_shape; auto: 1 where the images are grey, unless you "
        "set --image-shape",
        choices=("fixed", "auto"),
    )
    validation_split: float = fields.data(
        0.2,
        "fraction of each class held out for validation; 0: none",
        least=0,
        below=1,
    )
    test_split: float = fields.data(
        0.0, "fraction of each class held out for the test at the end", least=0, below=1
    )

    group_by: str = fields.data(
        "none",
        "keep images together in every split whose paths in the dataset folder have "
        "the same first group of this regular expression, or the same match: a "
        "patient, a scene, a film",
        metavar="REGEX",
    )
    near_duplicates: str = fields.data(
        "keep-together",
        "images that look almost the same: on one side of every split, or wherever "
        "chance puts them",
        choices=("keep-together", "ignore"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_image_shape(self.image_shape)
        try:
            re.compile(self.group_by)
        except re.error as error:
            raise ValueError(
                f"group_by is no regular expression: {self.group_by} ({error})"
            ) from error
        if not self.validation_split + self.test_split < 1:
            raise ValueError(
                "validation_split and test_split leave nothing to train on: "
                f"{self.validation_split} and {self.test_split}"
            )


@dataclass(frozen=True)
class Computed(Section):
    """What the layers of a network read and write; its weights stay in float32."""

    precision: str = fields.optimization(
        "auto",
        "numeric precision of activations; weights stay in float32; auto: the fastest "
        "of auto_precisions on this processor, as measured once",
        choices=("auto", *PRECISIONS),
    )
    auto_precisions: Names = fields.optimization(
        ("float32",),
        "what precision auto chooses from: those whose quality was measured",
        choices=PRECISIONS,
    )

    @property
    def computed_in(self) -> str:
        """The precision; float32 where auto has not been decided."""
        return "float32" if self.precision == "auto" else self.precision


@dataclass(frozen=True)
class Classifier(Computed):
    """The network of TrainModel.py and how it is trained."""

    # There a linear head is fitted at once.
    idle_beside_backbone: ClassVar[tuple[str, ...]] = (
        *("epochs", "least_steps", "batch_size", "learning_rate", "filters"),
        *("dense_units", "network", "schedule", "weight_decay", "label_smoothing"),
        *("precision", "auto_precisions"),
    )

    epochs: int = fields.optimization(
        50, "passes over the training images", least=1, overrules={"least_steps": 0}
    )
    least_steps: int = fields.optimization(
        0,
        "minimum number of training steps: few images get more epochs; ignored where "
        "--epochs is given",
        least=0,
    )
    batch_size: int = fields.optimization(32, "images a step", least=1)
    learning_rate: float = fields.optimization(
        1e-3, "learning rate; of one-cycle the largest", least=1e-12
    )
    filters: Widths = fields.network(
        (32, 64),
        "filters of each 3x3 convolution; residual: of the first, then of each halving",
        least=1,
    )
    dense_units: int = fields.network(256, "units of plain's dense layer", least=1)
    network: str = fields.network(
        "plain",
        "plain: convolutions, pooling, a dense layer; residual: batch normalization "
        "and skip connections",
        choices=("plain", "residual"),
    )
    backbone: str = fields.network(
        "none",
        "pretrained network that a linear head is fitted to, in place of a network of "
        f"its own: {_BACKBONES}",
        metavar="NAME|FILE",
    )
    augmentation: Names = fields.data(
        ("none",),
        "random changes of the training images",
        choices=("none", "mirror", "shift"),
    )
    schedule: str = fields.optimization(
        "constant",
        "constant: Adam; one-cycle: SGD whose rate rises and then decays linearly",
        choices=("constant", "one-cycle"),
    )
    weight_decay: float = fields.optimization(
        0.0, "weight decay, decoupled and times the learning rate", least=0
    )
    label_smoothing: float = fields.optimization(
        0.0, "label-smoothing factor", least=0, below=1
    )
    class_weights: str = fields.optimization(
        "none",
        "balanced: images of rare classes count for more",
        choices=("none", "balanced"),
    )
    output: str = fields.network(
        "softmax",
        "softmax: a unit for each class; sigmoid: one unit for two classes",
        choices=("softmax", "sigmoid"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_augmentation(self.augmentation)

    def beside_backbone(self) -> "Classifier":
        """Returns what they come to there: features are in float32, never of shifts."""
        kept = tuple(change for change in self.augmentation if change != "shift")
        return replace(self, precision="float32", augmentation=kept or ("none",))

    def require_fit(self, shape: tuple[int, ...]) -> None:
        """Raises InputError when images are too small for that many convolutions."""
        size = min(shape[:2])
        if self.network == "residual":
            size = size // 2 ** (len(self.filters) - 1) if size >= 3 else 0
        else:
            for _ in self.filters:
                size = (size - 2) // 2  # what a 3x3 convolution and a pooling leave
        if size < 1:
            raise InputError(
                f"images of {shape[0]}x{shape[1]} are too small for "
                f"{len(self.filters)} convolutions",
                ("image_shape", "filters"),
            )


@dataclass(frozen=True)
class GAN(Computed):
    """The networks of GANModel.py and how they are trained."""

    idle_beside_backbone: ClassVar[tuple[str, ...]] = (
        *("generator_normalization", "dropout", "latents"),
    )

    image_shape: Shape | None = fields.data(
        None, "shape of the generated images; None: that of the arrays"
    )
    resize: str | None = fields.data(
        None,
        f"{_HOW_TO_RESIZE}; None: as TrainModel.py did",
        choices=_RESIZES,
    )
    epochs: int | None = fields.optimization(
        100, "passes over the images", least=1, overrules={"least_steps": 0}
    )
    least_steps: int = fields.optimization(
        0,
        "minimum number of training steps: few images get more epochs; a preset's is "
        "ignored where --epochs or --hours is given",
        least=0,
    )
    hours: float = fields.optimization(
        0.0,
        "hours after which a training ends, at the nearest end of an epoch, in place "
        "of a number of epochs unless --epochs is given too; 0: no limit",
        least=0,
        below=100_000,
        overrules={"epochs": None, "least_steps": 0},
    )
    batch_size: int = fields.optimization(
        128, "images a discriminator step, half real, half fake", least=2
    )
    save_every: int = fields.output(
        10,
        "epochs between saves",
        least=1,
        overrules={"save_steps": 0, "save_growth": 1.0},
    )
    save_steps: int = fields.output(
        0,
        "minimum number of steps between saves: few images get more epochs; a preset's "
        "is ignored where --save-every is given",
        least=0,
    )
    save_growth: float = fields.output(
        1.0,
        "factor by which the epochs between checkpoints grow; a "
        "preset's is ignored where --save-every is given",
        least=1,
        below=100,
    )
    saves: Names = fields.output(
        ("generator", "grid"),
        "what a checkpoint writes",
        choices=("generator", "grid", "networks", "jpg", "singles", "final"),
    )
    held_out: float = fields.evaluation(
        0.0,
        "fraction of each class held out to evaluate checkpoints by; 0: none",
        least=0,
        below=1,
    )
    features: str = fields.evaluation(
        "classifier",
        "network whose features saves are evaluated in: classifier, inception, the "
        "name of a backbone, or the path of a Keras model",
        metavar="NAME|FILE",
    )
    backbone: str = fields.network(
        "none",
        "pretrained network whose frozen features the discriminator uses, with a light "
        f"generator: {_BACKBONES}",
        metavar="NAME|FILE",
    )
    start_from: str = fields.network(
        "none",
        "with a backbone: networks that have learned before, to start from: none, "
        "photographs, which come with foldergan and have EfficientNetLite0 as their "
        "backbone, or the path of an .npz file of tools/pretrain_generator.py",
        metavar="NAME|FILE",
    )
    warm_up_steps: int = fields.optimization(
        300,
        "with a backbone: first steps, in which the generator reconstructs the images; "
        "a sixth of them after networks that have learned before",
        least=0,
    )
    reconstruction: float = fields.optimization(
        3.0,
        "with a backbone: weight of the reconstruction loss after the pre-training",
        least=0,
    )
    code_size: int = fields.network(
        48,
        "with a backbone: numbers of a latent vector that encode an image to "
        "reconstruct",
        least=1,
    )
    guidance: float = fields.optimization(
        1.0,
        "with a backbone and classes: weight of the classification loss of a linear "
        "classifier of the backbone's features",
        least=0,
    )
    patience: int = fields.evaluation(
        0, "saves without a better one before training stops; 0: never", least=0
    )
    conditioning: str = fields.network(
        "none",
        "class: both networks are given the class, as img_label.txt.npy has it",
        choices=("none", "class"),
    )
    latent_dim: int = fields.network(200, "length of a latent vector", least=1)
    discriminator_filters: Widths = fields.network(
        (64, 128, 128, 256),
        "filters of each 3x3 convolution; all but the first halve the size",
        least=1,
    )
    discriminator_features: str = fields.network(
        "none",
        "classifier: the discriminator also looks at the classifier's feature maps",
        choices=("none", "classifier"),
    )
    feature_filters: int = fields.network(
        64, "filters of each convolution over the classifier's feature maps", least=1
    )
    generator_filters: Widths = fields.network(
        (256, 128, 128, 128),
        "filters of the first block, then of each doubling of the size",
        least=1,
    )
    generator_normalization: str = fields.network(
        "none",
        "batch: batch normalization after each transposed convolution",
        choices=("none", "batch"),
    )
    dropout: float = fields.network(
        0.4, "dropout rate of the discriminator's last features", least=0, below=1
    )
    discriminator_learning_rate: float = fields.optimization(
        2e-4, "learning rate of the discriminator's Adam", least=1e-12
    )
    generator_learning_rate: float = fields.optimization(
        2e-4, "learning rate of the generator's Adam", least=1e-12
    )
    latents: str = fields.optimization(
        "fresh",
        "fresh: each step samples its own; shared: one batch of fakes serves both "
        "steps, faster; half: one of half the size, fastest",
        choices=("fresh", "shared", "half"),
    )
    # At Adam's usual 0.9 the two networks chase each other's past.
    beta_1: float = fields.optimization(0.5, "Adam's beta_1", least=0, below=1)
    beta_2: float = fields.optimization(0.999, "Adam's beta_2", least=0, below=1)
    loss: str = fields.optimization(
        "cross-entropy", "adversarial loss", choices=("cross-entropy", "hinge")
    )
    ema: int = fields.optimization(
        0,
        "half-life, in images, of the EMA (exponential average) of the generator "
        "that is saved in its place; 0: none",
        least=0,
    )
    augmentation: Names = fields.data(
        ("none",),
        "random changes of real and fake images before the discriminator",
        choices=("none", "mirror", "shift", "color", "cutout"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_shape is not None:
            _check_image_shape(self.image_shape)
        sees = {self.conditioning, self.discriminator_features, self.backbone}
        if "networks" in self.saves and sees != {"none"}:
            raise ValueError(
                "saves cannot have networks unless conditioning, "
                "discriminator_features and backbone are none"
            )
        if "none" not in (self.backbone, self.discriminator_features):
            raise ValueError(
                "the discriminator uses features of the backbone or of the "
                "classifier: set backbone or discriminator_features to none"
            )
        if self.epochs is None and not self.hours:
            raise ValueError("nothing would end the training: set epochs or hours")
        if self.patience and not self.held_out:
            raise ValueError("patience needs held-out images: set held_out")
        _check_augmentation(self.augmentation)
        if self.batch_size % 2:
            raise ValueError(
                f"batch_size must be even, half real, half fake, not {self.batch_size}"
            )

    @property
    def uses_classifier(self) -> bool:
        """Whether the training uses features of the classifier of TrainModel.py."""
        return self.discriminator_features == "classifier" or (
            self.held_out > 0 and self.features == "classifier"
        )

    def upsampling(self, shape: tuple[int, ...]) -> int:
        """The factor by which an upsampler upsamples what the generator draws.

        With a backbone the generator draws 64 pixels and up to twice as many, and the
        rest is the upsampler's; without one, or for images as small as that, it is 1.
        """
        factors = (factor for factor in (4, 2) if max(shape[:2]) >= 64 * factor)
        return 1 if self.backbone == "none" else next(factors, 1)

    def require_reach(
        self, shape: tuple[int, ...], upsampling: int | None = None
    ) -> None:
        """Checks that doubling a whole number of pixels gives images of a shape.

        Args:
            shape: (height, width, ...) of the images.
            upsampling: of what is drawn; None: that of `upsampling`.

        Raises:
            InputError: it does not.
        """
        upsampling = upsampling or self.upsampling(shape)
        doublings = len(self.generator_filters) - 1
        scale = upsampling * 2**doublings
        if shape[0] % scale or shape[1] % scale:
            enlarged = f", and an upsampler by {upsampling}" if upsampling > 1 else ""
            raise InputError(
                f"a generator of {doublings + 1} blocks doubles its size {doublings} "
                f"times{enlarged}, so height and width of its images must be multiples "
                f"of {scale}, not {shape[0]}x{shape[1]}",
                ("image_shape", "generator_filters"),
            )


@dataclass(frozen=True)
class Generate(Section):
    """What GeneratePredict.py generates."""

    generator: str = fields.data(
        "generator_model_080.h5",
        "generator file, a path or a name in the model folder",
        metavar="FILE",
    )
    count: int = fields.data(49, "images to generate", least=1)
    per_class: int = fields.data(
        0,
        "images of each class, of a generator that was trained with classes, in place "
        "of --count; 0: --count of them in all, or with --export as many as level the "
        "classes of the classifier's training images",
        least=0,
    )
    min_confidence: float = fields.output(
        0.5,
        "with --export: probability of its class that the classifier must give an "
        "image to be kept",
        least=0,
        below=1,
    )


def _check_image_shape(shape: tuple[int, ...]) -> None:
    """Raises ValueError unless `shape` is (height, width, 1 or 3)."""
    if len(shape) != 3 or shape[2] not in (1, 3) or min(shape) < 1:
        raise ValueError(
            "image_shape must be height x width x channels with 1 or 3 channels, "
            f"such as 32x32x3, not {'x'.join(map(str, shape))}"
        )


def _check_augmentation(changes: tuple[str, ...]) -> None:
    """Raises ValueError when none stands beside others."""
    if "none" in changes and len(changes) > 1:
        raise ValueError("augmentation none goes with no other")
