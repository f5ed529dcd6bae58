"""Features that no figure can be made of are refused by name."""

import numpy as np


def checked(**features: tuple[np.ndarray, int]) -> list[np.ndarray]:
    """Turns features to float64.

    Args:
        features: name -> features (n, d), any real dtype, and the least n.

    Returns:
        float64 arrays, in the order given.

    Raises:
        ValueError: features too few, not finite, or of different widths.
    """
    arrays = []
    for name, (array, least) in features.items():
        array = np.asarray(array, np.float64)
        if array.ndim != 2 or 0 in array.shape[1:]:
            raise ValueError(
                f"{name} features must be of shape (n, d); found {array.shape}"
            )
        if len(array) < least:
            raise ValueError(
                f"{name} features of {len(array)} images are too few; at least "
                f"{least} are needed"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name} features hold NaN or infinite values")
        arrays.append(array)
    widths = [array.shape[1] for array in arrays]
    if len(set(widths)) > 1:
        raise ValueError(
            f"{', '.join(features)} features must be of one width; found {widths}"
        )
    return arrays
