"""Every setting of every preset: it builds, and its bounds are kept."""

import math
from dataclasses import fields, replace

import pytest

from pipeline import networks, presets
from pipeline.presets import PRESETS

SECTIONS = ("data", "classifier", "gan", "generate")
DEFAULT = PRESETS["dcgan-32"]
SETTINGS = [
    pytest.param(section, declared, id=f"{section}.{declared.name}")
    for section in SECTIONS
    for declared in fields(getattr(DEFAULT, section))
]


def is_number(declared) -> bool:
    return declared.name != "image_shape" and declared.metadata["parse"] is not str


NUMBERS = [parameter for parameter in SETTINGS if is_number(parameter.values[1])]


def changed(section: str, declared, value):
    """The section of `dcgan-32` with one value replaced, also inside a tuple."""
    many = isinstance(declared.default, tuple)
    return replace(
        getattr(DEFAULT, section), **{declared.name: (8, value) if many else value}
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_builds_its_three_networks(preset):
    shape, gan = preset.data.image_shape, preset.gan
    classifier = networks.build_classifier(
        shape, 2, preset.classifier.filters, preset.classifier.dense_units
    )
    generator = networks.build_generator(shape, gan.latent_dim, gan.generator_filters)
    discriminator = networks.build_discriminator(
        shape, gan.discriminator_filters, gan.dropout
    )
    assert classifier.input_shape == generator.output_shape
    assert classifier.input_shape == discriminator.input_shape


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_asks_for_a_generator_that_it_saves(preset):
    saved = [
        f"generator_model_{epoch:03d}.h5"
        for epoch in range(1, preset.gan.epochs + 1)
        if epoch % preset.gan.save_every == 0 or epoch == preset.gan.epochs
    ]
    assert preset.generate.generator in saved


def test_the_default_preset_is_that_of_the_originals():
    assert DEFAULT.data.image_shape == (32, 32, 3)
    assert (DEFAULT.classifier.epochs, DEFAULT.classifier.batch_size) == (50, 32)
    gan = DEFAULT.gan
    assert (gan.latent_dim, gan.epochs, gan.batch_size) == (200, 100, 128)
    assert gan.save_every == 10 and gan.dropout == 0.4 and gan.beta_1 == 0.5
    assert gan.discriminator_learning_rate == gan.generator_learning_rate == 2e-4
    assert gan.discriminator_filters == (64, 128, 128, 256)
    assert gan.generator_filters == (256, 128, 128, 128)
    assert DEFAULT.generate.generator == "generator_model_080.h5"


def test_presets_are_frozen():
    with pytest.raises(AttributeError):
        DEFAULT.gan.epochs = 3


@pytest.mark.parametrize(("section", "declared"), SETTINGS)
def test_every_setting_says_what_it_is(section, declared):
    assert declared.metadata["help"] and callable(declared.metadata["parse"])


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


@pytest.mark.parametrize("size", [2, 128])
def test_even_batches_are_taken(size):
    assert replace(DEFAULT.gan, batch_size=size).batch_size == size


@pytest.mark.parametrize("size", [3, 127])
def test_odd_batches_are_refused_for_half_is_real_and_half_fake(size):
    with pytest.raises(ValueError, match=f"batch_size must be even.* not {size}"):
        replace(DEFAULT.gan, batch_size=size)


@pytest.mark.parametrize("shape", [(1, 1, 1), (32, 32, 3), (350, 200, 1)])
def test_grey_and_colour_shapes_are_taken(shape):
    assert replace(DEFAULT.data, image_shape=shape).image_shape == shape


@pytest.mark.parametrize(
    "shape", [(32, 32), (32, 32, 2), (32, 32, 4), (0, 32, 3), (32, 0, 3), (32, 32, 0)]
)
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="image_shape must be height x width"):
        replace(DEFAULT.data, image_shape=shape)


def test_texts_are_read():
    assert presets.image_shape("350x200x1") == (350, 200, 1)
    assert presets.widths("64,128") == (64, 128)
    assert presets.widths("64") == (64,)


@pytest.mark.parametrize("text", ["", "32", "32x32", "32x32x3x1", "-1x32x3", "axbxc"])
def test_text_that_is_no_shape_is_refused(text):
    with pytest.raises(ValueError, match="expected HEIGHTxWIDTHxCHANNELS"):
        presets.image_shape(text)


@pytest.mark.parametrize("text", ["", ",", "64,", "64 128", "-1", "1.5", "a"])
def test_text_that_is_no_list_of_widths_is_refused(text):
    with pytest.raises(ValueError, match="expected whole numbers such as"):
        presets.widths(text)
