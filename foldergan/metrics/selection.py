"""Which checkpoint of a generator is the best, and when to stop looking."""

from typing import Any

import numpy as np


def add_row(
    rows: list[dict[str, Any]],
    least: list[dict[str, Any]],
    row: dict[str, Any],
    draws: np.ndarray,
) -> None:
    """Adds a checkpoint's row, with the standard error of its difference.

    All checkpoints are evaluated by the same held-out images and latent vectors, so
    that the errors of two have most in common: the error of their difference, from
    paired draws, can be a hundredth of the error of either.

    Args:
        rows: epoch and figures of each checkpoint so far; one is added, with
            kernel_distance_error, the standard error of the difference to the least
            KID before; 0 where that is not known.
        least: the draws of the least, a row each; replaced where the new one is less.
        row: epoch and figures, as `Evaluator.evaluate` has them.
        draws: of KID, as `kid` has them.
    """
    best = min(comparable([*rows, row])[:-1], key=_kid, default=None)
    error = 0.0
    if best and len(least) == len(draws) and least[0]["epoch"] == best["epoch"]:
        differences = draws - [each["kernel_distance"] for each in least]
        error = float(differences[1:].std())
    rows.append(row | {"kernel_distance_error": error})
    if best is None or row["kernel_distance"] < best["kernel_distance"]:
        least[:] = [
            {"epoch": row["epoch"], "kernel_distance": float(draw)} for draw in draws
        ]


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Finds the best checkpoint: the newest that cannot be told from the least KID.

    A row can be told from it if it is more than one standard error of their difference
    larger. The newest was trained longest: what KID no longer shows may still get
    better.
    """
    rows = comparable(rows)
    least = min(rows, key=_kid)
    return [
        row
        for row in rows[rows.index(least) :]
        if row is least
        or _kid(row) - _kid(least) <= row.get("kernel_distance_error", 0)
    ][-1]


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves out rows of features in another unit, of versions before 0.3."""
    scale = rows[-1].get("feature_scale")
    return [row for row in rows if row.get("feature_scale") == scale]


def as_text(rows: list[dict[str, Any]]) -> str:
    """Writes the newest row's figures, and how it compares with the others."""
    row, best = rows[-1], best_row(rows)
    verdict = "kept as the best" if row is best else f"epoch {best['epoch']} was better"
    return f"{figures_as_text(row)}: {verdict}"


def figures_as_text(row: dict[str, Any]) -> str:
    """Writes the figures of a row that say most."""
    return (
        f"KID {_kid(row):.3g} (95%: {row['kernel_distance_low']:.3g} to "
        f"{row['kernel_distance_high']:.3g}; noise floor "
        f"{row['kernel_distance_floor']:.2g}), near copies "
        f"{row['near_copy_share']:.0%} (real images: 5%) ({row['extractor']}; "
        f"{row['real']} real, {row['fake']} fake)"
    )


def has_stalled(rows: list[dict[str, Any]], patience: int) -> bool:
    """Tells whether the best row is `patience` rows old; 0 is patient for ever."""
    return bool(patience and rows) and best_row(rows) not in rows[-patience:]


def _kid(row: dict[str, Any]) -> float:
    return row["kernel_distance"]
