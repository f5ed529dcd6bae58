"""How many times as fast bfloat16 is as float32 here, as --precision auto measures it.

python benchmarks/precision.py
"""

import side_by_side


def main():
    """Measures every preset's convolutions several times, and prints a table."""
    options = side_by_side.parse(__doc__)
    from foldergan import backend
    from foldergan.config.presets import PRESETS
    from foldergan.nn import precision

    backend.load()
    print(
        f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}; "
        f"n={options.rounds}"
    )
    rows = []
    for name, preset in PRESETS.items():
        shape = preset.data.image_shape
        for part, convolutions in (
            ("classifier", preset.classifier.convolutions(shape)),
            ("GAN", preset.gan.convolutions(preset.gan.image_shape or shape)),
        ):
            if options.only and name not in options.only:
                continue
            ratios = sorted(
                precision.times_as_fast(convolutions) for _ in range(options.rounds)
            )
            middle = ratios[len(ratios) // 2]
            rows.append(
                [name, part, f"{middle:.2f}", f"{ratios[0]:.2f}-{ratios[-1]:.2f}"]
            )
    side_by_side.table(["preset", "of", "times as fast, median", "spread"], rows)


if __name__ == "__main__":
    main()
