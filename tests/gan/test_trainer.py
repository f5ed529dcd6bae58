"""The alternating steps, on 8x8 images."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import discriminator_of, generator_of

from foldergan import backend, engine
from foldergan.config.settings import GAN
from foldergan.data.splits import epoch_batches
from foldergan.data.training_set import TrainingSet
from foldergan.errors import InputError, RunError
from foldergan.gan import networks, sampling
from foldergan.gan.trainer import LOG_NAMES, Trainer

SHAPE, LATENT_DIM = (8, 8, 3), 4
NETWORKS = ("discriminator", "generator")


def some_images(count=10):
    rng = np.random.default_rng(0)
    return rng.random((count, *SHAPE), dtype=np.float32)


def settings_of(learning_rate, **modes):
    return GAN(
        discriminator_learning_rate=learning_rate,
        generator_learning_rate=learning_rate,
        beta_1=0.5,
        **modes,
    )


def new_trainer(seed=0, learning_rate=1e-3, kind=Trainer, **modes):
    backend.start(seed)
    return kind(
        discriminator_of(SHAPE, (4, 8), dropout=0.4),
        generator_of(SHAPE, LATENT_DIM, (4, 4)),
        settings_of(learning_rate, **modes),
        seed,
    )


def set_of(images, labels=None):
    return TrainingSet(images, np.arange(len(images)), labels=labels)


def run(trainer, epochs, images=None, batch_size=8, labels=None, **asked):
    data = set_of(some_images() if images is None else images, labels)
    return list(trainer.train(data, epochs, batch_size, **asked))


def none(count):
    """The classes of images that have none."""
    return tf.zeros((count, 0))


def real_batch(count):
    return tf.constant(some_images(count) * 2 - 1)


def assert_same_state(one, other):
    one, other = one.state(), other.state()
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def move_discriminator(trainer, reals, fakes, classes):
    """One update of the discriminator, as in a step; returns loss and logits."""
    return engine.minimize(
        lambda: trainer.discriminator_loss([reals], [fakes], classes),
        trainer.discriminator,
        trainer.discriminator_optimizer,
    )


def move_generator(trainer, latents, classes):
    """One update of the generator, as in a step; returns its loss."""

    def loss():
        fakes = trainer.seen(trainer.generate(latents, classes), 0, 2)
        return trainer.generator_loss(fakes, classes), None

    g_loss, _ = engine.minimize(loss, trainer.generator, trainer.generator_optimizer)
    return g_loss


def weights_after_a_step(trainer, still, count):
    """Weights of both networks before and after a step in which one has rate 0."""
    getattr(trainer, f"{still}_optimizer").learning_rate.assign(0.0)
    before = {name: getattr(trainer, name).get_weights() for name in NETWORKS}
    trainer.step(real_batch(count), none(count), tf.constant(trainer._step))
    return before, {name: getattr(trainer, name).get_weights() for name in NETWORKS}


def after_a_restore(**modes):
    trainer = new_trainer(seed=1, **modes)
    run(trainer, 1)
    restored = new_trainer(seed=2, **modes)
    restored.restore(trainer.state())
    return restored


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("make", "count", "latents"),
    [
        (new_trainer, 4, "fresh"),
        (new_trainer, 4, "shared"),
        (new_trainer, 1, "half"),  # a short batch
        (after_a_restore, 4, "half"),
    ],
)
@pytest.mark.parametrize(
    ("moving", "still"),
    [("discriminator", "generator"), ("generator", "discriminator")],
)
def test_each_optimizer_moves_its_own_network_only(make, count, latents, moving, still):
    """In the step itself, where the other one's learning rate is 0."""
    trainer = make(latents=latents)
    for _ in range(2):
        before, after = weights_after_a_step(trainer, still, count)
        for old, new in zip(before[moving], after[moving], strict=True):
            assert (old != new).any()
        for old, new in zip(before[still], after[still], strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_frozen_by_mistake_is_an_error(network):
    trainer = new_trainer()
    getattr(trainer, network).trainable = False
    with pytest.raises(RunError, match=f"{network} is frozen"):
        run(trainer, 1)


def test_the_loop_moves_both_networks_on_the_short_last_batch_too():
    trainer, seen = new_trainer(), []

    def on_step(batch, batches, logs):
        parts = (trainer.discriminator, trainer.generator)
        seen.append([w for part in parts for w in part.get_weights()])

    run(trainer, 1, some_images(5), on_step=on_step)  # batches of 4 and 1
    assert len(seen) == 2
    assert all((one != two).any() for one, two in zip(*seen, strict=True))


@pytest.mark.usefixtures("eager")
def test_the_discriminator_learns_to_tell_real_from_fake():
    trainer = new_trainer(learning_rate=0.01)
    latents = tf.constant(sampling.sample_latents(8, LATENT_DIM, 0))
    real_images, fake_images = real_batch(8), trainer.generator(latents)
    for _ in range(60):
        move_discriminator(trainer, real_images, fake_images, none(8))
    real_logits = trainer.discriminator(real_images)
    fake_logits = trainer.discriminator(fake_images)
    assert tf.reduce_min(real_logits) > 0 > tf.reduce_max(fake_logits)


@pytest.mark.usefixtures("eager")
def test_accuracies_are_the_parts_told_right():
    trainer = new_trainer()
    *_, dense = trainer.discriminator.layers  # holds everything for real:
    dense.set_weights([np.zeros_like(dense.kernel), np.array([5.0])])
    trainer.step(real_batch(4), none(4), tf.constant(0))
    means = trainer.means()
    assert (means["real_accuracy"], means["fake_accuracy"]) == (1, 0)


def test_it_yields_each_epoch_with_its_means():
    epochs = run(new_trainer(), 3)
    assert [epoch for epoch, _ in epochs] == [1, 2, 3]
    for _, logs in epochs:
        assert tuple(logs) == LOG_NAMES
        assert all(isinstance(value, float) for value in logs.values())
        assert 0 <= logs["real_accuracy"] <= 1
        assert logs["d_loss"] == pytest.approx(np.log(2), abs=0.2)  # knows little yet


def test_means_weigh_each_image_the_same():
    class Counting(Trainer):
        """Its loss is the number of real images in the batch."""

        def step(self, real_images, classes, number):
            size = tf.cast(tf.shape(real_images)[0], tf.float32)
            self._note(size, size, size, size, size)

    ((_, logs),) = run(new_trainer(kind=Counting), 1, some_images(5), batch_size=6)
    assert logs["d_loss"] == pytest.approx((3 * 3 + 2 * 2) / 5)  # not (3 + 2) / 2


def test_no_step_waits_for_a_transfer_from_the_device(monkeypatch):
    """Where transfers are slow, as from a GPU, only the end of an epoch has some."""
    trainer, transfers = new_trainer(), []

    def slow(transfer):
        def wait(*arguments):
            transfers.append((trainer.epoch, trainer._batch))
            return transfer(*arguments)

        return wait

    tensor = type(tf.constant(0)).__mro__[1]
    for owner, name in ((tensor, "_numpy"), (keras.metrics.Mean, "result")):
        monkeypatch.setattr(owner, name, slow(getattr(owner, name)))
    run(trainer, 2)
    assert set(transfers) == {(0, 3), (1, 3)}


def drawn_latents(seed, steps):
    """First number of the latent vectors of each step, for D and for G."""
    drawn = []

    class Showing(Trainer):
        def sample(self, count, number, use):
            latents = super().sample(count, number, use)
            drawn.append(float(latents[0, 0]))
            return latents

    run(new_trainer(seed, kind=Showing), steps, some_images(4))
    return drawn


@pytest.mark.usefixtures("eager")
def test_latents_hang_on_the_step_and_the_seed_and_their_use():
    first, again, other = (drawn_latents(seed, steps=4) for seed in (1, 1, 2))
    assert first == again
    assert len(set(first + other)) == 16


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("latents", "drawn"), [("fresh", [4, 8]), ("shared", [8]), ("half", [4])]
)
def test_the_generator_draws_as_many_images_as_the_discriminator_sees(latents, drawn):
    """But with half as many."""
    counts = []

    class Counting(Trainer):
        def generate(self, latents, classes):
            counts.append(len(latents))
            return super().generate(latents, classes)

    run(new_trainer(kind=Counting, latents=latents), 1, some_images(4), batch_size=8)
    assert counts == drawn


