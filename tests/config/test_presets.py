"""Every setting of every preset: it builds, and its bounds are kept."""

import math
from dataclasses import fields, replace

import pytest
from conftest import ROOT, discriminator_of, generator_of

from foldergan.config import fields as kinds
from foldergan.config import presets
from foldergan.config.presets import PRESETS
from foldergan.config.settings import Classifier
from foldergan.errors import InputError

SECTIONS = ("data", "classifier", "gan", "generate")
DEFAULT = PRESETS["dcgan-32"]
SETTINGS = [
    pytest.param(section, declared, id=f"{section}.{declared.name}")
    for section in SECTIONS
    for declared in fields(getattr(DEFAULT, section))
]


def is_number(declared) -> bool:
    kind = kinds.kind_of(declared)
    return kind.entry in (int, float) and kind.separator != "x"


NUMBERS = [parameter for parameter in SETTINGS if is_number(parameter.values[1])]


def changed(section: str, declared, value):
    """The section of `dcgan-32` with one value replaced, also inside a tuple."""
    many = isinstance(declared.default, tuple)
    return replace(
        getattr(DEFAULT, section), **{declared.name: (8, value) if many else value}
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_networks_of_every_preset_fit_together(preset):
    gan = preset.gan
    shape = gan.image_shape or preset.data.image_shape
    generator = generator_of(shape, gan.latent_dim, gan.generator_filters)
    discriminator = discriminator_of(shape, gan.discriminator_filters, gan.dropout)
    assert generator.output_shape == discriminator.input_shape == (None, *shape)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_asks_for_a_generator_that_it_saves(preset):
    saved = ["generator.h5"] if "networks" in preset.gan.saves else []
    if "generator" in preset.gan.saves:
        saved = [
            f"generator_model_{epoch:03d}.h5"
            for epoch in range(1, preset.gan.epochs + 1)
            if epoch % preset.gan.save_every == 0 or epoch == preset.gan.epochs
        ]
    if preset.gan.held_out:
        saved.append("generator_best.h5")
    assert preset.generate.generator in saved


def test_the_default_preset_is_that_of_the_originals_but_for_its_steps():
    assert DEFAULT.data.image_shape == (32, 32, 3)
    assert (DEFAULT.classifier.epochs, DEFAULT.classifier.batch_size) == (50, 32)
    gan = DEFAULT.gan
    assert (gan.latent_dim, gan.epochs, gan.batch_size) == (200, 100, 64)
    assert gan.save_every == 10 and gan.dropout == 0.4 and gan.beta_1 == 0.5
    # Twice the rate of the originals and half their batch, with an EMA.
    assert gan.discriminator_learning_rate == gan.generator_learning_rate == 4e-4
    assert gan.discriminator_filters == (64, 128, 128, 256)
    assert gan.generator_filters == (256, 128, 128, 128)
    assert DEFAULT.generate.generator == "generator_model_080.h5"


@pytest.mark.parametrize(("section", "declared"), NUMBERS)
def test_every_number_has_a_least_value_and_takes_it(section, declared):
    least = declared.metadata["least"]
    assert least is not None and least >= 0
    changed(section, declared, least)


@pytest.mark.parametrize(("section", "declared"), NUMBERS)
def test_numbers_out_of_bounds_are_refused_by_name(section, declared):
    least, below = declared.metadata["least"], declared.metadata["below"]
    bad = [-1, -math.inf, math.inf, math.nan, least - 1e-13]
    bad += [below] if below is not None else []
    bad += [0] if least > 0 else []
    for value in bad:
        with pytest.raises(ValueError, match=f"^{declared.name} must be .* not "):
            changed(section, declared, value)


@pytest.mark.parametrize(
    "shape", [(32, 32), (32, 32, 2), (32, 32, 4), (0, 32, 3), (32, 0, 3), (32, 32, 0)]
)
def test_only_shapes_of_grey_and_colour_are_taken(shape):
    replace(DEFAULT.data, image_shape=(1, 1, 1))
    with pytest.raises(ValueError, match="image_shape must be height x width"):
        replace(DEFAULT.data, image_shape=shape)


@pytest.mark.parametrize(
    ("size", "layers", "network"),
    [
        (4, 1, "plain"),
        (10, 2, "plain"),
        (22, 3, "plain"),
        (3, 1, "residual"),  # a patch
        (3, 2, "residual"),
        (8, 4, "residual"),
    ],
)
def test_smallest_image_for_a_classifier(size, layers, network):
    classifier = Classifier(filters=(4,) * layers, network=network)
    classifier.require_fit((size, 64, 3))
    for shape in ((size - 1, 64, 3), (64, size - 1, 3)):
        with pytest.raises(InputError, match="too small for"):
            classifier.require_fit(shape)


def test_a_section_is_checked_only_where_it_is_used():
    odd = replace(DEFAULT, data=replace(DEFAULT.data, image_shape=(31, 31, 3)))
    odd.check(("data", "classifier"))  # the GAN could not draw these
    tiny = replace(DEFAULT, data=replace(DEFAULT.data, image_shape=(8, 8, 3)))
    tiny.check(("gan",))  # the classifier could not read these
    with pytest.raises(InputError, match="8x8 are too small"):
        tiny.check(("data", "classifier"))


# A preset of the user's own.


@pytest.fixture
def toml(tmp_path):
    def read(text: str):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return presets.find_preset(str(path))

    return read


def test_a_toml_file_changes_what_it_names_and_nothing_else(toml):
    mine = toml("""
        base = "gan-128"
        seed = 7
        [data]
        image_shape = [64, 64, 3]
        [gan]
        epochs = 5
        dropout = 0
        saves = ["grid"]
        generator_filters = "8,8,8"
    """)
    base = PRESETS["gan-128"]
    assert mine.name == "mine" and mine.seed == 7
    # Whoever gives a shape means its channels.
    assert mine.data == replace(base.data, image_shape=(64, 64, 3), channels="fixed")
    assert mine.gan == replace(
        base.gan, epochs=5, dropout=0.0, saves=("grid",), generator_filters=(8, 8, 8)
    )
    assert mine.classifier == base.classifier and mine.generate == base.generate


@pytest.mark.parametrize("section", ["classifier", "gan"])
def test_epochs_that_a_toml_file_gives_are_not_made_more(toml, section):
    def least_steps(text):
        return getattr(
            toml(f'base = "best-32"\n[{section}]\n{text}'), section
        ).least_steps

    assert least_steps("batch_size = 4") > 0 == least_steps("epochs = 3")
    assert least_steps("epochs = 3\nleast_steps = 9") == 9


def test_the_example_is_a_preset():
    example = presets.find_preset(str(ROOT / "examples" / "shirts-64.toml"))
    assert example.data.image_shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epochs = 5", "unknown or unsuitable epochs = 5"),
        ("seed = 'x'", "unknown or unsuitable seed"),
        ("base = 'gan-127'", "unknown base 'gan-127'; known are dcgan-32"),
        ("base = 'mine.toml'", "unknown base 'mine.toml'"),
        ("base = ['best-32']", "unknown base .'best-32'."),
        ("[base]", "unknown base {}"),
        ("seed = -1", "seed must be from 0"),
        ("[gan]\ngenerator_filters = []", "generator_filters must name one at least"),
        ("[gan]\nsaves = []", "saves must name one at least"),
        ("gan = 5", r"gan must be a section, \[gan\]"),
        ("[gan]\nepoch = 5", r"\[gan\] has no epoch; it has .*epochs"),
        ("[gan]\nepochs = 0", r"\[gan\] epochs: epochs must be at least 1, not 0"),
        ("[gan]\nepochs = 1.5", r"\[gan\] epochs: must be like 1, not 1.5"),
        ("[gan]\nepochs = true", r"\[gan\] epochs: must be like 1, not True"),
        ("[gan]\nepochs = 'many'", r"\[gan\] epochs: "),
        ("[gan]\ndropout = nan", "dropout must be a finite number"),
        ("[gan]\nbatch_size = 7", "batch_size must be even"),
        ("[gan]\nsaves = ['video']", "saves must be one of generator, grid, .*'video'"),
        ("[gan]\nsaves = [1]", "saves: must be like generator,grid"),
        ("[data]\nimage_shape = [32, 32]", "image_shape must be height x width"),
        ("[data]\nimage_shape = ['a', 1, 1]", "image_shape: must be like 32x32x3"),
        ("[data]\ntest_split = 0.9", "leave nothing to train on"),
        ("not toml", "is not TOML"),
    ],
)
def test_what_a_toml_file_cannot_mean_is_refused_by_name(toml, text, sentence):
    with pytest.raises(ValueError, match=f"mine.toml.*{sentence}"):
        toml(text)


def test_a_toml_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="none.toml: No such file"):
        presets.find_preset(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", ["latent_dim", "beta_1", "epochs"])
def test_numbers_of_400_digits_are_refused(tmp_path, name):
    path = tmp_path / "a.toml"
    path.write_text(f"[gan]\n{name} = {'9' * 400}\n")
    with pytest.raises(ValueError, match=rf"\[gan\] {name}.* digits than 400"):
        presets.find_preset(str(path))
    path.write_text(f"seed = {'9' * 400}\n")
    with pytest.raises(ValueError, match="not one of more digits"):
        presets.find_preset(str(path))
