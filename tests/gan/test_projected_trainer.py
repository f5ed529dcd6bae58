"""Training through a backbone, on tiny images."""

import numpy as np
import pytest
from tiny_backbone import random_images, save_tiny

from foldergan import backend
from foldergan.config.settings import GAN
from foldergan.gan import recipe
from foldergan.gan.codes import ImageCodes

SHAPE = (32, 32, 3)
COUNT = 12
LABELS = np.eye(2, dtype=np.float32)[np.arange(COUNT) % 2]


def new_trainer(tmp_path, num_classes=2, **changed):
    backend.start(0)
    settings = GAN(
        **{
            "backbone": str(save_tiny(tmp_path)),
            "augmentation": ("shift", "color", "cutout"),
            "loss": "hinge",
            "latent_dim": 6,
            "code_size": 4,
            "generator_filters": (4, 4, 4),
            "discriminator_filters": (4, 4),
            "feature_filters": 4,
            "ema": 20,
            "warm_up_steps": 2,
            "blur_steps": 2,
        }
        | changed
    )
    trainer = recipe.build_trainer(settings, SHAPE, num_classes, 0)
    labels = LABELS if num_classes else None
    trainer.prepare(random_images(COUNT, SHAPE), labels, np.arange(COUNT))
    return trainer


def run(trainer, epochs, **asked):
    labels = LABELS if trainer.num_classes else None
    images = random_images(COUNT, SHAPE)
    return list(trainer.train(images, epochs, 8, labels=labels, **asked))


def weights_of(network):
    return [weight.copy() for weight in network.get_weights()]


def has_moved(before, network):
    return any(
        (old != new).any()
        for old, new in zip(before, network.get_weights(), strict=True)
    )


@pytest.mark.parametrize("num_classes", [0, 2])
def test_the_warm_up_moves_the_generator_only(tmp_path, num_classes):
    trainer = new_trainer(tmp_path, num_classes, warm_up_steps=3)
    heads, generator = map(weights_of, (trainer.discriminator, trainer.generator))
    ((_, logs),) = run(trainer, 1)
    assert has_moved(generator, trainer.generator)
    assert not has_moved(heads, trainer.discriminator)
    assert logs["d_loss"] == logs["real_accuracy"] == 0 and logs["g_loss"] > 0


@pytest.mark.parametrize(("reconstruction", "guidance"), [(0.0, 0.0), (1.0, 0.5)])
def test_then_both_networks_move_and_the_backbone_does_not(
    tmp_path, reconstruction, guidance
):
    trainer = new_trainer(
        tmp_path, warm_up_steps=0, reconstruction=reconstruction, guidance=guidance
    )
    heads, generator, feature_network = map(
        weights_of, (trainer.discriminator, trainer.generator, trainer.feature_network)
    )
    ((_, logs),) = run(trainer, 1)
    assert has_moved(generator, trainer.generator)
    assert has_moved(heads, trainer.discriminator)
    assert not has_moved(feature_network, trainer.feature_network)
    assert logs["d_loss"] > 0


def test_the_warm_up_learns_to_reconstruct(tmp_path):
    trainer = new_trainer(tmp_path, warm_up_steps=1000, latent_dim=16, code_size=16)
    losses = [logs["g_loss"] for _, logs in run(trainer, 30)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.slow
def test_going_on_gives_the_same_bits(tmp_path):
    unbroken = new_trainer(tmp_path)
    run(unbroken, 2)
    first = new_trainer(tmp_path)
    run(first, 2, should_stop=lambda: first._step == 3)
    second = new_trainer(tmp_path)
    second.restore(first.state())
    run(second, 2)
    one, other = unbroken.state(), second.state()
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_codes_have_deviation_1_and_say_nothing_of_the_class(tmp_path):
    feature_network = new_trainer(tmp_path).feature_network
    images, rows = random_images(COUNT, SHAPE), np.arange(1, COUNT)
    codes = ImageCodes(feature_network, images, LABELS, rows, 4).values
    assert codes.shape == (COUNT, 2, 4) and codes.dtype == np.float32
    assert not codes[0].any()
    np.testing.assert_allclose(codes[rows].std((0, 1)), 1, rtol=1e-3)
    for column in LABELS[rows].T:
        of_class = codes[rows][column == 1]
        np.testing.assert_allclose(of_class.mean((0, 1)), 0, atol=1e-3)


def test_more_numbers_than_the_images_allow_are_0(tmp_path):
    feature_network = new_trainer(tmp_path).feature_network
    codes = ImageCodes(
        feature_network, random_images(3), LABELS[:3], np.arange(3), 40
    ).values
    assert codes.shape == (3, 2, 40) and not codes[:, :, 5:].any()
    assert np.isfinite(codes).all()


def test_the_blur_fades(tmp_path):
    trainer = new_trainer(tmp_path, blur_steps=4)
    images = 2 * random_images(2, SHAPE) - 1
    spreads = [
        np.std(trainer._blurred(images, np.int32(step))) for step in (2, 4, 6, 9)
    ]
    assert spreads[0] < spreads[1] < spreads[2]
    sharp = trainer._blurred(images, np.int32(6))
    np.testing.assert_allclose(sharp, images, atol=1e-6)
    assert spreads[3] == spreads[2]