@pytest.mark.parametrize(("latents", "drawn"), [("shared", 8), ("half", 4)])
def test_one_drawing_serves_both_steps(latents, drawn):
    trainer, by_hand = new_trainer(latents=latents), new_trainer()
    images = some_images(4)
    run(trainer, 1, images)
    (rows,) = epoch_batches(4, 4, trainer.seed, 0)
    vectors = by_hand.sample(drawn, 0, 1)
    fake_images = by_hand.generator(vectors, training=True)
    reals = images[np.sort(rows)] * 2 - 1
    move_discriminator(by_hand, reals, fake_images[:4], none(4))
    move_generator(by_hand, vectors, none(drawn))
    for network in NETWORKS:
        for one, other in zip(
            getattr(trainer, network).get_weights(),
            getattr(by_hand, network).get_weights(),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, atol=2e-5)


def test_same_seed_same_weights_other_seed_others():
    one, same, other = new_trainer(3), new_trainer(3), new_trainer(4)
    for trainer in (one, same, other):
        run(trainer, 2)
    assert_same_state(one, same)
    assert (other.generator.get_weights()[0] != one.generator.get_weights()[0]).any()


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_going_on_in_the_middle_of_an_epoch_gives_the_same_bits(steps, unbroken):
    """Three batches an epoch: stops inside, at the end, and in the next epoch."""
    first, second = new_trainer(), new_trainer()
    done = []
    first_logs = run(
        first,
        3,
        on_step=lambda *_: done.append(1),
        should_stop=lambda: len(done) == steps,
    )
    assert len(done) == steps
    assert len(first_logs) == first.epoch == steps // 3
    second.restore(first.state())
    whole, logs = unbroken
    assert first_logs + run(second, 3) == logs
    assert_same_state(second, whole)


