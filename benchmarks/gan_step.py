"""The GAN step of `dcgan-32` against the usual ways of writing it.

    python benchmarks/gan_step.py

Every contender trains the same two networks on the same real images: the
discriminator on 64 of them and 64 fakes, then the generator on 128 latent vectors.

    classic loop    Keras: two compiled models, train_on_batch, predict for the fakes
    train_step      Keras: a Model with a train_step of its own, run by fit
    torch           PyTorch, channels last; left out where it is not installed
    ours            foldergan.gan.trainer; "shared" is --latents shared
    matmul          2048x2048 matrices multiplied: what the cores do at best
"""

import os

import numpy as np
import side_by_side

NUM_REAL = 64
STEPS = 5  # a round
MATMUL_SIZE, MATMULS = 2048, 20  # a round


def real_images() -> np.ndarray:
    """The embedded images' first batch, -1-1."""
    from foldergan import images
    from foldergan.data import decoding

    paths = sorted((side_by_side.ROOT / "dataset").glob("*/*.jpg"))
    paths = paths[:: len(paths) // NUM_REAL][:NUM_REAL]
    pictures = [decoding.read_image(path, (32, 32, 3)).pixels for path in paths]
    return images.to_tanh_range(decoding.to_fractions(np.stack(pictures)))


def keras_networks():
    """Keras, and `dcgan-32`'s networks in it."""
    from foldergan import backend

    backend.start(0)
    import keras

    from foldergan.config.presets import PRESETS
    from foldergan.gan import networks

    gan = PRESETS["dcgan-32"].gan
    discriminator = networks.build_discriminator(gan, (32, 32, 3))
    generator = networks.build_generator(gan, (32, 32, 3))
    return keras, discriminator, generator


def adam(keras):
    """Both networks' optimizer."""
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def repeated(step):
    """A round: several steps, the first ones done before."""

    def work():
        for _ in range(STEPS):
            step()

    work()
    return work


def classic_loop(options):
    """Both networks compiled; the discriminator frozen in the combined model only."""
    keras, discriminator, generator = keras_networks()
    from foldergan.gan import networks

    judge = networks.with_probability(discriminator)
    judge.compile(adam(keras), "binary_crossentropy")
    combined = keras.Sequential([generator, judge])
    combined.compile(adam(keras), "binary_crossentropy")
    rng, real = np.random.default_rng(0), real_images()
    halves = np.repeat(np.float32([[1], [0]]), NUM_REAL, axis=0)
    ones = np.ones((2 * NUM_REAL, 1), np.float32)

    def step():
        latents = rng.standard_normal((NUM_REAL, 200), np.float32)
        fakes = generator.predict(latents, verbose=0)
        # Keras 3 reads the flag when it first traces a step: it must be right then.
        judge.trainable = True
        judge.train_on_batch(np.concatenate([real, fakes]), halves)
        judge.trainable = False
        latents = rng.standard_normal((2 * NUM_REAL, 200), np.float32)
        combined.train_on_batch(latents, ones)

    before = [network.get_weights() for network in (discriminator, generator)]
    step()
    for old, network in zip(before, (discriminator, generator), strict=True):
        moved = max(np.ptp(a - b) for a, b in zip(old, network.get_weights(), strict=1))
        assert moved > 0, f"the {network.name} stands still"
    return repeated(step)


def train_step(options):
    """Keras' own idiom: train_step overridden, everything else left to fit."""
    keras, discriminator, generator = keras_networks()
    import tensorflow as tf

    class GAN(keras.Model):
        def compile(self):
            super().compile()
            self.d_optimizer, self.g_optimizer = adam(keras), adam(keras)
            self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

        def train_step(self, real):
            count = tf.shape(real)[0]
            fakes = generator(tf.random.normal((count, 200)), training=True)
            labels = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], 0)
            with tf.GradientTape() as tape:
                logits = discriminator(tf.concat([real, fakes], 0), training=True)
                d_loss = self.loss_fn(labels, logits)
            weights = discriminator.trainable_weights
            self.d_optimizer.apply_gradients(
                zip(tape.gradient(d_loss, weights), weights, strict=True)
            )
            latents = tf.random.normal((2 * count, 200))
            with tf.GradientTape() as tape:
                logits = discriminator(generator(latents, training=True), training=True)
                g_loss = self.loss_fn(tf.ones((2 * count, 1)), logits)
            weights = generator.trainable_weights
            self.g_optimizer.apply_gradients(
                zip(tape.gradient(g_loss, weights), weights, strict=True)
            )
            return {"d_loss": d_loss, "g_loss": g_loss}

    gan = GAN()
    gan.compile()
    images = np.tile(real_images(), (STEPS, 1, 1, 1))

    def work():
        gan.fit(images, batch_size=NUM_REAL, verbose=0)

    work()
    return work


