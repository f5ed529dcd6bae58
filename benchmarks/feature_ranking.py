r"""Whether a small evaluation network ranks images as a larger one does.

    python benchmarks/feature_ranking.py --dataset examples/clothes \
        --full lite1.keras --generators model

Half of the images are the reference. The other half is degraded in four ways at four
strengths each, and every generator of --generators draws as many images. Prints a
markdown table of KID of each set in the features of each network. Its last rows are
Spearman's rank correlations of each network's KIDs with those of --full at 240x240,
over the degraded sets and over the generators. --full is the float32 EfficientNet-Lite1
of tools/convert_efficientnet_lite.py.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SIZE = 128  # of the images that photo-128 draws
STRENGTHS = {
    "blur": (0.5, 1, 2, 4),  # deviation of the Gaussian, pixels
    "noise": (4, 8, 16, 32),  # deviation, of values 0-255
    "JPEG": (70, 40, 20, 10),  # quality
    "downsampling": (1.5, 2, 3, 4),  # factor; upsampled again
}


def parse():
    """Reads the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--full", type=Path, help="float32 EfficientNet-Lite1")
    parser.add_argument("--generators", type=Path, help="folder of generator_model_*")
    return parser.parse_args()


def degraded(image: Image.Image, kind: str, strength: float) -> Image.Image:
    """Degrades one image."""
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(strength))
    if kind == "noise":
        noise = np.random.default_rng(0).normal(0, strength, (*image.size[::-1], 3))
        return Image.fromarray(np.uint8(np.clip(np.asarray(image) + noise, 0, 255)))
    if kind == "JPEG":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=int(strength))
        return Image.open(file).convert("RGB")
    small = image.resize((round(SIZE / strength),) * 2, Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def image_sets(options) -> dict[str, np.ndarray]:
    """Makes every set, float32 (n, 128, 128, 3), 0-1; "reference" is the first."""
    paths = sorted(options.dataset.rglob("*.jp*g"))
    read = [
        Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)
        for path in paths
    ]
    reference, others = read[::2], read[1::2]
    sets = {"reference": reference, "as they are": others} | {
        f"{kind} {strength:g}": [degraded(image, kind, strength) for image in others]
        for kind, strengths in STRENGTHS.items()
        for strength in strengths
    }
    arrays = {name: np.float32(images) / 255 for name, images in sets.items()}
    return arrays | drawn(options.generators, len(others))


def drawn(folder: Path | None, count: int) -> dict[str, np.ndarray]:
    """Lets every generator in a folder draw the same latent vectors."""
    from foldergan.gan import sampling
    from foldergan.storage import models

    sets = {}
    for path in sorted(folder.glob("generator_model_*.h5")) if folder else ():
        generator = models.load_generator(path)
        inputs = sampling.sample_inputs(generator, count, 0)
        sets[path.stem] = sampling.generate(generator, inputs)
    return sets


def extractors(full: Path | None) -> dict:
    """Loads every network at its size."""
    import keras

    from foldergan.backbones import efficientnet_lite

    shipped = {n: efficientnet_lite.load(n) for n in (0, 1)}
    at_16 = keras.Model(shipped[1].inputs, shipped[1].get_layer("stage_16").output)
    networks = {
        "Lite1, 224": (shipped[1], 224),
        "Lite1, 160": (shipped[1], 160),
        "Lite1, 128": (shipped[1], 128),
        "Lite1 to stride 16, 224": (at_16, 224),
        "Lite1 to stride 16, 160": (at_16, 160),
        "Lite0, 224": (shipped[0], 224),
    }
    if full:
        original = keras.models.load_model(full, compile=False)
        networks = {"full Lite1, 240": (original, 240)} | networks
    return {name: _extractor(*each, name) for name, each in networks.items()}


def _extractor(network, size: int, name: str):
    import keras

    from foldergan.metrics.features import FeatureExtractor

    images = keras.Input((size, size, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(network(images))
    return FeatureExtractor(keras.Model(images, pooled), name)


def main() -> None:
    """Computes every KID and the correlations."""
    options = parse()
    from foldergan import backend

    backend.start(0)
    from scipy.stats import spearmanr

    from foldergan.metrics.kid import kid as kid_of

    sets = image_sets(options)
    kid = {}
    for name, extract in extractors(options.full).items():
        features = {label: extract(images) for label, images in sets.items()}
        reference = features.pop("reference")
        kid[name] = {
            label: kid_of(reference, rows).estimate for label, rows in features.items()
        }
        print(f"{name}: done", flush=True)
    labels = list(next(iter(kid.values())))
    print(f"\n| set | {' | '.join(kid)} |\n|---|{'---|' * len(kid)}")
    for label in labels:
        print(f"| {label} | {' | '.join(f'{kid[n][label]:.4f}' for n in kid)} |")
    of_generators = [label for label in labels if label.startswith("generator")]
    groups = {"degraded": [x for x in labels if x not in of_generators]}
    if len(of_generators) > 2:
        groups["generators"] = of_generators
    first, *_ = kid
    for group, members in groups.items():
        ranks = [
            spearmanr(
                [kid[first][label] for label in members],
                [kid[name][label] for label in members],
            ).statistic
            for name in kid
        ]
        cells = " | ".join(f"{rank:.3f}" for rank in ranks)
        print(f"| Spearman, {len(members)} {group} | {cells} |")


if __name__ == "__main__":
    main()
