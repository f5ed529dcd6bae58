"""What a training takes over from one on other images."""

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from test_photograph_trainer import new_trainer, run, weights_of
from tiny_backbone import random_images, save_tiny

from foldergan.backbones import sources
from foldergan.config.presets import PRESETS
from foldergan.config.settings import GAN
from foldergan.errors import InputError
from foldergan.gan import codes, networks, photographs, start
from foldergan.nn import convolutions
from foldergan.progress import note
from foldergan.storage import checkpoint, seals

SIZE = 4  # of a code


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A training without classes, and the file of a start that the tool makes of it."""
    folder = tmp_path_factory.mktemp("learned")
    trainer = new_trainer(folder, num_classes=0)
    run(trainer, 3)
    checkpoint.Checkpoint(folder, {}).save(trainer.state())
    path, tool = folder / "learned.npz", ROOT / "tools" / "pretrain_generator.py"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.argv", [str(tool), str(folder / "resume.npz"), str(path)])
        runpy.run_path(str(tool), run_name="__main__")
    return trainer, str(path)


def drawn(trainer, latents, classes, training=False):
    inputs = networks.encode_classes(latents, classes)
    return np.asarray(trainer.ema_generator(inputs, training=training))


def latents_of(count=50, seed=3):
    return np.random.default_rng(seed).standard_normal((count, 6), np.float32)


def test_the_same_images_without_classes_begin_where_it_ended(tmp_path, learned):
    old, path = learned
    new = new_trainer(tmp_path, num_classes=0, start_from=path)
    latents, none = latents_of(), np.empty((50, 0), np.float32)
    before = drawn(old, latents, none)
    assert before.std() > 0.01
    np.testing.assert_allclose(drawn(new, latents, none), before, atol=0.01)


def test_a_class_is_drawn_as_the_code_of_its_mean_image(tmp_path, learned):
    old, path = learned
    new = new_trainer(tmp_path, num_classes=2, start_from=path)
    classes = np.eye(2, dtype=np.float32)[np.arange(50) % 2]
    latents = latents_of()
    of_new, of_old = new._codes, old._codes
    described = classes @ of_new.means + latents[:, :SIZE] @ of_new.directions
    squares = np.square(of_old.directions).sum(1)
    meant = latents.copy()
    meant[:, :SIZE] = (described - of_old.means) @ (of_old.directions.T / squares)
    wanted = drawn(old, meant, np.empty((50, 0), np.float32))
    np.testing.assert_allclose(drawn(new, latents, classes), wanted, atol=0.02)
    other = drawn(new, latents, classes[:, ::-1])
    assert np.abs(other - wanted).mean() > 0.005  # the class says something


def test_batches_of_other_images_are_drawn_as_moving_statistics_would(
    tmp_path, learned
):
    network = convolutions.copy_of(learned[0].ema_generator)
    inputs = 0.2 * latents_of(64) + 1  # another distribution
    learned_weights = network.get_weights()
    before = np.asarray(network(inputs, training=False))
    unadapted = np.asarray(network(inputs, training=True))  # moves the statistics
    assert np.abs(unadapted - before).max() > 0.02
    network.set_weights(learned_weights)
    start.adapt_normalization(network, inputs)
    for is_training in (False, True):
        after = np.asarray(network(inputs, training=is_training))
        np.testing.assert_allclose(after, before, atol=1e-4)


def test_a_grey_image_is_drawn_as_one_of_equal_colors(tmp_path, learned):
    known = start.load(learned[1])
    kernels = []
    for channels in (1, 3):
        image = np.repeat(random_images(1, (32, 32, 1)) * 2 - 1, channels, axis=3)
        new = new_trainer(tmp_path, num_classes=1, shape=image.shape[1:])
        describe = codes._build_descriptor(learned[0].feature_network)
        described = np.asarray(describe(np.repeat(image, 3 // channels, axis=3)))
        if channels == 1:  # the last numbers are pixels, scaled by their count
            maps, pixels = np.split(described, [-3 * 16 * 16], axis=1)
            described = np.hstack([maps, pixels[:, ::3] * 3**0.5])
        of_one = new._codes._replace(means=described)
        assert start.apply(known, new._networks, of_one, np.ones((1, 1)), seed=0)
        kernels.append(weights_of(new.generator)[0][-1])
    np.testing.assert_allclose(*kernels, rtol=1e-4, atol=1e-5)
    assert np.abs(kernels[0]).max() > 0.01


@pytest.mark.parametrize(
    "other",
    [
        {"generator_filters": (5, 4, 4)},
        {"shape": (48, 32, 3)},
    ],
)
def test_a_start_of_other_networks_is_left_alone(tmp_path, learned, capsys, other):
    _, path = learned
    note.cache_clear()  # it says the same sentence once
    new = new_trainer(tmp_path, start_from=path, **other)
    assert "is of other networks" in capsys.readouterr().out
    plain = new_trainer(tmp_path, **other)
    for one, two in zip(
        weights_of(new.generator), weights_of(plain.generator), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_that_of_the_package_is_of_its_backbone_alone(
    tmp_path, learned, capsys, monkeypatch
):
    # Other backbones have mixed maps of the same shapes, in which codes differ.
    monkeypatch.setattr(sources, "start_path", lambda spec: Path(learned[1]))
    note.cache_clear()
    new_trainer(tmp_path, start_from=sources.SHIPPED_START)
    assert "is of other networks" in capsys.readouterr().out
    monkeypatch.setattr(sources, "START_BACKBONE", str(tmp_path / "tiny.keras"))
    new_trainer(tmp_path, start_from=sources.SHIPPED_START)
    assert "starting from" in capsys.readouterr().out


def test_another_length_of_latents_fits(tmp_path, learned):
    _, path = learned
    new = new_trainer(tmp_path, start_from=path, latent_dim=9, code_size=3)
    plain = new_trainer(tmp_path, latent_dim=9, code_size=3)
    assert (weights_of(new.generator)[1] != weights_of(plain.generator)[1]).any()


def test_the_mixing_is_that_of_the_start_with_any_seed(tmp_path, learned):
    def maps(seed, start_from):
        settings = GAN(
            backbone=str(save_tiny(tmp_path)),
            generator_filters=(4, 4, 4),
            start_from=start_from,
        )
        parts = photographs.build_networks(settings, (32, 32, 3), 0, seed)
        return np.asarray(parts.feature_network(random_images(2))[0])

    np.testing.assert_array_equal(maps(1, learned[1]), maps(0, "none"))
    assert (maps(1, "none") != maps(0, "none")).any()


def test_going_on_needs_no_start_and_gives_the_same_bits(tmp_path, learned):
    path = shutil.copy(learned[1], tmp_path)
    whole = new_trainer(tmp_path, start_from=path)
    run(whole, 2)
    half = new_trainer(tmp_path, start_from=path)
    run(half, 1)
    state = half.state()
    Path(path).unlink()
    again = new_trainer(tmp_path, is_prepared=False, start_from=path)
    again.restore(state)
    run(again, 2)
    for name, value in whole.state().items():
        np.testing.assert_array_equal(again.state()[name], value, name)


def test_a_missing_or_damaged_start_is_refused(tmp_path, learned):
    path = Path(shutil.copy(learned[1], tmp_path))
    with pytest.raises(InputError, match=r"none\.npz"):
        sources.refuse_damaged_start(str(tmp_path / "none.npz"))
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        start.load(str(path))
    path.write_text("another file")
    seals.seal(path)
    with pytest.raises(InputError, match="not a start"):
        start.load(str(path))
    with open(path, "wb") as file:
        np.savez(file, code_means=np.zeros((1, 4)))
    seals.seal(path)
    with pytest.raises(InputError, match=r"not a start.* no code_directions"):
        start.load(str(path))
    sources.refuse_damaged_start("none")


def test_the_pre_training_is_a_sixth_as_long(tmp_path, learned):
    _, path = learned
    new = new_trainer(tmp_path, start_from=path, warm_up_steps=6)
    run(new, 1)  # of three steps
    assert "g_loss" in run(new, 2)[-1][1]
    state = new.state()
    other = new_trainer(tmp_path, is_prepared=False, start_from=path, warm_up_steps=6)
    other.restore(state)
    assert "g_loss" in run(other, 3)[-1][1]


@pytest.mark.parametrize("shape", [(128, 128, 3), (64, 64, 3), (256, 256, 1)])
@pytest.mark.parametrize("num_classes", [0, 3])
def test_that_of_the_package_fits_its_preset(shape, num_classes):
    settings = PRESETS["photo-128"].gan
    known = start.load(settings.start_from)
    parts = photographs.build_networks(settings, shape, num_classes, seed=5)
    before = weights_of(parts.upsampling[0]) if parts.upsampling else []
    width = known["code_means"].shape[1] - (2 * 256 if shape[2] == 1 else 0)
    of_images = codes.Codes(
        np.zeros((4, 1, 48), np.float32),
        np.zeros((max(1, num_classes), width), np.float32),
        np.eye(48, width, dtype=np.float32),
    )
    classes = np.eye(4, num_classes, dtype=np.float32)
    assert start.apply(known, parts, of_images, classes, seed=0)
    if parts.upsampling:  # to 256 pixels it is another
        is_known = shape[0] == 128
        assert (weights_of(parts.upsampling[0])[0] != before[0]).any() == is_known


def test_an_epoch_from_a_start_moves_all_networks(tmp_path, learned):
    _, path = learned
    new = new_trainer(tmp_path, start_from=path)
    before = weights_of(new.discriminator), weights_of(new.generator)
    run(new, 3)
    assert (weights_of(new.discriminator)[0] != before[0][0]).any()
    assert (weights_of(new.generator)[0] != before[1][0]).any()
    assert np.isfinite(
        new.inference_generator.predict_on_batch([latents_of(2), np.arange(2)])
    ).all()
