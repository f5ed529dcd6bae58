"""What auto decides, by a measurement that the tests make up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from foldergan import backend
from foldergan.config.settings import GAN
from foldergan.nn import precision

BOTH = GAN(auto_precisions=("float32", "bfloat16"))


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
        def measure():
            calls.append(ratio)
            return ratio

        monkeypatch.setattr(precision, "times_as_fast", measure)
        return calls

    return make_up


@pytest.mark.parametrize(
    ("ratio", "chosen"),
    [(0.1, "float32"), (1.2, "float32"), (1.3, "bfloat16")],
)
def test_bfloat16_is_chosen_where_it_is_clearly_faster(measured, capsys, ratio, chosen):
    measured(ratio)
    assert precision.choose(BOTH) == chosen
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith(f"precision {chosen}: bfloat16 is {ratio:.2f} times as fast")


def test_what_was_measured_is_remembered(measured, capsys):
    calls = measured(1.3)
    assert precision.choose(BOTH) == "bfloat16"
    once = len(calls)
    measured(0.5)  # would say otherwise
    assert precision.choose(BOTH) == "bfloat16"
    assert len(calls) == once
    now, earlier = capsys.readouterr().out.splitlines()
    assert "measured now" in now and "measured earlier" in earlier


@pytest.mark.parametrize("what", ["keras", "tensorflow", "processor", "cores"])
def test_another_processor_or_version_is_measured_anew(measured, monkeypatch, what):
    measured(1.3)
    assert precision.choose(BOTH) == "bfloat16"
    versions = backend.versions()
    monkeypatch.setattr(backend, "versions", lambda: versions | {what: "another"})
    measured(0.5)
    assert precision.choose(BOTH) == "float32"


@pytest.mark.parametrize("text", ["", "[]", "\0\xff", "number", "text"])
def test_a_damaged_cache_is_measured_anew(measured, cache, text):
    measured(1.3)
    precision.choose(BOTH)
    (path,) = cache.iterdir()
    if text in ("number", "text"):
        wrong = {"number": float("nan"), "text": "fast"}[text]
        text = json.dumps(json.loads(path.read_text()) | {"value": wrong})
    path.write_text(text, encoding="latin-1")
    measured(0.5)
    assert precision.choose(BOTH) == "float32"
    assert json.loads(path.read_text())["value"] == 0.5


def test_a_cache_that_cannot_be_written_is_no_error(measured, cache):
    cache.write_text("a file in the place of the folder")
    calls = measured(1.3)
    assert precision.choose(BOTH) == "bfloat16"
    once = len(calls)
    assert precision.choose(BOTH) == "bfloat16"
    assert len(calls) == 2 * once


def test_what_a_training_had_before_is_kept(measured, capsys):
    calls = measured(9.0)
    assert precision.choose(BOTH, "float32") == "float32"
    assert precision.choose(GAN(), "bfloat16") == "bfloat16"
    assert calls == []
    assert "as this training had it before" in capsys.readouterr().out


def test_a_preset_of_no_measured_quality_stays_in_float32(measured, capsys):
    calls = measured(9.0)
    assert precision.choose(GAN()) == "float32"
    assert calls == []
    assert "not validated" in capsys.readouterr().out


@pytest.mark.parametrize("given", ["float32", "bfloat16"])
def test_what_is_given_is_taken(measured, monkeypatch, capsys, given):
    monkeypatch.setattr(backend, "lacks_bfloat16", lambda: True)
    calls = measured(9.0)
    settings = replace(BOTH, precision=given)
    assert precision.choose(settings, "float32") == given
    assert calls == []
    warned = "no bfloat16" in capsys.readouterr().out
    assert warned == (given == "bfloat16")


@pytest.mark.parametrize(("bfloat16", "ratio"), [(2.0, 1.5), (6.0, 0.5)])
def test_a_measurement_is_a_ratio_of_the_least_times(monkeypatch, bfloat16, ratio):
    now = {"time": 0.0, "calls": 0}
    costs = {"float32": 3.0, "mixed_bfloat16": bfloat16}

    def work(policy):
        def spend():
            now["calls"] += 1
            noise = 50 if now["calls"] % 3 else 0  # other work, in most rounds
            now["time"] += costs[policy] + noise

        return spend

    monkeypatch.setattr(precision, "_work", work)
    monkeypatch.setattr(precision.time, "process_time", lambda: now["time"])
    assert precision.times_as_fast() == ratio


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_work_is_in_the_precision_that_it_is_of(policy):
    totals = []
    for each in (policy, "mixed_bfloat16"):
        backend.start(0)  # the same weights
        totals.append(precision._work(each)())
    assert np.isfinite(totals[0])
    assert (totals[0] == totals[1]) == (policy == "mixed_bfloat16")
