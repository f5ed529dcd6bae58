"""What auto decides, by a measurement that the tests make up."""

import json
from dataclasses import replace

import pytest

from foldergan import backend
from foldergan.config.precision import Convolution
from foldergan.config.presets import PRESETS
from foldergan.config.settings import GAN
from foldergan.nn import precision

BOTH = GAN(auto_precisions=("float32", "bfloat16"))
CONVOLUTIONS = BOTH.convolutions((32, 32, 3))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's folder of this test, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "foldergan"


@pytest.fixture
def measured(cache, monkeypatch):
    """Makes up how many times as fast bfloat16 is; lists what was measured."""
    calls = []

    def make_up(ratio):
        def measure(convolutions, operations):
            calls.append(convolutions)
            return ratio

        monkeypatch.setattr(precision, "_measure", measure)
        return calls

    return make_up


@pytest.mark.parametrize(
    ("ratio", "chosen"),
    [(0.1, "float32"), (0.99, "float32"), (1.2, "float32"), (1.3, "bfloat16")],
)
def test_bfloat16_is_chosen_where_it_is_clearly_faster(measured, capsys, ratio, chosen):
    measured(ratio)
    assert precision.choose(BOTH, CONVOLUTIONS) == chosen
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith(f"precision {chosen}: bfloat16 is {ratio:.2f} times as fast")


def test_what_was_measured_is_remembered(measured, capsys):
    calls = measured(1.3)
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    once = len(calls)
    measured(0.5)  # would say otherwise
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    assert len(calls) == once
    now, earlier = capsys.readouterr().out.splitlines()
    assert "measured now" in now and "measured earlier" in earlier


def test_other_convolutions_are_measured_anew(measured):
    measured(1.3)
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    measured(0.5)
    assert precision.choose(BOTH, BOTH.convolutions((64, 64, 3))) == "float32"


@pytest.mark.parametrize("what", ["keras", "tensorflow", "processor", "cores"])
def test_another_processor_or_version_is_measured_anew(measured, monkeypatch, what):
    measured(1.3)
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    versions = backend.versions()
    monkeypatch.setattr(backend, "versions", lambda: versions | {what: "another"})
    measured(0.5)
    assert precision.choose(BOTH, CONVOLUTIONS) == "float32"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "\0\xff", '{"key": 1}', "number", "text"]
)
def test_a_damaged_cache_is_measured_anew(measured, cache, text):
    measured(1.3)
    precision.choose(BOTH, CONVOLUTIONS)
    (path,) = cache.iterdir()
    if text in ("number", "text"):
        wrong = {"number": float("nan"), "text": "fast"}[text]
        text = json.dumps(json.loads(path.read_text()) | {"value": wrong})
    path.write_text(text, encoding="latin-1")
    measured(0.5)
    assert precision.choose(BOTH, CONVOLUTIONS) == "float32"
    assert json.loads(path.read_text())["value"] == 0.5


def test_a_cache_that_cannot_be_written_is_no_error(measured, cache):
    cache.write_text("a file in the place of the folder")
    calls = measured(1.3)
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    once = len(calls)
    assert precision.choose(BOTH, CONVOLUTIONS) == "bfloat16"
    assert len(calls) == 2 * once


def test_what_a_training_had_before_is_kept(measured, capsys):
    calls = measured(9.0)
    assert precision.choose(BOTH, CONVOLUTIONS, "float32") == "float32"
    assert precision.choose(GAN(), CONVOLUTIONS, "bfloat16") == "bfloat16"
    assert calls == []
    assert "as this training had it before" in capsys.readouterr().out


def test_a_preset_of_no_measured_quality_stays_in_float32(measured, capsys):
    calls = measured(9.0)
    assert precision.choose(GAN(), CONVOLUTIONS) == "float32"
    assert calls == []
    assert "quality of no other" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
def test_what_is_given_is_taken(measured, monkeypatch, capsys, given):
    monkeypatch.setattr(backend, "lacks_bfloat16", lambda: True)
    calls = measured(9.0)
    settings = replace(BOTH, precision=given)
    assert precision.choose(settings, CONVOLUTIONS, "float32") == given
    assert calls == []
    warned = "no bfloat16" in capsys.readouterr().out
    assert warned == (given == "bfloat16")


def test_only_presets_of_measured_quality_let_auto_choose():
    both = {
        name
        for name, preset in PRESETS.items()
        if "bfloat16" in preset.gan.auto_precisions + preset.classifier.auto_precisions
    }
    assert both == {"best-32"}
    for preset in PRESETS.values():
        assert preset.gan.precision == preset.classifier.precision == "auto"


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_work_is_forward_and_both_gradients(monkeypatch, transposed, dtype):
    import tensorflow as tf

    backend.start(0)
    seen = []
    gradient = tf.GradientTape.gradient

    def noted(tape, outputs, sources):
        seen.append((outputs.shape[1:], outputs.dtype, [s.dtype for s in sources]))
        return gradient(tape, outputs, sources)

    monkeypatch.setattr(tf.GradientTape, "gradient", noted)
    convolution = Convolution(8, 6, 3, 5, 4, 2, transposed)
    precision._work(convolution, 1e6, dtype)()
    shape = (16, 12, 5) if transposed else (4, 3, 5)
    assert seen == [(shape, dtype, [dtype, "float32"])]


def test_a_measurement_is_a_ratio_of_times(monkeypatch):
    backend.start(0)
    now = {"time": 0.0}
    costs = {"float32": 3.0, "bfloat16": 2.0}

    def work(convolution, operations, dtype):
        def spend():
            now["time"] += costs[dtype]

        return spend

    monkeypatch.setattr(precision, "_work", work)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now["time"])
    assert precision._measure(CONVOLUTIONS[:2], 1e6) == 1.5


def test_large_images_are_measured_in_part():
    backend.start(0)
    huge = Convolution(4000, 4000, 64, 64)
    precision._work(huge, 1e6, "float32")()  # else 9 TFLOP


@pytest.mark.parametrize("name", PRESETS)
def test_the_convolutions_are_those_of_the_networks(name):
    """By what their kernels hold: the few that are left out are the least of all."""
    from foldergan.classifier.network import build_classifier
    from foldergan.gan import networks

    backend.start(0)
    preset = PRESETS[name]
    shape = preset.data.image_shape
    if preset.classifier.backbone == "none" and name != "binary-350":
        built = build_classifier(preset.classifier, shape, 2)
        assert kernels_of(built) == kernels(preset.classifier.convolutions(shape))
    if preset.gan.backbone == "none":
        shape = preset.gan.image_shape or shape
        *drawing, last = kernels_of(networks.build_generator(preset.gan, shape))
        judging = kernels_of(networks.build_discriminator(preset.gan, shape))
        assert judging + drawing == kernels(preset.gan.convolutions(shape))
        assert last[3] == 3  # the picture itself


def kernels_of(network):
    shapes = [tuple(w.shape) for layer in network.layers for w in layer.weights]
    return [shape for shape in shapes if len(shape) == 4]


def kernels(convolutions):
    shapes = []
    for each in convolutions:
        pair = (each.channels, each.filters)
        shapes.append((each.kernel,) * 2 + pair[:: -1 if each.is_transposed else 1])
    return shapes
