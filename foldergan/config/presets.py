"""Every preset: what differs from the defaults of `settings`, and why.

A preset covers the whole pipeline, one section a script, so that the same
``--preset NAME`` goes to all three. A user's own preset is a TOML file with the
same sections.
"""

import json
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foldergan.config.fields import Section
from foldergan.config.settings import GAN, Classifier, Data, Generate
from foldergan.errors import report_unreadable

RUN = "run_{script}.json"  # what a script records of its run


@dataclass(frozen=True)
class Preset:
    """One system, from a folder of images to generated ones and their classes."""

    name: str
    description: str
    seed: int = 0
    toml: str | None = None  # text of the user's own file
    # Where False, GANModel.py makes the arrays itself when they are not there.
    classifier_first: bool = True
    data: Data = Data()
    classifier: Classifier = Classifier()
    gan: GAN = GAN()
    generate: Generate = Generate()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**31:
            shown = self.seed if abs(self.seed) < 2**63 else "one of more digits"
            raise ValueError(f"seed must be from 0 to 2147483647, not {shown}")

    @property
    def label(self) -> str:
        """What a person calls it: its name, or that of its file."""
        return self.name if self.toml is None else f"{self.name}.toml"

    def is_like(self, other: "Preset | None") -> bool:
        """Whether both are the same preset, whatever flags were given beside it."""
        return other is not None and (self.name, self.toml) == (other.name, other.toml)

    def check(self, sections: Collection[str]) -> None:
        """Checks whether images and networks fit, of the sections that are used.

        Raises:
            InputError: the images are too small or of a size that cannot be drawn.
        """
        if "classifier" in sections and self.classifier.backbone == "none":
            self.classifier.require_fit(self.data.image_shape)
        if "gan" in sections and self.gan.image_shape:
            self.gan.require_reach(self.gan.image_shape)


_BEST_32 = Preset(
    "best-32",
    "class folders at 32x32: better classifier, GAN that uses its features",
    data=Data(channels="auto"),
    # Half as wide as nets of this kind are on a GPU: for minutes on two cores.
    classifier=Classifier(
        network="residual",
        filters=(32, 64, 128, 256),
        epochs=28,
        least_steps=2000,
        batch_size=128,
        schedule="one-cycle",
        learning_rate=0.15,
        weight_decay=5e-3,
        label_smoothing=0.1,
        augmentation=("mirror", "shift"),
        class_weights="balanced",
        auto_precisions=("float32", "bfloat16"),
    ),
    gan=GAN(
        conditioning="class",
        discriminator_features="classifier",
        # Another network than the discriminator's, and one that comes with foldergan.
        features="EfficientNetLite1",
        augmentation=("mirror", "shift"),
        loss="hinge",
        dropout=0.0,
        latent_dim=128,
        # Narrow where images are large.
        discriminator_filters=(32, 64, 128, 256),
        generator_filters=(256, 128, 128, 64),
        # Without it the images of all classes look alike for a thousand steps.
        generator_normalization="batch",
        ema=20000,
        epochs=30,
        least_steps=6000,
        held_out=0.1,
        save_every=2,
        save_steps=400,
        patience=8,
        # With features of a classifier it bears four times dcgan-32's steps.
        discriminator_learning_rate=8e-4,
        generator_learning_rate=8e-4,
        # As projected GANs are trained in the paper.
        beta_1=0.0,
        beta_2=0.99,
        auto_precisions=("float32", "bfloat16"),
        latents="half",
    ),
    generate=Generate(generator="generator_best.h5"),
)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "dcgan-32",
            "class folders at 32x32: CNN classifier and DCGAN",
            # For results in minutes on two cores: small batches, of which one of fakes
            # serves both networks, a larger learning rate, and an EMA that calms them.
            gan=GAN(
                batch_size=64,
                latents="half",
                ema=2000,
                discriminator_learning_rate=4e-4,
                generator_learning_rate=4e-4,
                auto_precisions=("float32", "bfloat16"),
            ),
        ),
        _BEST_32,
        Preset(
            "photo-128",
            "class folders of photographs, drawn at 128x128: through a pretrained "
            "backbone",
            # What backbones have learned at; the GAN draws smaller ones.
            data=Data(image_shape=(224, 224, 3), channels="auto"),
            classifier=Classifier(
                backbone="EfficientNetLite0",
                augmentation=("mirror",),
                class_weights="balanced",
                # Of the network that is trained with --backbone none.
                filters=(32, 64, 128, 128),
            ),
            gan=GAN(
                image_shape=(128, 128, 3),
                backbone="EfficientNetLite0",
                start_from="photographs",
                # Another network than the discriminator's.
                features="EfficientNetLite1",
                held_out=0.1,
                conditioning="class",
                augmentation=("mirror", "shift", "color", "cutout"),
                loss="hinge",
                latent_dim=128,
                batch_size=64,
                # To 64 pixels; an upsampler that the photographs teach does the rest.
                generator_filters=(256, 256, 128, 64, 32),
                discriminator_filters=(32, 64, 64),
                discriminator_learning_rate=4e-4,
                generator_learning_rate=8e-4,
                ema=4000,
                least_steps=3000,
                epochs=30,
                # The first page within a minute, and not a thousand in a night.
                save_every=1,
                save_steps=50,
                save_growth=1.3,
                # As projected GANs are trained in the paper.
                beta_1=0.0,
                beta_2=0.99,
                latents="half",
            ),
            generate=Generate(generator="generator_best.h5"),
        ),
        Preset(
            "cifar10-dcgan",
            "CIFAR-10's ten classes: DCGAN with all three networks saved",
            classifier_first=False,
            data=Data(source="cifar10"),
            gan=GAN(latent_dim=100, epochs=200, saves=("networks", "jpg", "final")),
            generate=Generate(generator="generator.h5"),
        ),
        Preset(
            "gan-128",
            "any folder of images at 128x128, no classes needed",
            classifier_first=False,
            data=Data(image_shape=(128, 128, 3), channels="auto"),
            # Two more poolings, or the dense layer would hold 15 million weights.
            classifier=Classifier(filters=(32, 64, 128, 128)),
            gan=GAN(
                latent_dim=100,
                epochs=1000,
                batch_size=32,
                save_every=100,
                saves=("generator", "grid", "singles"),
                # Two more doublings than at 32x32; narrow where images are large.
                discriminator_filters=(32, 32, 64, 128, 256, 256),
                generator_filters=(256, 256, 128, 64, 32, 32),
                # Five doublings deep, the signal fades without it.
                generator_normalization="batch",
            ),
            generate=Generate(generator="generator_model_1000.h5"),
        ),
        Preset(
            "binary-350",
            "two class folders at 350x350: a 116-million-weight CNN",
            data=Data(
                image_shape=(350, 350, 3), validation_split=0.15, test_split=0.15
            ),
            classifier=Classifier(
                epochs=10, filters=(64, 128, 256), dense_units=256, output="sigmoid"
            ),
            # 350 cannot be halved often enough, and is more than a DCGAN can draw.
            gan=GAN(
                image_shape=(64, 64, 3),
                discriminator_filters=(64, 64, 128, 128, 256),
                generator_filters=(256, 128, 128, 128, 64),
            ),
        ),
        Preset(
            "smoke",
            "eight images and tiny networks for one epoch: does it run at all?",
            data=Data(validation_split=0.25),  # one of four images a class
            classifier=Classifier(epochs=1, batch_size=4, filters=(4,), dense_units=8),
            gan=GAN(
                epochs=1,
                batch_size=8,
                save_every=1,
                latent_dim=8,
                discriminator_filters=(4, 4, 4, 4),
                generator_filters=(4, 4, 4, 4),
            ),
            generate=Generate(generator="generator_model_001.h5", count=4),
        ),
    )
}