def torch_step(dtype: str, compiled: bool = False, device: str = "cpu", mode=None):
    """PyTorch, channels last, autocast for bfloat16; `mode` is torch.compile's."""

    def prepare(options):
        try:
            import torch
        except ImportError as error:
            raise side_by_side.AbsentError("PyTorch is not installed") from error
        from torch import nn

        torch.manual_seed(0)

        def leaky():
            return nn.LeakyReLU(0.2, inplace=True)

        layers, channels = [], 3
        for width, stride in ((64, 1), (128, 2), (128, 2), (256, 2)):
            layers += [nn.Conv2d(channels, width, 3, stride, padding=1), leaky()]
            channels = width
        discriminator = nn.Sequential(
            *layers, nn.Flatten(), nn.Dropout(0.4), nn.Linear(4096, 1)
        )
        layers, channels = [nn.Linear(200, 4096), leaky()], 256
        layers.append(nn.Unflatten(1, (256, 4, 4)))
        for _ in range(3):
            layers += [nn.ConvTranspose2d(channels, 128, 4, 2, padding=1), leaky()]
            channels = 128
        generator = nn.Sequential(*layers, nn.Conv2d(128, 3, 3, padding=1), nn.Tanh())
        networks = [
            network.to(device, memory_format=torch.channels_last)
            for network in (discriminator, generator)
        ]
        d_adam, g_adam = (
            torch.optim.Adam(n.parameters(), 2e-4, betas=(0.5, 0.999), fused=True)
            for n in networks
        )
        real = torch.from_numpy(real_images().transpose(0, 3, 1, 2).copy())
        real = real.to(device).contiguous(memory_format=torch.channels_last)
        softplus = nn.functional.softplus
        cast = torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")

        def losses(part):
            with cast:
                if part == "discriminator":
                    with torch.no_grad():
                        latents = torch.randn(NUM_REAL, 200, device=device)
                        fakes = generator(latents).float()
                    logits = discriminator(torch.cat([real, fakes])).float()
                    halves = softplus(-logits[:NUM_REAL]), softplus(logits[NUM_REAL:])
                    return (halves[0].mean() + halves[1].mean()) / 2
                fakes = generator(torch.randn(2 * NUM_REAL, 200, device=device))
                return softplus(-discriminator(fakes).float()).mean()

        if compiled:
            losses = torch.compile(losses, mode=mode)

        def step():
            for part, adam_of_part in (
                ("discriminator", d_adam),
                ("generator", g_adam),
            ):
                discriminator.requires_grad_(part == "discriminator")
                loss = losses(part)
                adam_of_part.zero_grad(set_to_none=True)
                loss.backward()
                adam_of_part.step()

        return repeated(step)

    return prepare


def ours(precision: str, latents: str = "fresh", onednn: bool = True):
    """`Trainer`, as GANModel.py runs it, or without oneDNN."""

    def prepare(options):
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = str(int(onednn))
        _, discriminator, generator = keras_networks()
        from foldergan.config.settings import GAN
        from foldergan.data.training_set import TrainingSet
        from foldergan.gan.trainer import Trainer

        settings = GAN(precision=precision, latents=latents)
        trainer = Trainer(discriminator, generator, settings, seed=0)
        images = (np.tile(real_images(), (STEPS, 1, 1, 1)) + 1) / 2
        data = TrainingSet(images, np.arange(len(images)))
        epochs = trainer.train(data, None, 2 * NUM_REAL)
        next(epochs)
        return lambda: print(next(epochs))

    return prepare


