"""How many times as fast bfloat16 is as float32 here, as --precision auto measures it.

python benchmarks/precision.py
"""

import side_by_side


def main():
    """Measures several times, and prints the ratios."""
    options = side_by_side.parse(__doc__)
    from foldergan.nn import precision

    ratios = sorted(precision.times_as_fast() for _ in range(options.rounds))
    print(
        f"{side_by_side.machine()}; {side_by_side.versions('keras', 'tensorflow')}; "
        f"n={options.rounds}: {ratios[len(ratios) // 2]:.2f} times as fast, median; "
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    )


if __name__ == "__main__":
    main()
