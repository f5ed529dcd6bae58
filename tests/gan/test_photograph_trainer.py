"""Training through a backbone, on tiny images."""

from dataclasses import replace
from operator import attrgetter

import numpy as np
import pytest
from tiny_backbone import random_images, save_tiny

from foldergan import backend
from foldergan.config.settings import GAN
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError, RunError
from foldergan.gan import codes, photograph_trainer

SHAPE = (32, 32, 3)
COUNT = 12
LABELS = np.eye(2, dtype=np.float32)[np.arange(COUNT) % 2]


def set_of(shape=SHAPE, num_classes=2, count=COUNT):
    labels = LABELS[:count] if num_classes else None
    return TrainingSet(random_images(count, shape), np.arange(count), labels=labels)


def new_trainer(tmp_path, num_classes=2, shape=SHAPE, is_prepared=True, **changed):
    backend.start(0)
    settings = GAN(
        **{
            "backbone": str(save_tiny(tmp_path)),
            "augmentation": ("mirror", "shift", "color", "cutout"),
            "loss": "hinge",
            "latent_dim": 6,
            "generator_filters": (4, 4, 4),
            "discriminator_filters": (4, 4),
            "feature_filters": 4,
            "ema": 20,
            "code_size": 4,
            "warm_up_steps": 2,
        }
        | changed
    )
    trainer = photograph_trainer.build_trainer(settings, shape, num_classes, 0)
    if is_prepared:
        trainer.prepare(set_of(shape, num_classes))
    return trainer


def run(trainer, epochs, shape=SHAPE, **asked):
    return list(trainer.train(set_of(shape, trainer.num_classes), epochs, 8, **asked))


def weights_of(network):
    return [weight.copy() for weight in network.get_weights()]


def has_moved(before, network):
    return any(
        (old != new).any()
        for old, new in zip(before, network.get_weights(), strict=True)
    )


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("num_classes", [0, 2])
def test_the_pre_training_moves_the_generator_only(tmp_path, num_classes):
    trainer = new_trainer(tmp_path, num_classes, warm_up_steps=3)
    heads, generator = map(weights_of, (trainer.discriminator, trainer.generator))
    ((_, logs),) = run(trainer, 1)
    assert has_moved(generator, trainer.generator)
    assert not has_moved(heads, trainer.discriminator)
    assert list(logs) == ["reconstruction_loss"] and logs["reconstruction_loss"] > 0


@pytest.mark.usefixtures("eager")
def test_figures_of_the_epoch_in_which_the_pre_training_ends_are_of_what_follows(
    tmp_path,
):
    trainer = new_trainer(tmp_path, warm_up_steps=1)
    shown, noted, note = [], [], trainer._note
    trainer._note = lambda *figures: noted.append(figures) or note(*figures)
    ((_, logs),) = run(trainer, 1, on_step=lambda *about: shown.append(about[2]()))
    assert [list(each) == ["reconstruction_loss"] for each in shown[:2]] == [
        True,
        False,
    ]
    wanted = np.mean([float(figures[1]) for figures in noted[1:]])  # of equal batches
    assert logs["d_loss"] == pytest.approx(wanted) and wanted > 0


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("num_classes", "guidance"), [(0, 1.0), (2, 0.0), (2, 1.0)])
def test_both_networks_move_and_the_backbone_does_not(tmp_path, num_classes, guidance):
    trainer = new_trainer(tmp_path, num_classes, guidance=guidance, warm_up_steps=0)
    heads, generator, feature_network = map(
        weights_of, (trainer.discriminator, trainer.generator, trainer.feature_network)
    )
    ((_, logs),) = run(trainer, 1)
    assert has_moved(generator, trainer.generator)
    assert has_moved(heads, trainer.discriminator)
    assert not has_moved(feature_network, trainer.feature_network)
    assert logs["d_loss"] > 0


def test_guidance_is_the_cross_entropy_of_the_intended_class(tmp_path):
    plain = new_trainer(tmp_path, guidance=0.0)
    guided = new_trainer(tmp_path, guidance=2.0)
    images = 2 * random_images(4, SHAPE) - 1
    features = guided.feature_network(images, training=False)
    added = [
        guided.generator_loss(features, labels) - plain.generator_loss(features, labels)
        for labels in (LABELS[:4], 1 - LABELS[:4])
    ]
    logits = np.asarray(guided._guide(features[-1])).astype(float)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    expected = [
        -2 * (logits * labels).sum(1).mean() for labels in (LABELS[:4], 1 - LABELS[:4])
    ]
    np.testing.assert_allclose(added, expected, rtol=1e-3)


@pytest.mark.usefixtures("eager")
def test_large_images_are_drawn_small_and_upsampled(tmp_path):
    trainer = new_trainer(tmp_path, shape=(128, 128, 3))
    assert trainer.generator.output_shape[1:] == (64, 64, 3)
    assert trainer.inference_generator.output_shape[1:] == (128, 128, 3)
    before = weights_of(trainer.inference_generator)
    run(trainer, 1, shape=(128, 128, 3))
    moved = [
        (old != new).any()
        for old, new in zip(
            before, trainer.inference_generator.get_weights(), strict=True
        )
    ]
    assert moved[0] and moved[-1]


@pytest.mark.parametrize(
    ("size", "upsampling"), [(64, 1), (96, 1), (128, 2), (192, 2), (256, 4)]
)
def test_what_a_generator_draws_is_64_pixels_or_up_to_twice_as_many(size, upsampling):
    assert GAN(backbone="lite0.keras").upsampling((size, size, 3)) == upsampling
    assert GAN().upsampling((size, size, 3)) == 1