def matmul(dtype: str):
    """The largest rate that the cores show in TensorFlow's matrix product."""

    def prepare(options):
        from foldergan import backend

        backend.load()
        import tensorflow as tf

        matrix = tf.cast(tf.random.normal((MATMUL_SIZE, MATMUL_SIZE)), dtype)
        multiply = tf.function(lambda: (matrix @ matrix)[0, 0])

        def work():
            for _ in range(MATMULS):
                multiply().numpy()

        work()
        return work

    return prepare


CONTENDERS = {
    "classic loop": classic_loop,
    "train_step": train_step,
    "torch float32": torch_step("float32"),
    "torch bfloat16": torch_step("bfloat16"),
    "torch float32, compiled": torch_step("float32", compiled=True),
    "torch bfloat16, compiled": torch_step("bfloat16", compiled=True),
    "ours float32": ours("float32"),
    "ours float32, without oneDNN": ours("float32", onednn=False),
    "ours float32, shared": ours("float32", "shared"),
    "ours bfloat16": ours("bfloat16"),
    "ours bfloat16, shared": ours("bfloat16", "shared"),
    "matmul float32": matmul("float32"),
    "matmul bfloat16": matmul("bfloat16"),
}


def forward_flops(network) -> int:
    """Floating point operations of one image's way through a Keras network."""
    total = 0
    for layer in network.layers:
        if not hasattr(layer, "kernel"):
            continue
        # A transposed convolution does its work at each place of its input.
        transposed = "Transpose" in type(layer).__name__
        places = (layer.input if transposed else layer.output).shape[1:-1]
        total += 2 * int(np.prod(places)) * int(np.prod(layer.kernel.shape))
    return total


def step_flops(shared: bool = False, half: bool = False) -> int:
    """Floating point operations of a step; a gradient costs what its layer costs."""
    _, discriminator, generator = keras_networks()
    judge, draw = forward_flops(discriminator), forward_flops(generator)
    first = discriminator.layers[0]
    first = 2 * int(np.prod(first.output.shape[1:3])) * int(np.prod(first.kernel.shape))
    drawn_for_discriminator = 0 if shared or half else NUM_REAL * draw
    discriminator_step = 2 * NUM_REAL * (3 * judge - first)
    fakes = NUM_REAL if half else 2 * NUM_REAL
    generator_step = fakes * (3 * draw + 2 * judge)
    return drawn_for_discriminator + discriminator_step + generator_step


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__)
    replies = side_by_side.compare(CONTENDERS, options, "keras", "tensorflow", "torch")
    peaks = {
        name.split()[1]: MATMULS
        * 2
        * MATMUL_SIZE**3
        / side_by_side.median(replies[name])
        for name in replies
        if name.startswith("matmul")
    }
    classic = replies.get("classic loop")
    rows = []
    for name, reply in replies.items():
        if name.startswith("matmul"):
            continue
        seconds = side_by_side.median(reply) / STEPS
        rate = step_flops("shared" in name) / seconds
        peak = peaks.get("bfloat16" if "bfloat16" in name else "float32")
        rows.append(
            [
                name,
                f"{seconds * 1e3:.0f}",
                side_by_side.spread(reply),
                f"{NUM_REAL / seconds:.0f}",
                f"{rate / 1e9:.0f}",
                f"{rate / peak:.0%}" if peak else "",
                f"{side_by_side.median(classic) / STEPS / seconds:.2f}"
                if classic
                else "",
            ]
        )
    print(*(f"matmul {dtype}: {p / 1e9:.0f} GFLOP/s" for dtype, p in peaks.items()))
    side_by_side.table(
        [
            "step",
            "ms, median",
            f"s a round of {STEPS}",
            "real images/s",
            "GFLOP/s",
            "of matmul",
            "times classic",
        ],
        rows,
    )


if __name__ == "__main__":
    main()
