"""Peak memory and time of making img_data.txt.npy from many pictures.

    python benchmarks/array_memory.py --count 5000 --image-shape 350x350x3

The pictures are copies of those in dataset/; the arrays are made in a process of
its own, in a temporary folder that is removed. Peak memory is what the operating
system says of that process, Python, NumPy and OpenCV included.
"""

import argparse
import multiprocessing
import platform
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.settings import image_shape  # noqa: E402


def build(folder: Path, shape, results) -> None:
    """Makes the arrays and reports seconds and mebibytes."""
    from pipeline import dataset
    from pipeline.artifacts import arrays

    start = time.perf_counter()
    dataset.build_arrays(folder / "dataset", folder, shape)
    seconds = time.perf_counter() - start
    arrays.load_images(folder)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.put((seconds, peak_kib / 1024))


def main():
    """Makes the pictures, measures, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--image-shape", type=image_shape, default=(350, 350, 3))
    parser.add_argument("--folder", type=Path, help="where there is room for it")
    options = parser.parse_args()
    sources = sorted((ROOT / "dataset").glob("*/*.jpg"))
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for number in range(options.count):
            source = sources[number % len(sources)]
            target = folder / "dataset" / source.parent.name / f"{number:06d}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        results = context.Queue()
        arguments = (folder, options.image_shape, results)
        process = context.Process(target=build, args=arguments)
        process.start()
        seconds, mebibytes = results.get()
        process.join()
        size = (folder / "img_data.txt.npy").stat().st_size / 2**20
    print(
        f"Python {platform.python_version()}, {multiprocessing.cpu_count()} cores, n=1"
    )
    print("pictures  shape        array MiB  peak MiB  seconds")
    shape = "x".join(map(str, options.image_shape))
    print(
        f"{options.count:8}  {shape:11}  {size:9.0f}  {mebibytes:8.0f}  {seconds:7.1f}"
    )


if __name__ == "__main__":
    main()
