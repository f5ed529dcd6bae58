"""The settings of classifier, GAN and drawing: name, default, bounds and help.

The defaults are those of a plain DCGAN; `presets` says what differs. Where a setting is
declared is where it is documented: its flag, its key in a TOML file and its checks are
made from here.
"""

from dataclasses import dataclass, replace

from foldergan.config import groups
from foldergan.config.checks import check_augmentation, check_gan, check_image_shape
from foldergan.config.data_settings import HOW_TO_RESIZE, RESIZES
from foldergan.config.fields import Names, Section, Shape, Widths
from foldergan.config.precision import Computed

_BACKBONES = (
    "none, EfficientNetLite0 or EfficientNetLite1, which come with foldergan; "
    "MobileNetV3Small, MobileNetV3Large, EfficientNetV2B0, EfficientNetB0, "
    "ConvNeXtTiny, ResNet50 or DenseNet121, which Keras downloads; or the path of a "
    ".keras or .h5 file"
)


@dataclass(frozen=True)
class Classifier(Computed):
    """The network of TrainModel.py and how it is trained."""

    epochs: int = groups.optimization(
        50, "passes over the training images", least=1, overrules={"least_steps": 0}
    )
    least_steps: int = groups.optimization(
        0,
        "minimum number of training steps: few images get more epochs; ignored where "
        "--epochs is given",
        least=0,
    )
    batch_size: int = groups.optimization(32, "images a step", least=1)
    learning_rate: float = groups.optimization(
        1e-3, "learning rate; of one-cycle the largest", least=1e-12
    )
    filters: Widths = groups.network(
        (32, 64),
        "filters of each 3x3 convolution; residual: of the first, then of each halving",
        least=1,
    )
    dense_units: int = groups.network(256, "units of plain's dense layer", least=1)
    network: str = groups.network(
        "plain",
        "plain: convolutions, pooling, a dense layer; residual: batch normalization "
        "and skip connections",
        choices=("plain", "residual"),
    )
    backbone: str = groups.network(
        "none",
        "pretrained network that a linear head is fitted to, in place of a network of "
        f"its own: {_BACKBONES}",
        metavar="NAME|FILE",
    )
    augmentation: Names = groups.data(
        ("none",),
        "random changes of the training images",
        choices=("none", "mirror", "shift"),
    )
    schedule: str = groups.optimization(
        "constant",
        "constant: Adam; one-cycle: SGD with linear warm-up and linear decay",
        choices=("constant", "one-cycle"),
    )
    weight_decay: float = groups.optimization(
        0.0, "weight decay, decoupled and times the learning rate", least=0
    )
    label_smoothing: float = groups.optimization(
        0.0, "label-smoothing factor", least=0, below=1
    )
    class_weights: str = groups.optimization(
        "none",
        "balanced: images of rare classes count for more",
        choices=("none", "balanced"),
    )
    output: str = groups.network(
        "softmax",
        "softmax: a unit for each class; sigmoid: one unit for two classes",
        choices=("softmax", "sigmoid"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_augmentation(self.augmentation)

    def beside_backbone(self) -> "Classifier":
        """Returns what they come to there: features are in float32, never of shifts."""
        kept = tuple(change for change in self.augmentation if change != "shift")
        return replace(self, precision="float32", augmentation=kept or ("none",))


@dataclass(frozen=True)
class GAN(Computed):
    """The networks of GANModel.py and how they are trained."""

    image_shape: Shape | None = groups.data(
        None, "shape of the generated images; None: that of the arrays"
    )
    resize: str | None = groups.data(
        None,
        f"{HOW_TO_RESIZE}; None: as TrainModel.py did",
        choices=RESIZES,
    )
    epochs: int | None = groups.optimization(
        100, "passes over the images", least=1, overrules={"least_steps": 0}
    )
    least_steps: int = groups.optimization(
        0,
        "minimum number of training steps: few images get more epochs; a preset's is "
        "ignored where --epochs or --hours is given",
        least=0,
    )
    hours: float = groups.optimization(
        0.0,
        "hours after which a training ends, at the nearest end of an epoch, in place "
        "of a number of epochs unless --epochs is given too; 0: no limit",
        least=0,
        below=100_000,
        overrules={"epochs": None, "least_steps": 0},
    )
    batch_size: int = groups.optimization(
        128, "images a discriminator step, half real, half fake", least=2
    )
    save_every: int = groups.output(
        10,
        "epochs between saves",
        least=1,
        overrules={"save_steps": 0, "save_growth": 1.0},
    )
    save_steps: int = groups.output(
        0,
        "minimum number of steps between saves: few images get more epochs; a preset's "
        "is ignored where --save-every is given",
        least=0,
    )
    save_growth: float = groups.output(
        1.0,
        "factor by which the epochs between saves grow from each save to the next; a "
        "preset's is ignored where --save-every is given",
        least=1,
        below=100,
    )
    saves: Names = groups.output(
        ("generator", "grid"),
        "what a save writes",
        choices=("generator", "grid", "networks", "jpg", "singles", "final"),
    )
    held_out: float = groups.evaluation(
        0.0,
        "fraction of each class held out to evaluate every save by; 0: none",
        least=0,
        below=1,
    )
    features: str = groups.evaluation(
        "classifier",
        "network whose features saves are evaluated in: classifier, inception, the "
        "name of a backbone, or the path of a Keras model",
        metavar="NAME|FILE",
    )
    backbone: str = groups.network(
        "none",
        "pretrained network that the discriminator looks through, with a light "
        f"generator: {_BACKBONES}",
        metavar="NAME|FILE",
    )
    warm_up_steps: int = groups.optimization(
        300,
        "with a backbone: first steps, in which the generator reconstructs the images",
        least=0,
    )
    reconstruction: float = groups.optimization(
        0.3,
        "with a backbone: weight of the reconstruction loss after the warm-up",
        least=0,
    )
    code_size: int = groups.network(
        48,
        "with a backbone: numbers of a latent vector that encode an image to "
        "reconstruct",
        least=1,
    )
    guidance: float = groups.optimization(
        1.0,
        "with a backbone and classes: weight of the classification loss of a linear "
        "classifier of the backbone's features",
        least=0,
    )
    patience: int = groups.evaluation(
        0, "saves without a better one before training stops; 0: never", least=0
    )
    conditioning: str = groups.network(
        "none",
        "class: both networks are given the class, as img_label.txt.npy has it",
        choices=("none", "class"),
    )
    latent_dim: int = groups.network(200, "length of a latent vector", least=1)
    discriminator_filters: Widths = groups.network(
        (64, 128, 128, 256),
        "filters of each 3x3 convolution; all but the first halve the size",
        least=1,
    )
    discriminator_features: str = groups.network(
        "none",
        "classifier: the discriminator also looks at the classifier's feature maps",
        choices=("none", "classifier"),
    )
    feature_filters: int = groups.network(
        64, "filters of each convolution over the classifier's feature maps", least=1
    )
    generator_filters: Widths = groups.network(
        (256, 128, 128, 128),
        "filters of the first block, then of each doubling of the size",
        least=1,
    )
    generator_normalization: str = groups.network(
        "none",
        "batch: batch normalization after each transposed convolution",
        choices=("none", "batch"),
    )
    dropout: float = groups.network(
        0.4, "dropout rate of the discriminator's last features", least=0, below=1
    )
    discriminator_learning_rate: float = groups.optimization(
        2e-4, "learning rate of the discriminator's Adam", least=1e-12
    )
    generator_learning_rate: float = groups.optimization(
        2e-4, "learning rate of the generator's Adam", least=1e-12
    )
    latents: str = groups.optimization(
        "fresh",
        "fresh: each step samples its own; shared: one batch of fakes serves both "
        "steps, faster; half: one of half the size, fastest",
        choices=("fresh", "shared", "half"),
    )
    # At Adam's usual 0.9 the two networks chase each other's past.
    beta_1: float = groups.optimization(0.5, "Adam's beta_1", least=0, below=1)
    beta_2: float = groups.optimization(0.999, "Adam's beta_2", least=0, below=1)
    loss: str = groups.optimization(
        "cross-entropy", "adversarial loss", choices=("cross-entropy", "hinge")
    )
    ema: int = groups.optimization(
        0,
        "half-life, in images, of the exponential moving average of the generator "
        "that is saved in its place; 0: none",
        least=0,
    )
    augmentation: Names = groups.data(
        ("none",),
        "random changes of real and fake images before the discriminator",
        choices=("none", "mirror", "shift", "color", "cutout"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_shape is not None:
            check_image_shape(self.image_shape)
        check_gan(self)

    @property
    def uses_classifier(self) -> bool:
        """Whether the training looks through the classifier of TrainModel.py."""
        return self.discriminator_features == "classifier" or (
            self.held_out > 0 and self.features == "classifier"
        )


@dataclass(frozen=True)
class Generate(Section):
    """What GeneratePredict.py generates."""

    generator: str = groups.data(
        "generator_model_080.h5",
        "generator file, a path or a name in the model folder",
        metavar="FILE",
    )
    count: int = groups.data(49, "images to generate", least=1)
    per_class: int = groups.data(
        0,
        "images of each class, of a generator that was trained with classes, in place "
        "of --count; 0: --count of them in all, or with --export as many as level the "
        "classes of the classifier's training images",
        least=0,
    )
    min_confidence: float = groups.output(
        0.5,
        "with --export: probability of its class that the classifier must give an "
        "image to be kept",
        least=0,
        below=1,
    )
