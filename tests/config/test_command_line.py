"""A command line -> one preset, checked before anything heavy is imported."""

import dataclasses
import subprocess
import sys
from dataclasses import fields

import pytest
from conftest import ROOT, Result

from foldergan.config import command_line, settings
from foldergan.config import fields as declaring
from foldergan.config.presets import PRESETS
from foldergan.gan import losses

SCRIPTS = ("TrainModel.py", "GANModel.py", "GeneratePredict.py")
SECTIONS = ("data", "classifier", "gan", "generate")
HEAVY = {"numpy", "cv2", "h5py", "matplotlib", "keras", "tensorflow"}

# Each flag that has a field, a value other than its default, and that value read.
VALUES = {
    "data": {
        "source": ("cifar10", "cifar10"),
        "image_shape": ("64x48x1", (64, 48, 1)),
        "resize": ("crop", "crop"),
        "channels": ("auto", "auto"),
        "validation_split": ("0", 0.0),
        "test_split": ("0.1", 0.1),
        "group_by": (r"p(\d+)", r"p(\d+)"),
        "near_duplicates": ("ignore", "ignore"),
    },
    "classifier": {
        "epochs": ("3", 3),
        "batch_size": ("7", 7),
        "learning_rate": ("1e-2", 0.01),
        "filters": ("8,16", (8, 16)),
        "dense_units": ("9", 9),
        "least_steps": ("100", 100),
        "precision": ("bfloat16", "bfloat16"),
        "auto_precisions": ("bfloat16,float32", ("bfloat16", "float32")),
        "network": ("residual", "residual"),
        "backbone": ("none", "none"),
        "augmentation": ("mirror,shift", ("mirror", "shift")),
        "schedule": ("one-cycle", "one-cycle"),
        "weight_decay": ("5e-3", 0.005),
        "label_smoothing": ("0.1", 0.1),
        "class_weights": ("balanced", "balanced"),
        "output": ("sigmoid", "sigmoid"),
    },
    "gan": {
        "image_shape": ("64x48x1", (64, 48, 1)),
        "resize": ("pad", "pad"),
        "epochs": ("3", 3),
        "least_steps": ("100", 100),
        "hours": ("0", 0.0),
        "batch_size": ("6", 6),
        "save_every": ("2", 2),
        "save_steps": ("100", 100),
        "save_growth": ("1.5", 1.5),
        "saves": ("grid,jpg", ("grid", "jpg")),
        "generator_normalization": ("batch", "batch"),
        "precision": ("bfloat16", "bfloat16"),
        "auto_precisions": ("bfloat16,float32", ("bfloat16", "float32")),
        "latents": ("shared", "shared"),
        "conditioning": ("class", "class"),
        "held_out": ("0.1", 0.1),
        "features": ("inception", "inception"),
        "backbone": ("net.keras", "net.keras"),
        "warm_up_steps": ("50", 50),
        "reconstruction": ("0.5", 0.5),
        "code_size": ("16", 16),
        "guidance": ("0.2", 0.2),
        "patience": ("0", 0),
        "latent_dim": ("11", 11),
        "discriminator_filters": ("8", (8,)),
        "generator_filters": ("8,16", (8, 16)),
        "dropout": ("0", 0.0),
        "discriminator_learning_rate": ("1e-3", 0.001),
        "generator_learning_rate": ("1e-3", 0.001),
        "beta_1": ("0.9", 0.9),
        "beta_2": ("0.9", 0.9),
        "loss": ("hinge", "hinge"),
        "ema": ("500", 500),
        "augmentation": ("shift,color", ("shift", "color")),
        "discriminator_features": ("classifier", "classifier"),
        "feature_filters": ("8", 8),
    },
    "generate": {
        "generator": ("x.h5", "x.h5"),
        "count": ("5", 5),
        "per_class": ("3", 3),
        "min_confidence": ("0.9", 0.9),
    },
}
EACH = [
    (section, name, *value)
    for section, values in VALUES.items()
    for name, value in values.items()
]


def dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


@pytest.fixture
def parse(monkeypatch):
    def parse(*arguments: str, sections=SECTIONS[2:]):
        monkeypatch.setattr(sys, "argv", ["script", *arguments])
        return command_line.Parser("Summary.\n\n    examples", sections).parse()

    return parse