def find_preset(name: str) -> Preset:
    """Finds a preset by its name, or reads it from a .toml file.

    Raises:
        ValueError: no such preset or file, or the file says something impossible.
    """
    if name in PRESETS:
        return PRESETS[name]
    if not name.endswith(".toml"):
        raise ValueError(
            f"unknown preset {name!r}; known are {', '.join(PRESETS)}, or give the "
            "path of a .toml file"
        )
    path = Path(name)
    try:
        return _parse_toml(path.read_text(encoding="utf-8"), path.stem)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def recall(model_dir: Path, script: str) -> tuple[Preset, Path] | None:
    """Recalls the preset that a script is to take in a folder.

    Its own last run decides, then that of GANModel, then that of TrainModel. Flags
    that were given beside the preset are not remembered.

    Args:
        model_dir: folder of the models; need not be there.
        script: such as GANModel.

    Returns:
        The preset, and the file that records it; None where no file does, such as
        those of versions before 0.3 with a preset of a .toml file.

    Raises:
        InputError: the file is damaged.
    """
    for each in dict.fromkeys((script, "GANModel", "TrainModel")):
        path = model_dir / RUN.format(script=each)
        with report_unreadable(path, way_out="", options=("preset",)):
            if not path.is_file():
                continue
            record = json.loads(path.read_text(encoding="utf-8"))["preset"]
            name, toml = record["name"], record.get("toml")
            if not (isinstance(name, str) and name.isprintable()):
                raise ValueError("it names no preset")
            preset = PRESETS.get(name) if toml is None else _parse_toml(toml, name)
            if preset:
                return preset, path
    return None


def _parse_toml(text: str, name: str) -> Preset:
    given = tomllib.loads(text)
    base = given.pop("base", "dcgan-32")
    if not isinstance(base, str) or base not in PRESETS:
        raise ValueError(f"unknown base {base!r}; known are {', '.join(PRESETS)}")
    preset = PRESETS[base]
    changed: dict[str, Any] = {"name": name, "toml": text}
    for key, value in given.items():
        current = getattr(preset, key, None)
        if isinstance(current, Section):
            if not isinstance(value, dict):
                raise ValueError(f"{key} must be a section, [{key}]")
            try:
                changed[key] = current.override(value)
            except ValueError as error:
                raise ValueError(f"[{key}] {error}") from error
        elif key in ("description", "seed") and type(value) is type(current):
            changed[key] = value
        else:
            raise ValueError(
                f"unknown or unsuitable {key} = {value!r}; a preset has base, "
                "description, seed and the sections data, classifier, gan, generate"
            )
    return replace(preset, **changed)
