"""A command line -> one preset, checked before anything heavy is imported."""

import dataclasses
import subprocess
import sys
import types
import typing
from dataclasses import fields

import pytest
from conftest import ROOT, Result

from foldergan.config import command_line, settings
from foldergan.config import fields as declaring
from foldergan.config.presets import PRESETS

SCRIPTS = ("TrainModel.py", "GANModel.py", "GeneratePredict.py")
SECTIONS = ("data", "classifier", "gan", "generate")
HEAVY = {"numpy", "cv2", "h5py", "matplotlib", "keras", "tensorflow"}

# What one writes of a type, or of a setting, and the value that is read of it.
SAMPLES = {
    int: ("6", 6),
    float: ("0.25", 0.25),
    str: ("x.keras", "x.keras"),
    declaring.Shape: ("64x48x1", (64, 48, 1)),
    declaring.Widths: ("8,16", (8, 16)),
}
OWN = {
    "patience": ("0", 0),  # more needs held-out images
    "save_growth": ("1.5", 1.5),
    "hours": ("0", 0.0),  # more takes the epochs' place
    ("classifier", "backbone"): ("none", "none"),  # another leaves settings idle
}


def sample_of(section, field):
    """A text that a flag takes, and the value read of it: where it can, no default."""
    if own := OWN.get(field.name) or OWN.get((section, field.name)):
        return own
    if choices := field.metadata["choices"]:
        if isinstance(field.default, tuple):  # the last may be chosen together
            return ",".join(choices[-2:]), choices[-2:]
        return 2 * ([choice for choice in choices if choice != field.default][-1],)
    is_optional = isinstance(field.type, types.UnionType)  # ... | None
    return SAMPLES[typing.get_args(field.type)[0] if is_optional else field.type]


EACH = [
    pytest.param(section, field, *sample_of(section, field), id=field.name)
    for section in SECTIONS
    for field in fields(getattr(PRESETS["smoke"], section))
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


@pytest.mark.parametrize(("section", "field", "text", "value"), EACH)
def test_each_flag_changes_the_field_of_its_name_only(
    parse, section, field, text, value
):
    _, preset = parse(
        "--preset", "smoke", dashed(field.name), text, sections=(section,)
    )
    for group in SECTIONS:
        found, before = (getattr(each, group) for each in (preset, PRESETS["smoke"]))
        if group == section:
            before = dataclasses.replace(before, **{field.name: value})
        assert found == before


def test_flags_that_were_not_given_are_no_attributes(parse):
    options, preset = parse("--count", "5", "--seed", "7")
    assert options.count == 5 and not hasattr(options, "generator")
    assert preset.seed == 7


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


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ("--preset best-32 --held-out 0.2", (30, 6000, 0.0, 2, 400, 1.0)),
        ("--preset best-32 --epochs 3", (3, 0, 0.0, 2, 400, 1.0)),
        ("--preset best-32 --epochs 3 --least-steps 9", (3, 9, 0.0, 2, 400, 1.0)),
        ("--preset best-32 --save-every 3", (30, 6000, 0.0, 3, 0, 1.0)),
        ("--preset best-32 --hours 8", (None, 0, 8.0, 2, 400, 1.0)),
        ("--preset best-32 --hours 8 --epochs 3", (3, 0, 8.0, 2, 400, 1.0)),
        ("--preset best-32 --hours 0", (30, 6000, 0.0, 2, 400, 1.0)),
        ("--preset photo-128 --epochs 3", (3, 0, 0.0, 1, 50, 1.3)),
        ("--preset photo-128 --save-every 3", (30, 3000, 0.0, 3, 0, 1.0)),
        ("--preset photo-128 --save-every 3 --save-growth 2", (30, 3000, 0.0, 3, 0, 2)),
    ],
)
def test_who_gives_a_number_of_epochs_means_it(parse, arguments, found):
    gan = parse(*arguments.split(), sections=("gan",))[1].gan
    of_epochs = (gan.epochs, gan.least_steps, gan.hours)
    assert (*of_epochs, gan.save_every, gan.save_steps, gan.save_growth) == found