@pytest.fixture
def refusal(parse, capsys):
    """Parses what must be refused and returns the sentence that is printed."""

    def refusal(*arguments: str, sections=SECTIONS[2:]) -> str:
        with pytest.raises(SystemExit) as end:
            parse(*arguments, sections=sections)
        assert end.value.code == 2
        return capsys.readouterr().err.splitlines()[-1]

    return refusal


@pytest.fixture
def imports(tmp_path):
    """Runs a script and tells what it imported: the packages' names."""

    def run(name, *arguments):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", ROOT / name, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        lines = result.err.splitlines()
        loaded = {
            line.rpartition("|")[2].strip().partition(".")[0]
            for line in lines
            if line.startswith("import time:")
        }
        assert "argparse" in loaded  # else nothing was measured
        result.err = "\n".join(x for x in lines if not x.startswith("import time:"))
        return result, loaded

    return run


def test_no_flags_give_the_default_preset(parse):
    assert parse()[1] == PRESETS["dcgan-32"]


@pytest.mark.parametrize("arguments", [("--preset", "smoke"), ("--preset=smoke",)])
def test_named_preset_is_taken(parse, arguments):
    assert parse(*arguments)[1] == PRESETS["smoke"]


@pytest.mark.parametrize(("section", "name", "text", "value"), EACH)
def test_each_flag_changes_the_field_of_its_name_only(
    parse, section, name, text, value
):
    _, preset = parse("--preset", "smoke", dashed(name), text, sections=(section,))
    for group in SECTIONS:
        for declared in fields(getattr(preset, group)):
            found = getattr(getattr(preset, group), declared.name)
            before = getattr(getattr(PRESETS["smoke"], group), declared.name)
            is_it = (group, declared.name) == (section, name)
            assert found == (value if is_it else before)


def test_every_field_has_a_flag_that_is_tested_here():
    for section in SECTIONS:
        declared = {field.name for field in fields(getattr(PRESETS["smoke"], section))}
        assert declared == set(VALUES[section])


def test_flags_that_were_not_given_are_no_attributes(parse):
    options, _ = parse("--count", "5")
    assert options.count == 5 and not hasattr(options, "generator")


@pytest.mark.parametrize(
    ("section", "arguments", "idle"),
    [
        ("classifier", ["--epochs", "3", "--schedule", "constant"], "--epochs, --sch"),
        ("classifier", ["--precision", "bfloat16"], "--precision without"),
        ("gan", ["--dropout", "0.1", "--epochs", "3"], "--dropout without"),
        ("classifier", ["--class-weights", "none"], None),
        ("classifier", ["--epochs", "3", "--backbone", "none"], None),
    ],
)
def test_flags_that_a_backbone_leaves_without_effect_are_said(
    parse, capsys, section, arguments, idle
):
    parse("--preset", "photo-128", *arguments, sections=(section,))
    said = capsys.readouterr().out
    assert f"note: a backbone leaves {idle}" in said if idle else "note:" not in said


def test_settings_without_effect_beside_a_backbone_exist():
    for section in (settings.Classifier, settings.GAN):
        idle = set(section.idle_beside_backbone)
        assert idle and idle <= {each.name for each in fields(section)}


@pytest.mark.parametrize("section", ["classifier", "gan"])
def test_epochs_that_are_given_are_not_made_more(parse, section):
    def steps(*arguments):
        _, preset = parse("--preset", "best-32", *arguments, sections=(section,))
        return getattr(preset, section).least_steps

    assert steps() > 0 == steps("--epochs", "3")
    assert steps("--epochs", "3", "--least-steps", "9") == 9


def test_epochs_between_saves_that_are_given_are_not_made_more(parse):
    def steps(*arguments):
        return parse("--preset", "best-32", *arguments, sections=("gan",))[1].gan

    assert steps("--epochs", "3").save_steps > 0
    assert steps("--save-every", "3").save_steps == 0
    assert steps("--save-every", "3").least_steps > 0


def test_epochs_between_saves_that_are_given_stay_even(parse):
    def growth(*arguments):
        _, preset = parse("--preset", "photo-128", *arguments, sections=("gan",))
        return preset.gan.save_growth

    assert growth("--epochs", "3") > 1
    assert growth("--save-every", "3") == 1
    assert growth("--save-every", "3", "--save-growth", "2") == 2


