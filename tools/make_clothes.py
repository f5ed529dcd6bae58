"""Makes examples/clothes, a small set of real photographs, of a larger one.

    python tools/make_clothes.py clothing5/train

The folder is `train` of https://github.com/alexeygrigorev/clothing-dataset-small with
the five classes below. Files keep their names, so that each is found in the source.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUTPUT = Path(__file__).parent.parent / "examples" / "clothes"
CLASSES = ("dress", "hat", "outwear", "shirt", "shorts")
COUNT = 60  # of each class
LONGEST = 160  # pixels
QUALITY = 90  # of the JPEG files
SEED = 0


def choose(folder: Path) -> list[Path]:
    """Chooses images of one class at random, the same ones each time."""
    paths = sorted(folder.glob("*.jpg"))
    rows = np.random.default_rng(SEED).choice(len(paths), COUNT, replace=False)
    return [paths[row] for row in sorted(rows)]


def shrink(path: Path, output: Path) -> None:
    """Saves an image, upright, at most `LONGEST` pixels high and wide."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    upright.save(output, quality=QUALITY, optimize=True)


def main() -> None:
    """Chooses, shrinks and saves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder with a folder of each class")
    folder = parser.parse_args().folder
    for name in CLASSES:
        (OUTPUT / name).mkdir(parents=True, exist_ok=True)
        for path in choose(folder / name):
            shrink(path, OUTPUT / name / path.name)
    sizes = [path.stat().st_size for path in OUTPUT.rglob("*.jpg")]
    print(f"saved {len(sizes)} images, {sum(sizes) / 1e6:.1f} MB, in {OUTPUT}")


if __name__ == "__main__":
    main()
