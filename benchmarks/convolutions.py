"""Each large convolution of `dcgan-32`, and other ways to compute the same.

    python benchmarks/convolutions.py

On one thread, in float32, for the 128 images of a step: forward, its gradient by the
inputs and its gradient by the weights, beside a matrix product. Each way is checked
against the first. The ways take turns.

    plain             TensorFlow's operation, as the step has it
    space to depth    strided: 2x2 blocks become channels, then 2x2 without a stride
    patches           strided: patches are gathered, then one matrix product
    four convolutions transposed: 2x2 for each of the four kinds of output pixels
    one convolution   transposed: 3x3 to four times the channels, then depth to space
"""

import os
import statistics
import time

import numpy as np
import side_by_side

COUNT = 128  # images
MATMUL_SIZE = 1024
# Input size, channels of the input, filters.
STRIDED = (32, 64, 128), (16, 128, 128), (8, 128, 256)
TRANSPOSED = (4, 256, 128), (8, 128, 128), (16, 128, 128)


def strided_ways(tf):
    """Name -> function of images and a kernel (3, 3, channels, filters), stride 2."""

    def space_to_depth(images, kernel):
        channels, filters = kernel.shape[2:]
        blocks = tf.reshape(
            tf.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0))),
            (2, 2, 2, 2, channels, filters),
        )
        blocks = tf.transpose(blocks, (0, 2, 1, 3, 4, 5))
        blocks = tf.reshape(blocks, (2, 2, 4 * channels, filters))
        return tf.nn.conv2d(tf.nn.space_to_depth(images, 2), blocks, 1, "SAME")

    def patches(images, kernel):
        rows = tf.image.extract_patches(
            images, (1, 3, 3, 1), (1, 2, 2, 1), (1, 1, 1, 1), "SAME"
        )
        return tf.tensordot(rows, tf.reshape(kernel, (-1, kernel.shape[3])), 1)

    return {
        "plain": lambda images, kernel: tf.nn.conv2d(images, kernel, 2, "SAME"),
        "space to depth": space_to_depth,
        "patches": patches,
    }


def transposed_ways(tf):
    """Name -> function of images and a kernel (4, 4, filters, channels), stride 2."""

    def plain(images, kernel):
        count, size, _, _ = images.shape
        shape = (count, 2 * size, 2 * size, kernel.shape[2])
        return tf.nn.conv2d_transpose(images, kernel, shape, 2, "SAME")

    def of_pixels(kernel, row, column):
        """The 2x2 kernel that makes every other row and column."""
        part = kernel[1 - row :: 2, 1 - column :: 2]
        return tf.transpose(part[::-1, ::-1], (0, 1, 3, 2))

    def interleave(parts):
        """Four images of each pixel's kind become one of twice the size."""
        return tf.nn.depth_to_space(tf.concat(parts, 3), 2)

    def four_convolutions(images, kernel):
        parts = []
        for row in (0, 1):
            for column in (0, 1):
                edges = ((1 - row, row), (1 - column, column))
                padded = tf.pad(images, ((0, 0), *edges, (0, 0)))
                some = of_pixels(kernel, row, column)
                parts.append(tf.nn.conv2d(padded, some, 1, "VALID"))
        return interleave(parts)

    def one_convolution(images, kernel):
        parts = []
        for row in (0, 1):
            for column in (0, 1):
                edges = ((row, 1 - row), (column, 1 - column))
                some = of_pixels(kernel, row, column)
                parts.append(tf.pad(some, (*edges, (0, 0), (0, 0))))
        outputs = tf.nn.conv2d(images, tf.concat(parts, 3), 1, "SAME")
        return interleave([outputs])

    return {
        "plain": plain,
        "four convolutions": four_convolutions,
        "one convolution": one_convolution,
    }


def parts_of(tf, way, images, kernel, upstream):
    """Name -> compiled forward, gradient by the inputs, gradient by the weights."""

    def gradient(by_kernel: bool):
        source = kernel if by_kernel else images
        with tf.GradientTape() as tape:
            tape.watch(source)
            outputs = way(images, kernel)
        return tape.gradient(outputs, source, output_gradients=upstream)

    return {
        "forward": tf.function(lambda: way(images, kernel)),
        "by inputs": tf.function(lambda: gradient(by_kernel=False)),
        "by weights": tf.function(lambda: gradient(by_kernel=True)),
    }


def cpu_seconds(works: dict, rounds: int) -> dict:
    """The median CPU time of each function, which take turns."""
    taken = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            taken[name].append(time.process_time() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def rows_of(tf, kind: str, sizes: tuple[int, int, int], rounds: int):
    """Measures one convolution.

    Yields:
        A table's row for each way.
    """
    size, channels, filters = sizes
    is_strided = kind == "strided 3x3"
    ways = strided_ways(tf) if is_strided else transposed_ways(tf)
    rng = np.random.default_rng(0)

    def normal(*shape):
        # A variable: operations on constants would be computed once, beforehand.
        return tf.Variable(rng.standard_normal(shape, np.float32))

    images = normal(COUNT, size, size, channels)
    kernel = normal(
        *((3, 3, channels, filters) if is_strided else (4, 4, filters, channels))
    )
    drawn = size // 2 if is_strided else 2 * size
    upstream = normal(COUNT, drawn, drawn, filters)
    square = normal(MATMUL_SIZE, MATMUL_SIZE)
    works = {"matmul": tf.function(lambda: square @ square)}
    plain = {}
    for name, way in ways.items():
        for part, work in parts_of(tf, way, images, kernel, upstream).items():
            values = work().numpy()
            wanted = plain.setdefault(part, values)
            assert np.abs(values - wanted).max() < 1e-4 * np.abs(wanted).max(), name
            works[name, part] = work
    works["matmul"]()
    seconds = cpu_seconds(works, rounds)
    rate = 2 * MATMUL_SIZE**3 / seconds["matmul"]
    places = size * size // 4 if is_strided else size * size
    flops = 2 * COUNT * places * np.prod(kernel.shape)
    for name in ways:
        taken = [seconds[name, part] for part in plain]
        yield [
            f"{kind}, {size}x{size}x{channels} to {filters}",
            name,
            *(f"{1e3 * each:.1f} ({flops / rate / each:.0%})" for each in taken),
            f"{sum(seconds['plain', part] for part in plain) / sum(taken):.2f}",
        ]


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, rounds=15)
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    from foldergan import backend

    backend.start(seed=0)
    import tensorflow as tf

    print(
        f"{side_by_side.machine()}, one thread; "
        f"{side_by_side.versions('tensorflow')}; n={options.rounds}, in turn"
    )
    cases = [("strided 3x3", sizes) for sizes in STRIDED]
    cases += [("transposed 4x4", sizes) for sizes in TRANSPOSED]
    side_by_side.table(
        [
            "convolution",
            "way",
            "forward, ms (of matmul)",
            "by inputs",
            "by weights",
            "times plain",
        ],
        [
            row
            for kind, sizes in cases
            for row in rows_of(tf, kind, sizes, options.rounds)
        ],
    )


if __name__ == "__main__":
    main()