@pytest.fixture(scope="module")
def unbroken():
    trainer = new_trainer()
    logs = run(trainer, 3)
    return trainer, logs


def test_nan_in_the_images_ends_it_after_good_epochs_only():
    trainer, images, seen, steps = new_trainer(), some_images(), [], []
    with pytest.raises(RunError, match="epoch 3"):
        for epoch, logs in trainer.train(
            set_of(images), 5, 8, on_step=lambda *_: steps.append(1)
        ):
            seen.append(epoch)
            assert np.isfinite(list(logs.values())).all()
            if epoch == 2:
                images[:] = np.nan
    assert seen == [1, 2]
    assert trainer.epoch == 2
    assert len(steps) == 3 * 3  # the epoch goes to its end


def test_weights_that_are_not_finite_end_it_though_the_losses_were():
    trainer = new_trainer()
    trainer.generator_optimizer.learning_rate.assign(np.inf)
    with pytest.raises(RunError, match="smaller learning rates"):
        run(trainer, 1, some_images(4))  # one batch: both losses came before
    assert trainer.epoch == 0


def test_a_state_that_is_not_finite_is_not_given_out():
    trainer = new_trainer()
    assert trainer.state()
    trainer.discriminator_optimizer.variables[-1].assign(
        np.full(trainer.discriminator_optimizer.variables[-1].shape, np.nan)
    )
    with pytest.raises(RunError, match="NaN or infinite"):
        trainer.state()


def test_a_state_is_a_copy():
    trainer = new_trainer()
    run(trainer, 1)
    state = trainer.state()
    kept = {name: array.copy() for name, array in state.items()}
    run(trainer, 2)
    for name, array in state.items():
        np.testing.assert_array_equal(array, kept[name], err_msg=name)


def test_generated_images_approach_the_colour_of_the_real_ones():
    colour = np.array([0.85, 0.2, 0.6], np.float32)
    trainer = new_trainer(learning_rate=0.004)
    latents = sampling.sample_latents(32, LATENT_DIM, seed=0)

    def distance():
        images = sampling.generate(trainer.generator, latents)
        return np.abs(images.mean((0, 1, 2)) - colour).max()

    before = distance()
    run(trainer, 60, np.broadcast_to(colour, (32, *SHAPE)), batch_size=16)
    assert before > 0.25
    assert distance() < before / 2


# A moving average of the generator.


