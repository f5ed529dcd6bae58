"""How long a training is, and what it may go on with."""

from dataclasses import fields, replace

import pytest

from foldergan.config.presets import PRESETS
from foldergan.config.settings import GAN
from foldergan.gan import schedule

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
    assert set(schedule.resume_key(PRESETS[name].gan, seed=0)) == OF_0_1


def test_with_a_backbone_every_setting_of_it_must_stay():
    gan = PRESETS["photo-128"].gan
    key = schedule.resume_key(gan)
    for name in ("backbone", "warm_up_steps", "guidance", "code_size"):
        assert key[name] == getattr(gan, name)


def test_lengths_may_change():
    one = GAN()
    other = replace(one, epochs=7, save_every=3, patience=0, saves=("grid",))
    assert schedule.resume_key(one) == schedule.resume_key(other)
    assert len(schedule.resume_key(one)) < len(fields(one))


def test_few_images_shrink_the_batch_and_the_last_epoch_always_saves(capsys):
    plan = schedule.plan(GAN(batch_size=128, epochs=5, save_every=3), 10)
    assert plan.batch_size == 20 and "shrinks to 20" in capsys.readouterr().out
    assert [e for e in range(1, 6) if plan.has_save(e)] == [3, 5]
