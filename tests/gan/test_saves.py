"""How long a training is, and what it may go on with."""

from dataclasses import fields, replace
from types import SimpleNamespace

import pytest

from foldergan.config.presets import PRESETS
from foldergan.config.settings import GAN
from foldergan.gan import identity, schedule

# Of every state that version 0.1 saved.
OF_0_1 = {
    "image_shape",
    "batch_size",
    "held_out",
    "features",
    "conditioning",
    "latent_dim",
    "discriminator_filters",
    "discriminator_features",
    "feature_filters",
    "generator_filters",
    "generator_normalization",
    "dropout",
    "discriminator_learning_rate",
    "generator_learning_rate",
    "precision",
    "latents",
    "beta_1",
    "beta_2",
    "loss",
    "ema",
    "augmentation",
    "seed",
}


@pytest.mark.parametrize("name", ["dcgan-32", "best-32", "gan-128"])
def test_states_of_the_version_before_go_on(name):
    assert set(identity.of_settings(PRESETS[name].gan)) | {"seed"} == OF_0_1


def test_with_a_backbone_every_setting_of_it_must_stay():
    gan = PRESETS["photo-128"].gan
    key = identity.of_settings(gan)
    for name in ("backbone", "warm_up_steps", "guidance", "code_size"):
        assert key[name] == getattr(gan, name)


def test_lengths_may_change():
    one = GAN()
    other = replace(one, epochs=7, save_every=3, patience=0, saves=("grid",))
    other = replace(other, hours=8, save_growth=1.5)
    assert identity.of_settings(one) == identity.of_settings(other)
    assert len(identity.of_settings(one)) < len(fields(one))


def test_few_images_shrink_the_batch_and_the_last_epoch_always_saves(capsys):
    plan = schedule.plan(GAN(batch_size=128, epochs=5, save_every=3), 10)
    assert plan.batch_size == 20 and "shrinks to 20" in capsys.readouterr().out
    assert [e for e in range(1, 6) if plan.has_save(e)] == [3, 5]


def saves_of(growth, epochs, save_every=1):
    plan = schedule.Schedule(epochs, save_every, 64, growth)
    return [epoch for epoch in range(1, epochs + 1) if plan.has_save(epoch)]


def test_distances_grow_as_a_geometric_sequence():
    assert saves_of(1.0, 35, save_every=10) == [10, 20, 30, 35]
    assert saves_of(2.0, 320, save_every=5) == [5 * (2**n - 1) for n in range(1, 7)] + [
        320
    ]
    assert saves_of(1.4, 30, save_every=3) == [3, 7, 13, 21, 30]  # 3 4.2 5.9 8.2 ...


def test_growth_that_rounding_hides_at_first_is_not_lost():
    assert saves_of(1.3, 20) == [1, 2, 4, 6, 9, 13, 18, 20]  # 1 1.3 1.7 2.2 2.9 3.7 4.8


@pytest.mark.parametrize(("steps", "count"), [(3_000, 12), (3_600, 12), (60_000, 23)])
def test_photographs_have_a_page_soon_and_few_in_a_night(steps, count):
    settings = replace(PRESETS["photo-128"].gan, least_steps=steps)
    plan = schedule.plan(settings, 820)  # 26 steps an epoch
    saved = [e for e in range(1, plan.epochs + 1) if plan.has_save(e)]
    assert saved[0] * 26 <= 60 and len(saved) == count


def test_without_a_number_of_epochs_none_is_the_last():
    plan = schedule.plan(GAN(epochs=None, hours=1, save_every=1000), 1000)
    assert plan.epochs is None
    assert not any(plan.has_save(epoch) for epoch in range(1, 1000))


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test moves on."""
    clock = SimpleNamespace(now=5000.0)
    monkeypatch.setattr(schedule.time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def epochs_within(clock):
    """Counts epochs of so many minutes each, until a limit ends the training."""

    def count(hours, minutes):
        limit = schedule.TimeLimit(hours)
        for epoch, duration in enumerate(minutes, 1):
            clock.now += 60 * duration
            if limit.is_reached():
                return epoch
        return None

    return count


@pytest.mark.parametrize(
    ("minutes", "epochs"),
    [
        (20, 3),  # the limit to the second
        (25, 2),  # 50 is nearer to 60 than 75
        (22, 3),  # 66 is nearer than 44
        (61, 1),
        (39, 2),  # 78 is nearer than 39
        (41, 1),  # 82 is not
        (500, 1),  # the first is never cut
    ],
)
def test_training_ends_at_the_end_of_an_epoch_nearest_to_the_limit(
    epochs_within, minutes, epochs
):
    assert epochs_within(1.0, [minutes] * 100) == epochs


def test_the_next_epoch_is_expected_to_take_as_long_as_the_last(epochs_within):
    assert epochs_within(1.0, [39, 1, 1, 1, 30, 30]) == 5
    assert epochs_within(1.0, [1, 1, 1, 45, 45]) == 4


def test_no_hours_are_no_limit(epochs_within):
    assert epochs_within(0.0, [1e9] * 3) is None


def test_the_time_left_is_that_until_the_limit(clock):
    limit = schedule.TimeLimit(0.5)
    clock.now += 600
    assert limit.seconds_left() == 1200
    clock.now += 1500
    assert limit.seconds_left() == -300
