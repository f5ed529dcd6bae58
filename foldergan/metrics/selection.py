"""Which save of a generator is the best, and when to stop looking for a better one."""

from typing import Any


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Finds the row of the least kernel distance.

    Of rows within one standard error of the least the newest, which was trained
    longest: what the distance no longer shows may still get better.
    """
    least = min(rows, key=lambda row: row["kernel_distance"])
    most = least["kernel_distance"] + _standard_error(least)
    return [row for row in rows if row["kernel_distance"] <= most][-1]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Writes the newest row's figures, and how it compares with the others."""
    row, best = rows[-1], best_row(rows)
    verdict = "kept as the best" if row is best else f"epoch {best['epoch']} was better"
    return f"{figures_as_text(row)}: {verdict}"


def figures_as_text(row: dict[str, Any]) -> str:
    """Writes the figures of a row that say most."""
    return (
        f"kernel distance {row['kernel_distance']:.3g} (95%: "
        f"{row['kernel_distance_low']:.3g} to {row['kernel_distance_high']:.3g}; real "
        f"images: below {row['kernel_distance_floor']:.2g}), near copies "
        f"{row['near_copy_share']:.0%} (real images: 5%) ({row['extractor']}; "
        f"{row['real']} real, {row['fake']} fake)"
    )


def has_stalled(rows: list[dict[str, Any]], patience: int) -> bool:
    """Tells whether the best row is `patience` rows old; 0 is patient for ever."""
    return bool(patience and rows) and best_row(rows) not in rows[-patience:]


def _standard_error(row: dict[str, Any]) -> float:
    """Takes a quarter of the 95 % interval, which is about four errors wide.

    A row that an earlier version left in resume.npz has no interval: then it is 0, as
    for one that is upside down or NaN.
    """
    low, high = (row.get(f"kernel_distance_{end}", 0.0) for end in ("low", "high"))
    return max(0.0, (high - low) / 4)
