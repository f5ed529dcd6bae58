"""Reading a folder of images into an array on disk, against other ways.

    python benchmarks/loading.py --dataset ~/my-images --image-shape 128x128x3

    cv2 loop        imread, resize, cvtColor, a list, one array, np.save
    cv2 loop, area  the same with the filter that ours uses where images shrink
    keras           image_dataset_from_directory, its batches in one array, np.save
    ours            dataset.build: bad files named, labels, atomic files
    ours, again     ours on a folder that has not changed since

Memory is by how much the process's peak grew; ours writes the images as it goes.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import side_by_side


def loop(options, filter_name):
    """What most scripts do."""
    import cv2

    height, width, _ = options.image_shape
    target = Path(tempfile.mkdtemp()) / "img_data.txt.npy"
    method = getattr(cv2, filter_name)

    def work():
        pictures = []
        for name in sorted(os.listdir(options.dataset)):
            for file in sorted(os.listdir(options.dataset / name)):
                pixels = cv2.imread(str(options.dataset / name / file))
                pixels = cv2.resize(pixels, (width, height), interpolation=method)
                pictures.append(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        np.save(target, np.array(pictures, np.float32) / 255)
        return len(pictures)

    return work


def keras_directory(options):
    """What Keras offers."""
    from foldergan import backend

    backend.load()
    import keras

    target = Path(tempfile.mkdtemp()) / "img_data.txt.npy"

    def work():
        batches = keras.utils.image_dataset_from_directory(
            options.dataset,
            image_size=options.image_shape[:2],
            batch_size=256,
            shuffle=False,
            label_mode="categorical",
            interpolation="area",
            verbose=False,
        )
        pictures = np.concatenate([images.numpy() for images, _ in batches])
        np.save(target, pictures / 255)
        return len(pictures)

    return work


def ours(options, is_fresh=True):
    """What TrainModel.py does."""
    from foldergan.config.settings import Data
    from foldergan.data import dataset
    from foldergan.storage import arrays, filenames

    folder = Path(tempfile.mkdtemp())

    def work():
        if is_fresh:
            (folder / filenames.ORIGIN).unlink(missing_ok=True)
        dataset.build(options.dataset, folder, Data(image_shape=options.image_shape))
        return len(arrays.load_images(folder))

    if not is_fresh:
        work()
    return work


CONTENDERS = {
    "cv2 loop": lambda options: loop(options, "INTER_LINEAR"),
    "cv2 loop, area": lambda options: loop(options, "INTER_AREA"),
    "keras": keras_directory,
    "ours": ours,
    "ours, again": lambda options: ours(options, is_fresh=False),
}


def add_arguments(parser):
    """Adds this benchmark's own flags."""

    def shape(text):
        return tuple(map(int, text.split("x")))

    default = side_by_side.ROOT / "dataset"
    parser.add_argument("--dataset", type=Path, default=default)
    parser.add_argument("--image-shape", type=shape, default=(32, 32, 3))


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments)
    replies = side_by_side.compare(
        CONTENDERS, options, "opencv-python-headless", "numpy", "tensorflow"
    )
    count = replies["ours"][0]["result"]
    rows = side_by_side.rows_against("cv2 loop", replies, count)
    for row, reply in zip(rows, replies.values(), strict=True):
        row.append(f"{max(r['grown_mib'] for r in reply):.0f}")
    side_by_side.table(
        ["loading", "s, median", "spread", "images/s", "times cv2 loop", "MiB grown"],
        rows,
    )


if __name__ == "__main__":
    main()
