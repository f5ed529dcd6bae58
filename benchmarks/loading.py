"""Reading a folder of pictures into the arrays, against a plain OpenCV loop.

    python benchmarks/loading.py --dataset ~/my-pictures --image-shape 128x128x3

    cv2 loop    imread, resize, cvtColor, a list, one array, np.save
    ours        dataset.build_arrays: bad files named, labels, atomic files, a report

Memory is by how much the process's peak grew; ours writes the pictures as it goes.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import side_by_side


def cv2_loop(options):
    """What most scripts do."""
    import cv2

    height, width, _ = options.image_shape
    folder = tempfile.TemporaryDirectory()

    def work():
        pictures = []
        for name in sorted(os.listdir(options.dataset)):
            for file in sorted(os.listdir(options.dataset / name)):
                pixels = cv2.imread(str(options.dataset / name / file))
                pixels = cv2.resize(pixels, (width, height))
                pictures.append(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        array = np.array(pictures, np.float32) / 255
        np.save(Path(folder.name) / "img_data.txt.npy", array)
        return len(pictures)

    return work


def ours(options):
    """What TrainModel.py does."""
    from pipeline import dataset
    from pipeline.artifacts import arrays

    folder = tempfile.TemporaryDirectory()

    def work():
        target = Path(folder.name)
        dataset.build_arrays(options.dataset, target, options.image_shape)
        return len(arrays.load_images(target))

    return work


CONTENDERS = {"cv2 loop": cv2_loop, "ours": ours}


def add_arguments(parser):
    """Adds this benchmark's own flags."""
    from pipeline.settings import image_shape

    default = side_by_side.ROOT / "dataset"
    parser.add_argument("--dataset", type=Path, default=default)
    parser.add_argument("--image-shape", type=image_shape, default=(32, 32, 3))


def main():
    """Measures, and prints a table."""
    options = side_by_side.parse(__doc__, add_arguments)
    replies = side_by_side.compare(
        CONTENDERS, options, "opencv-python-headless", "numpy"
    )
    plain = side_by_side.median(replies["cv2 loop"])
    rows = []
    for name, reply in replies.items():
        seconds, count = side_by_side.median(reply), reply[0]["result"]
        rows.append(
            [
                name,
                f"{seconds:.2f}",
                side_by_side.spread(reply),
                f"{count / seconds:.0f}",
                f"{plain / seconds:.2f}",
                f"{max(r['grown_mib'] for r in reply):.0f}",
            ]
        )
    side_by_side.table(
        ["loading", "s, median", "spread", "pictures/s", "times cv2 loop", "MiB grown"],
        rows,
    )


if __name__ == "__main__":
    main()