@pytest.mark.parametrize(
    ("half_life", "steps_before", "steps"),
    [(64, 10**6, 8), (10**6, 40, 2)],  # of 8 images each
    ids=["its half-life", "a twentieth of the images so far, if that is less"],
)
def test_it_starts_equal_and_forgets_half_in(half_life, steps_before, steps):
    trainer = new_trainer(ema=half_life)
    start = trainer.generator.get_weights()
    for one, other in zip(start, trainer.ema_generator.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    trainer.generator.set_weights([weight + 1 for weight in start])
    for _ in range(steps):
        trainer.update_ema(tf.constant(8), tf.constant(steps_before - 1))
    for one, other in zip(start, trainer.ema_generator.get_weights(), strict=True):
        np.testing.assert_allclose(other, one + 0.5, rtol=1e-5)


def test_training_moves_it_and_its_state_goes_on_to_the_same_bits():
    unbroken, first, second = (new_trainer(ema=20) for _ in range(3))
    run(unbroken, 3)
    run(first, 1)
    second.restore(first.state())
    run(second, 3)
    assert_same_state(second, unbroken)
    pairs = zip(
        unbroken.generator.get_weights(),
        unbroken.ema_generator.get_weights(),
        strict=True,
    )
    assert all((now != mean).any() for now, mean in pairs)
    assert_same_weights(unbroken.generator, trained_generator(new_trainer(), epochs=3))


def trained_generator(trainer, epochs):
    run(trainer, epochs)
    return trainer.generator


def assert_same_weights(one, other):
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


# What training may be told.


@pytest.mark.parametrize(
    "told",
    [{"loss": "hinge"}, {"beta_2": 0.9}, {"augmentation": ("shift",)}],
    ids=lambda told: next(iter(told)),
)
def test_what_it_is_told_makes_a_difference(told):
    plain, other = (new_trainer(**more) for more in ({}, told))
    for trainer in (plain, other):
        run(trainer, 2)
    for network in NETWORKS:
        one, two = (getattr(trainer, network) for trainer in (plain, other))
        assert (one.get_weights()[0] != two.get_weights()[0]).any()


def test_real_and_fake_images_are_changed_alike_but_not_the_same():
    trainer = new_trainer(augmentation=("shift",))
    images = real_batch(50)
    seen = [
        trainer.seen(images, step, use)[0].numpy()
        for step in (0, 1)
        for use in (0, 1, 2)
    ]
    np.testing.assert_array_equal(seen[-1], trainer.seen(images, 1, 2)[0])
    for number, one in enumerate(seen):
        assert all((one != other).any() for other in seen[:number])


# Classes.

COLOURS = np.array([[0.9, 0.1, 0.1], [0.1, 0.1, 0.9]], np.float32)


def class_trainer(learning_rate=0.004, **modes):
    backend.start(0)
    return Trainer(
        discriminator_of(SHAPE, (4, 8), dropout=0.0, num_classes=2),
        generator_of(SHAPE, LATENT_DIM, (4, 4), num_classes=2),
        settings_of(learning_rate, **modes),
        seed=0,
    )


def coloured(count=32):
    """Images of one colour each, and the class that each colour is."""
    labels = np.eye(2, dtype=np.float32)[np.arange(count) % 2]
    images = np.broadcast_to((labels @ COLOURS)[:, None, None], (count, *SHAPE))
    return images.copy(), labels


@pytest.mark.parametrize("latents", ["fresh", "shared"])
def test_each_class_is_drawn_as_it_was_asked_for(latents):
    images, labels = coloured()
    trainer = class_trainer(latents=latents)
    run(trainer, 200, images, batch_size=16, labels=labels)
    drawer = networks.inference_generator(trainer.generator, 2)
    for number in range(2):
        inputs = sampling.sample_inputs(drawer, 16, seed=0, class_ids=[number])
        mean = sampling.generate(drawer, inputs).mean((0, 1, 2))
        own, other = (np.abs(mean - COLOURS[k]).sum() for k in (number, 1 - number))
        assert own < other / 2


def test_images_keep_their_labels():
    seen = []

    class Watching(Trainer):
        def step(self, real_images, classes, number):
            is_red = tf.cast(real_images[:, 0, 0, 0] > 0, tf.float32)
            wrong = tf.reduce_mean(tf.abs(is_red - classes[:, 0]))
            self._note(1, wrong, wrong, wrong, wrong)

    images, labels = coloured()
    trainer = Watching(
        discriminator_of(SHAPE, (4, 8), dropout=0.0, num_classes=2),
        generator_of(SHAPE, LATENT_DIM, (4, 4), num_classes=2),
        settings_of(1e-3),
        seed=0,
    )
    data = TrainingSet(images, np.arange(3, 32), labels=labels)
    for _, logs in trainer.train(data, 2, 8):
        seen.append(logs["d_loss"])
    assert seen == [0, 0]


ODD_STATES = {
    "position gone": {"position": None},
    "position of three": {"position": np.zeros(3, int)},
    "position of text": {"position": np.array(["a"] * 4)},
    "position negative": {"position": np.array([-1, 0, 0, 0])},
    "sums of another length": {"sums": np.zeros(1)},
    "weights of another shape": {"generator/0": np.zeros(3)},
}


@pytest.mark.parametrize("change", ODD_STATES.values(), ids=ODD_STATES)
def test_an_odd_state_is_refused(change):
    trainer = new_trainer()
    state = trainer.state() | change
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(InputError, match="saved state is of other networks") as error:
        trainer.restore(state)
    assert error.value.options == ("resume",)
