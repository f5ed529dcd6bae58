"""How long a preset trains here: steps that are timed, times how many there are."""

import math
from dataclasses import replace

import pytest
from tiny_backbone import save_tiny

from foldergan.backbones import sources
from foldergan.config.presets import PRESETS
from foldergan.gan import timing

SMOKE = PRESETS["smoke"]


def test_a_stopwatch_leaves_out_the_first_call_and_counts_steps(monkeypatch):
    clock = iter([100.0, 101.0, 103.0, 104.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(timing, "_SECONDS", 3.5)

    def train(on_step):
        for batch in (5, 10, 15, 5):  # the first compiles, the last is of another epoch
            yield on_step(batch, 15, {})

    assert timing._seconds_a_step(train) == 4 / 15


@pytest.fixture
def measured(monkeypatch):
    """Lets each step of a preset take a second; counts those that were built."""

    def of(preset, counts, shape=(32, 32, 3)):
        monkeypatch.setattr(timing, "_seconds_a_step", lambda train: 1.0)
        return timing.measure(preset, shape, counts)

    return of


def test_seconds_are_those_of_all_steps(measured):
    gan = replace(SMOKE.gan, epochs=3, held_out=0.2)
    classifier = replace(SMOKE.classifier, epochs=5)
    preset = replace(SMOKE, gan=gan, classifier=classifier)
    found = measured(preset, [60, 40])
    assert found["TrainModel"] == 5 * math.ceil(75 / 4)  # a quarter validates
    assert found["GANModel"] == 3 * math.ceil(80 / 4)  # half of a batch is real


def test_a_time_limit_is_the_time(measured):
    gan = replace(SMOKE.gan, epochs=None, hours=2.0)
    assert measured(replace(SMOKE, gan=gan), [4, 4])["GANModel"] == 7200


def test_without_classes_there_is_no_classifier_to_train(measured):
    assert measured(SMOKE, [8])["TrainModel"] == 0


def test_a_head_takes_the_features_of_each_view(measured, tmp_path):
    classifier = replace(SMOKE.classifier, backbone=str(save_tiny(tmp_path)))
    preset = replace(SMOKE, classifier=classifier)
    # A second for each 32 images.
    assert measured(preset, [80, 80])["TrainModel"] == 5
    mirrored = replace(classifier, augmentation=("mirror",))
    preset = replace(SMOKE, classifier=mirrored)
    assert measured(preset, [80, 80])["TrainModel"] == 10


def test_no_weights_are_downloaded(measured, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    classifier = replace(SMOKE.classifier, backbone=next(iter(sources.SOURCES)))
    assert measured(replace(SMOKE, classifier=classifier), [5, 5]) is None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "channels"), [("dcgan-32", 1), ("best-32", 3)])
def test_steps_of_presets_are_timed(monkeypatch, name, channels):
    monkeypatch.setattr(timing, "_SECONDS", 0.0)
    monkeypatch.setattr(timing, "_BATCHES", 2)
    found = timing.measure(PRESETS[name], (32, 32, channels), [50, 50])
    assert all(0 < seconds < 1e6 for seconds in found.values())


@pytest.mark.slow
def test_steps_through_a_backbone_are_timed(monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "_SECONDS", 0.0)
    preset, path = PRESETS["photo-128"], str(save_tiny(tmp_path))
    narrow = {"generator_filters": (4,) * 5, "discriminator_filters": (4,) * 3}
    preset = replace(
        preset,
        classifier=replace(preset.classifier, backbone=path),
        gan=replace(preset.gan, backbone=path, **narrow),
    )
    found = timing.measure(preset, (64, 64, 1), [20, 20])
    assert all(0 < seconds < 1e6 for seconds in found.values())
