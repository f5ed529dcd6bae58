"""What the convolution of few channels, and the threads, are worth.

    python benchmarks/fast_layers.py
    python benchmarks/fast_layers.py --precision bfloat16

The GAN step of `dcgan-32`, as GANModel.py takes it, beside the same with Keras' own
layer and with other numbers of threads than the cores that it may use.
"""

import os

import gan_step
import side_by_side

AS_IT_IS = "as it is"
FEW = "few channels"
THREADS = (1, 4)


def step_without(*routes: str, threads: int | None = None):
    """A round of steps that compute these as Keras does."""

    def prepare(options):
        if threads:
            os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
        from foldergan import backend

        backend.start(0)
        from foldergan.nn import convolutions

        if FEW in routes:
            convolutions._FEW = 0
        return gan_step.ours(options.precision)(options)

    return prepare


CONTENDERS = (
    {AS_IT_IS: step_without()}
    | {f"without: {FEW}": step_without(FEW)}
    | {f"threads: {n}": step_without(threads=n) for n in THREADS}
)


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    parser.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32"
    )


def main():
    """Measures them in turn, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments)
    replies = side_by_side.compare(CONTENDERS, options, "keras", "tensorflow")
    count = gan_step.STEPS * gan_step.NUM_REAL
    rows = side_by_side.rows_against(AS_IT_IS, replies, count, 1000 / gan_step.STEPS)
    title = f"{options.precision} step"
    headings = [title, "ms", "s a round of 5", "real images/s", "times as it is"]
    side_by_side.table(headings, rows)


if __name__ == "__main__":
    main()