def test_hours_are_the_only_limit_unless_epochs_are_given_too(parse):
    def limits(*arguments):
        _, preset = parse("--preset", "best-32", *arguments, sections=("gan",))
        return preset.gan.epochs, preset.gan.least_steps, preset.gan.hours

    preset = PRESETS["best-32"].gan
    assert limits("--hours", "8") == (None, 0, 8.0)
    assert limits("--hours", "8", "--epochs", "3") == (3, 0, 8.0)
    assert limits("--hours", "0") == (preset.epochs, preset.least_steps, 0.0)


def test_a_preset_of_hours_needs_another_limit_in_their_place(parse, refusal, tmp_path):
    mine = tmp_path / "night.toml"
    mine.write_text("[gan]\nhours = 8\n")
    flags = ("--preset", str(mine), "--hours", "0")
    assert "set epochs or hours" in refusal(*flags, sections=("gan",))
    gan = parse(*flags, "--epochs", "3", sections=("gan",))[1].gan
    assert (gan.epochs, gan.hours) == (3, 0.0)


def test_seed_is_read(parse):
    assert parse("--seed", "7")[1].seed == 7


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1.5", "", "many"])
@pytest.mark.parametrize("name", ["epochs", "save_every", "latent_dim", "batch_size"])
def test_whole_numbers_that_make_no_sense_are_refused(refusal, name, value):
    sentence = refusal(f"{dashed(name)}={value}", sections=("gan",))
    assert f"argument {dashed(name)}: " in sentence and value in sentence


@pytest.mark.parametrize("value", ["-0.1", "nan", "inf", "-inf", "1e999", "", "some"])
@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("gan", "dropout"),
        ("gan", "beta_1"),
        ("gan", "generator_learning_rate"),
        ("data", "validation_split"),
        ("data", "test_split"),
    ],
)
def test_fractions_that_make_no_sense_are_refused(refusal, section, name, value):
    sentence = refusal(f"{dashed(name)}={value}", sections=(section,))
    assert f"argument {dashed(name)}: " in sentence


@pytest.mark.parametrize("value", ["0", "-1e-3", "nan", "inf"])
def test_step_size_must_be_positive_and_finite(refusal, value):
    sentence = refusal(f"--learning-rate={value}", sections=("classifier",))
    assert "argument --learning-rate: learning_rate must be" in sentence


@pytest.mark.parametrize("value", ["1", "1.5"])
@pytest.mark.parametrize("name", ["dropout", "beta_1"])
def test_parts_must_be_below_1(refusal, name, value):
    sentence = refusal(f"{dashed(name)}={value}", sections=("gan",))
    assert f"{name} must be below 1, not {float(value)}" in sentence


@pytest.mark.parametrize("value", ["64,0", "64;128", "-1", ""])
def test_widths_must_be_positive_whole_numbers(refusal, value):
    sentence = refusal(f"--generator-filters={value}", sections=("gan",))
    assert "argument --generator-filters: " in sentence


@pytest.mark.parametrize("value", ["31", "32x32", "0x32x3", "32x32x4", "32x32x-3"])
def test_shapes_must_be_height_width_and_1_or_3_channels(refusal, value):
    assert "such as 32x32x3" in refusal(f"--image-shape={value}", sections=("data",))


def test_odd_batch_is_refused(refusal):
    sentence = refusal("--batch-size", "3", sections=("gan",))
    assert "batch_size must be even" in sentence


@pytest.mark.parametrize("section", ["classifier", "gan"])
def test_nothing_and_something_is_refused(refusal, section):
    sentence = refusal("--augmentation", "none,mirror", sections=(section,))
    assert "augmentation none goes with no other" in sentence


@pytest.mark.parametrize("value", ["-1", str(2**31), "nan", "1.5", ""])
def test_seed_out_of_range_is_refused(refusal, value):
    assert "seed" in refusal(f"--seed={value}")


@pytest.mark.parametrize("arguments", [("--preset", "dcgan-33"), ("--preset=",)])
def test_unknown_preset_lists_the_known_ones(refusal, arguments):
    sentence = refusal(*arguments)
    assert all(name in sentence for name in PRESETS)