def test_a_size_that_doubling_and_upsampling_miss_is_refused(tmp_path):
    with pytest.raises(InputError, match="multiples of 8, not 130x130"):
        new_trainer(tmp_path, shape=(130, 130, 3))


@pytest.mark.usefixtures("eager")
@pytest.mark.slow
def test_going_on_gives_the_same_bits(tmp_path):
    shape = (128, 128, 3)
    unbroken = new_trainer(tmp_path, shape=shape)
    run(unbroken, 2, shape)
    first = new_trainer(tmp_path, shape=shape)
    run(first, 2, shape, should_stop=lambda: first._step == 3)
    second = new_trainer(tmp_path, shape=shape)
    second.restore(first.state())
    run(second, 2, shape)
    one, other = unbroken.state(), second.state()
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_codes_have_deviation_1_and_say_nothing_of_the_class(tmp_path):
    feature_network = new_trainer(tmp_path).feature_network
    rows = np.arange(1, COUNT)
    data = replace(set_of(), rows=rows)
    found = codes.encode(feature_network, data, np.asarray, 4, is_mirrored=True).values
    assert found.shape == (COUNT, 2, 4) and found.dtype == np.float32
    assert not found[0].any()
    np.testing.assert_allclose(found[rows].std((0, 1)), 1, rtol=1e-3)
    for column in LABELS[rows].T:
        of_class = found[rows][column == 1]
        np.testing.assert_allclose(of_class.mean((0, 1)), 0, atol=1e-3)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("changes", [("none",), ("shift",), ("shift", "mirror")])
def test_images_are_mirrored_only_if_augmentation_says_so(tmp_path, changes):
    """They were always, so that letters and left and right were lost."""
    trainer = new_trainer(tmp_path, augmentation=changes)
    images = random_images(COUNT, SHAPE)
    half = np.arange(SHAPE[1]) < SHAPE[1] // 2  # dark on the left, light on the right
    images = np.where(half[:, None], 0.4 * images, 0.6 + 0.4 * images)
    mirrored = []
    for step in range(20):
        trainer._step = step
        data = replace(set_of(), images=images)
        ((reals, conditions),) = trainer._read(data, [np.arange(COUNT)])
        mirrored += list(np.mean(reals[:, :, half] > 0, axis=(1, 2, 3)) > 0.5)
        assert conditions.shape == (COUNT, 2 + 4)
    assert np.mean(mirrored) == pytest.approx(0.5 * ("mirror" in changes), abs=0.1)
    assert trainer._codes.values.shape[1] == (2 if "mirror" in changes else 1)


def test_more_numbers_than_the_images_allow_are_0(tmp_path):
    feature_network = new_trainer(tmp_path).feature_network
    few = set_of(count=3)
    found = codes.encode(feature_network, few, np.asarray, 40, is_mirrored=True).values
    assert found.shape == (3, 2, 40) and not found[:, :, 5:].any()
    assert np.isfinite(found).all()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("part", ["upsampler", "upsampler_discriminator"])
def test_an_upsampler_that_is_not_finite_ends_the_epoch(tmp_path, part):
    trainer = new_trainer(tmp_path, shape=(128, 128, 3))
    spoilt = trainer._parts()[part].weights[-1]

    def spoil(*_):
        spoilt.assign(np.full(spoilt.shape, np.nan))

    with pytest.raises(RunError, match="diverged in epoch 1"):
        run(trainer, 1, shape=(128, 128, 3), on_step=spoil)


# What is computed once belongs to the state.


@pytest.mark.usefixtures("eager")
def test_codes_calibration_and_what_guides_go_with_the_state(tmp_path, monkeypatch):
    """They were computed anew at each start, and another LAPACK flipped axes."""
    shape = (128, 128, 3)
    first = new_trainer(tmp_path, shape=shape)
    run(first, 1, shape)
    state = first.state()
    second = new_trainer(tmp_path, shape=shape, is_prepared=False)
    second.restore(state)
    monkeypatch.setattr(codes, "encode", None)  # a pass over the backbone
    second.prepare(set_of(shape))
    images = 2 * random_images(2, shape) - 1
    for network in ("feature_network", "_upsampling.feature_network"):
        one, other = (attrgetter(network)(each) for each in (first, second))
        size = one.input_shape[1]
        for map_of_one, map_of_other in zip(
            one(images[:, :size, :size]), other(images[:, :size, :size]), strict=True
        ):
            np.testing.assert_array_equal(map_of_one, map_of_other)
        assert other.trainable_variables == []
    for one, other in zip(first._codes, second._codes, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first._guide.kernel, second._guide.kernel)
    assert np.asarray(second._guide.kernel).any()


@pytest.mark.usefixtures("eager")
def test_the_average_lags_behind_during_the_pre_training_and_after(tmp_path):
    """Its half-life was 0 images there, and hardly more in the steps that followed."""
    trainer = new_trainer(tmp_path, warm_up_steps=2, ema=100_000)
    kept = []
    average, generator = trainer.ema_generator, trainer.generator
    for number in range(4):
        before = average.get_weights()[0], generator.get_weights()[0]
        run(trainer, 10, should_stop=lambda seen=number: trainer._step == seen + 1)
        after, now = average.get_weights()[0], generator.get_weights()[0]
        assert (before[1] != now).any()
        kept.append(((after - now) / (before[0] - now)).mean())
    # A half-life of a twentieth of the images so far, of four a step.
    wanted = [0.5 ** (1 / (0.05 * (number + 1))) for number in range(4)]
    np.testing.assert_allclose(kept, wanted, rtol=0.05, atol=1e-6)
    assert kept[3] > 0.03
