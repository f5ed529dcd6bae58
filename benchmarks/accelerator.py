"""The GAN step on JAX against PyTorch, on a GPU where there is one.

    python benchmarks/accelerator.py
    python benchmarks/accelerator.py --steps 1 --rounds 2      a try on a processor

The contenders of `gan_step.py` on `dcgan-32`'s networks, each with 64 real images a
step that lie in the processor's memory with JAX, and on the device with PyTorch:

    jax             foldergan.gan.trainer, as GANModel.py runs it; of best-32 too, with
                    its settings, through a classifier that is not trained
    torch           channels last; eager, and torch.compile in its modes
                    "reduce-overhead" and "max-autotune", both with CUDA graphs
    matmul          square matrices multiplied on JAX: what the device does at best; its
                    float32 is what JAX takes for that there, TF32 on newer GPUs

All on one device: CUDA_VISIBLE_DEVICES=0 where there are more.
"""

import os

import gan_step
import numpy as np
import side_by_side

os.environ["KERAS_BACKEND"] = "jax"
DTYPES = ("float32", "bfloat16")
MATMULS = 20  # a round


def on_jax(precision: str):
    """`Trainer` on the networks of `dcgan-32`."""

    def prepare(options):
        gan_step.STEPS = options.steps
        return gan_step.ours(precision)(options)

    return prepare


def best_32(precision: str):
    """`best-32`, half of whose batch is real as it is of `dcgan-32`'s here."""

    def prepare(options):
        from dataclasses import replace

        from foldergan import backend
        from foldergan.classifier.network import build_classifier
        from foldergan.config.presets import PRESETS

        backend.start(0)
        from foldergan.gan.photograph_trainer import build_trainer

        preset, shape, classes = PRESETS["best-32"], (32, 32, 3), 2
        classifier = build_classifier(preset.classifier, shape, classes)
        settings = replace(preset.gan, precision=precision)
        trainer = build_trainer(settings, shape, classes, 0, classifier)
        images = np.tile(gan_step.real_images(), (options.steps, 1, 1, 1)) / 2 + 0.5
        labels = np.eye(classes, dtype=np.float32)[np.arange(len(images)) % classes]
        batch_size = 2 * gan_step.NUM_REAL
        epochs = iter(trainer.train(images, 10**9, batch_size, labels=labels))
        next(epochs)
        return lambda: print(next(epochs))

    return prepare


def on_torch(dtype: str, mode: str | None = None):
    """PyTorch on the GPU, where there is one."""

    def prepare(options):
        try:
            import torch
        except ImportError as error:
            raise side_by_side.AbsentError("PyTorch is not installed") from error
        has_gpu = torch.cuda.is_available()
        torch.set_float32_matmul_precision("high")  # TF32, as JAX has it
        gan_step.STEPS = options.steps
        device = "cuda" if has_gpu else "cpu"
        work = gan_step.torch_step(dtype, bool(mode), device, mode)(options)

        def waited_for():
            work()
            if has_gpu:
                torch.cuda.synchronize()

        return waited_for

    return prepare


def matmul(dtype: str):
    """The largest rate that the device shows in JAX's matrix product."""

    def prepare(options):
        import jax
        import jax.numpy as jnp

        size = options.matmul_size
        matrix = jax.random.normal(jax.random.key(0), (size, size), dtype)
        multiply = jax.jit(jnp.matmul)

        def work():
            product = matrix
            for _ in range(MATMULS):
                product = multiply(matrix, matrix)
            product.block_until_ready()

        work()
        return work

    return prepare


CONTENDERS = {
    **{f"jax {dtype}": on_jax(dtype) for dtype in DTYPES},
    **{f"jax best-32 {dtype}": best_32(dtype) for dtype in DTYPES},
    **{f"torch {dtype}": on_torch(dtype) for dtype in DTYPES},
    **{
        f"torch {mode} {dtype}": on_torch(dtype, mode)
        for mode in ("reduce-overhead", "max-autotune")
        for dtype in DTYPES
    },
    **{f"matmul {dtype}": matmul(dtype) for dtype in DTYPES},
}


def add_arguments(parser):
    """Adds the flags of this benchmark."""
    parser.add_argument("--steps", type=int, default=50, help="of a round")
    parser.add_argument("--matmul-size", type=int, default=4096)


def device() -> str:
    """Names what JAX computes on."""
    import jax

    return jax.devices()[0].device_kind


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments)
    packages = ("keras", "jax", "torch")
    replies = side_by_side.compare(CONTENDERS, options, *packages)
    product = 2 * MATMULS * options.matmul_size**3
    peaks = {
        dtype: product / side_by_side.median(replies[f"matmul {dtype}"])
        for dtype in DTYPES
        if f"matmul {dtype}" in replies
    }
    operations, rows = gan_step.step_flops(shared=False), []
    for name, reply in replies.items():
        if name.startswith("matmul"):
            continue
        seconds = side_by_side.median(reply) / options.steps
        peak = peaks.get(name.split()[-1])
        # What best-32 has to compute is not counted.
        is_counted = peak and "best-32" not in name
        rows.append(
            [
                name,
                f"{seconds * 1e3:.2f}",
                side_by_side.spread(reply),
                f"{gan_step.NUM_REAL / seconds:.0f}",
                f"{operations / seconds / peak:.0%}" if is_counted else "",
            ]
        )
    print(f"on {device()}")
    print(*(f"matmul {dtype}: {p / 1e9:.0f} GFLOP/s" for dtype, p in peaks.items()))
    headings = ["step", "ms, median", f"s a round of {options.steps}"]
    side_by_side.table([*headings, "real images/s", "of matmul"], rows)


if __name__ == "__main__":
    main()