@pytest.mark.parametrize(
    "arguments",
    [("--epoch", "3"), ("--pre", "smoke"), ("--typo",), ("loose",), ("--preset",)],
)
def test_what_is_no_flag_is_refused(refusal, arguments):
    sentence = refusal(*arguments, sections=("gan",))
    assert arguments[0] in sentence


# The scripts themselves.


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_answers_before_anything_heavy_is_imported(imports, name):
    result, loaded = imports(name, "--help")
    assert result.code == 0 and not loaded & HEAVY
    for flag in ("--preset", "--model-dir", "--data-dir", "--seed", *PRESETS):
        assert flag in result.out


def test_help_shows_the_defaults_of_the_named_preset(process):
    for preset in PRESETS.values():
        shown = " ".join(
            process("GANModel.py", "--preset", preset.name, "-h").out.split()
        )
        assert f"length of a latent vector (default: {preset.gan.latent_dim})" in shown


@pytest.mark.parametrize(
    ("name", "flag", "value"),
    [
        ("TrainModel.py", "--epochs", "0"),
        ("TrainModel.py", "--image-shape", "31"),
        ("GANModel.py", "--batch-size", "-1"),
        ("GANModel.py", "--batch-size", "3"),
        ("GANModel.py", "--preset", "typo"),
        ("GeneratePredict.py", "--count", "nan"),
        ("GeneratePredict.py", "--epochs", "3"),
    ],
)
def test_wrong_flag_ends_in_2_before_anything_heavy_is_imported(
    imports, tmp_path, name, flag, value
):
    result, loaded = imports(name, f"{flag}={value}")
    assert result.code == 2 and not loaded & HEAVY
    assert result.err.splitlines()[-1].startswith(f"{name}: error: ")
    assert "Traceback" not in result.err and result.out == ""
    assert list(tmp_path.iterdir()) == []


# Adding a setting, as CONTRIBUTING.md shows it.


def test_a_new_field_is_a_flag_a_key_and_a_check_at_once(monkeypatch, capsys):
    @dataclasses.dataclass(frozen=True)
    class Longer(settings.GAN):
        weight_decay: float = declaring.optimization(0.0, "weight decay", least=0)

    longer = dataclasses.replace(PRESETS["smoke"], gan=Longer())
    monkeypatch.setitem(command_line.PRESETS, "longer", longer)
    arguments = ["script", "--preset", "longer", "--weight-decay"]
    monkeypatch.setattr(sys, "argv", [*arguments, "0.1"])
    assert command_line.Parser("S.", ("gan",)).parse()[1].gan.weight_decay == 0.1
    assert longer.gan.override({"weight_decay": 1}).weight_decay == 1.0
    monkeypatch.setattr(sys, "argv", [*arguments, "-1"])
    with pytest.raises(SystemExit):
        command_line.Parser("S.", ("gan",)).parse()
    assert "weight_decay must be at least 0" in capsys.readouterr().err


def test_help_lists_settings_under_titles_with_types_and_choices(process):
    shown = process("GANModel.py", "--help").out
    for title in declaring.GROUPS:
        assert f"\n{title}:\n" in shown
    for line in ("--beta-1 X", "--held-out X", "--loss {cross-entropy,hinge}"):
        assert line in shown
    assert "--filters N,N,..." in process("TrainModel.py", "--help").out
    assert shown.index("examples and files:") > shown.index("\noutput:\n")


def test_what_one_may_choose_is_what_there_is():
    (loss,) = (f for f in fields(settings.GAN) if f.name == "loss")
    assert set(loss.metadata["choices"]) == set(losses.LOSSES)


def test_a_script_can_take_some_settings_of_the_data_alone(monkeypatch, capsys):
    def parse(*arguments):
        monkeypatch.setattr(sys, "argv", ["script", *arguments])
        parser = command_line.Parser("Summary.\n\n    x", ("gan",), ("group_by",))
        return parser.parse()

    options, preset = parse("--group-by", "a", "--image-shape", "64x64x3")
    assert preset.data.group_by == "a" == options.group_by
    assert preset.gan.image_shape == (64, 64, 3) != preset.data.image_shape
    assert not hasattr(parse()[0], "group_by")
    with pytest.raises(SystemExit):
        parse("--test-split", "0.1")
    assert "unrecognized arguments: --test-split" in capsys.readouterr().err