def test_a_preset_of_hours_needs_another_limit_in_their_place(parse, refusal, tmp_path):
    mine = tmp_path / "night.toml"
    mine.write_text("[gan]\nhours = 8\n")
    flags = ("--preset", str(mine), "--hours", "0")
    assert "set epochs or hours" in refusal(*flags, sections=("gan",))
    gan = parse(*flags, "--epochs", "3", sections=("gan",))[1].gan
    assert (gan.epochs, gan.hours) == (3, 0.0)


NO_WHOLE = ("0", "-1", "nan", "inf", "1.5", "", "many")
NO_FRACTION = ("-0.1", "nan", "inf", "-inf", "1e999", "", "some", "1", "1.5")


@pytest.mark.parametrize(
    ("section", "name", "values", "words"),
    [
        *(("gan", n, NO_WHOLE, "") for n in ("epochs", "save_every", "latent_dim")),
        *(("gan", n, NO_FRACTION, "") for n in ("dropout", "beta_1")),
        *(("data", n, NO_FRACTION, "") for n in ("validation_split", "test_split")),
        ("gan", "dropout", ("1", "1.5"), "dropout must be below 1, not 1."),
        ("gan", "generator_learning_rate", ("-0.1", "nan", "1e999", "", "some"), ""),
        (
            *("classifier", "learning_rate", ("0", "-1e-3", "nan", "inf")),
            "learning_rate must be",
        ),
        ("gan", "generator_filters", ("64,0", "-1"), "must be at least 1, not "),
        (
            *("gan", "generator_filters", ("", ",", "64,", "64;128", "1.5", "a")),
            "must be like 64,128, not '",
        ),
        ("data", "image_shape", ("", "32x", "axbxc"), "must be like 32x32x3, not '"),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, section, name, values, words):
    for value in values:
        sentence = refusal(f"{dashed(name)}={value}", sections=(section,))
        assert f"argument {dashed(name)}: " in sentence and words in sentence


@pytest.mark.parametrize(
    ("section", "given", "words"),
    [
        ("data", "--image-shape=31", "such as 32x32x3, not 31"),
        ("data", "--image-shape=32x-3x3", "such as 32x32x3"),
        ("data", "--image-shape=32x32x3x1", "such as 32x32x3"),
        ("gan", "--batch-size=3", "batch_size must be even"),
        ("gan", "--augmentation=none,mirror", "none goes with no other"),
        ("classifier", "--augmentation=none,mirror", "none goes with no other"),
        ("gan", "--patience=3", "set held_out"),
        ("gan", "--conditioning=class --saves=networks", "saves cannot have networks"),
        ("gan", "--preset=gan-128 --image-shape=48x48x3", "multiples of 32"),
        ("gan", "--preset=gan-128 --image-shape=100x128x3", "multiples of 32"),
    ],
)
def test_values_that_do_not_go_together_are_refused(refusal, section, given, words):
    assert words in refusal(*given.split(), sections=(section,))


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


def test_help_shows_titles_types_and_the_defaults_of_the_named_preset(parse, capsys):
    for preset in PRESETS.values():
        with pytest.raises(SystemExit):
            parse("--preset", preset.name, "-h")
        shown = capsys.readouterr().out
        latent = f"length of a latent vector (default: {preset.gan.latent_dim})"
        assert latent in " ".join(shown.split())
    for title in declaring.GROUPS:
        assert f"\n{title}:\n" in shown
    lines = (
        "--beta-1 X",
        "--loss {cross-entropy,hinge}",
        "--generator-filters N,N,...",
    )
    assert all(line in shown for line in lines)
    assert shown.index("examples and files:") > shown.index("\noutput:\n")


@pytest.mark.parametrize(
    ("name", "flag", "value"),
    [
        ("TrainModel.py", "--image-shape", "31"),
        ("GANModel.py", "--batch-size", "3"),
        ("GANModel.py", "--preset", "typo"),
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


def test_what_one_may_choose_is_what_there_is():
    from foldergan.gan import losses  # imports Keras

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
