"""Which save of a generator is the best, and when to stop looking for a better one."""

from typing import Any


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Finds the row of the least kernel distance.

    Of rows that the error of the least does not tell apart, the newest, which was
    trained longest: what the distance no longer shows may still get better.
    """
    least = min(rows, key=lambda row: row["kernel_distance"])
    most = least["kernel_distance"] + least["kernel_distance_error"]
    return [row for row in rows if row["kernel_distance"] <= most][-1]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Writes the newest row's figures, and how it compares with the others."""
    row, best = rows[-1], best_row(rows)
    verdict = "kept as the best" if row is best else f"epoch {best['epoch']} was better"
    return (
        f"kernel distance {row['kernel_distance']:.4g} +- "
        f"{row['kernel_distance_error']:.1g}, Frechet distance "
        f"{row['frechet_distance']:.4g}, {row['copying_close_share']:.0%} close to an "
        f"image trained on ({row['extractor']}; {row['real']} real, {row['fake']} "
        f"fake): {verdict}"
    )


def has_stalled(rows: list[dict[str, Any]], patience: int) -> bool:
    """Tells whether the best row is `patience` rows old; 0 is patient for ever."""
    return bool(patience and rows) and best_row(rows) not in rows[-patience:]
