"""A regularized linear classifier of features: multinomial logistic regression."""

from dataclasses import dataclass

import numpy as np

# Weights of the penalty that are tried, per row, of features of deviation 1.
PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
_NUM_FOLDS = 4
_STEPS = 60
_LEAST_DEVIATION = 1e-3
_LEAST_VARIANCE = 1e-6  # of an axis, times that of the largest


@dataclass(frozen=True)
class LinearHead:
    """What turns features into logits.

    Attributes:
        kernel: float32 array (d, classes), of features as they come.
        bias: float32 array (classes,).
        penalty: the L2 penalty that it was fitted with.
        accuracy: of the folds held out while the penalty was chosen.
    """

    kernel: np.ndarray
    bias: np.ndarray
    penalty: float
    accuracy: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Maps features (n, d) to logits (n, classes)."""
        return features @ self.kernel + self.bias


def fit(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, seed: int
) -> LinearHead:
    """Fits a head, with the penalty that does best on images held out.

    Args:
        features: float32 array (n, views, d); an image's views stay together.
        labels: one-hot float32 array (n, classes).
        weights: float32 array (classes,), of each class in the loss.
        seed: of the folds.

    Returns:
        A head that was fitted to all rows.
    """
    basis = _Basis(features)
    rotated = basis.rotate(features)
    losses, right, tried = np.zeros(len(PENALTIES)), np.zeros(len(PENALTIES)), 0
    for held_out in _folds(labels, seed):
        rest = np.setdiff1d(np.arange(len(labels)), held_out)
        tried += len(held_out)
        # Part of the rows has at most so many times the second moments of all.
        curvature = basis.variances * len(labels) / len(rest)
        solution = None
        for index in reversed(range(len(PENALTIES))):  # each starts from a stiffer one
            solution = _solve(
                rotated[rest],
                labels[rest],
                weights,
                curvature,
                PENALTIES[index],
                solution,
            )
            logits = rotated[held_out, 0] @ solution[0] + solution[1]
            losses[index] += _cross_entropy(logits, labels[held_out])
            right[index] += (logits.argmax(1) == labels[held_out].argmax(1)).sum()
    best = int(losses.argmin())
    kernel, bias = _solve(rotated, labels, weights, basis.variances, PENALTIES[best])
    kernel, bias = basis.unrotate(kernel, bias)
    return LinearHead(kernel, bias, PENALTIES[best], float(right[best] / max(tried, 1)))


class _Basis:
    """Features standardized and turned to their principal axes.

    There the largest curvature of the loss is known axis by axis.

    Args:
        features: float32 array (n, views, d).
    """

    def __init__(self, features: np.ndarray):
        rows = features.reshape(-1, features.shape[-1])
        self._mean = rows.mean(0)
        self._deviation = rows.std(0).clip(_LEAST_DEVIATION)
        standardized = (rows - self._mean) / self._deviation
        variances, axes = np.linalg.eigh(standardized.T @ standardized / len(rows))
        kept = variances > _LEAST_VARIANCE * variances[-1]
        self.variances = variances[kept]
        self._axes = axes[:, kept]

    def rotate(self, features: np.ndarray) -> np.ndarray:
        """Maps features (n, views, d) to the axes, (n, views, axes)."""
        return (features - self._mean) / self._deviation @ self._axes

    def unrotate(self, kernel: np.ndarray, bias: np.ndarray) -> tuple:
        """Maps a kernel of the axes and its bias to those of features as they come."""
        kernel = self._axes @ kernel / self._deviation[:, None]
        bias = bias - self._mean @ kernel
        return kernel.astype(np.float32), bias.astype(np.float32)


def _folds(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Deals the rows of each class out to the folds; empty ones are left out."""
    rng = np.random.default_rng(seed)
    dealt = [[] for _ in range(_NUM_FOLDS)]
    for column in labels.T:
        for place, row in enumerate(rng.permutation(np.flatnonzero(column))):
            dealt[place % _NUM_FOLDS].append(row)
    return [np.sort(fold) for fold in dealt if fold and len(fold) < len(labels)]


def _solve(features, labels, weights, variances, penalty: float, start=None) -> tuple:
    """Minimizes the penalized loss, by steps of a bound of its curvature.

    Boehning, Multinomial Logistic Regression Algorithm, 1992: of softmax it is at most
    half of the rows' second moments. Accelerated as by Nesterov, 1983.

    Returns:
        Kernel (axes, classes) and bias (classes,).
    """
    rows = features.reshape(-1, features.shape[-1])
    targets = np.repeat(labels, features.shape[1], axis=0)
    row_weights = (targets @ weights)[:, None] / len(rows)
    steps = (1 / (0.5 * weights.max() * variances + penalty)).astype(np.float32)
    bias_step = np.float32(2 / weights.max())
    kernel, bias = start or (
        np.zeros((rows.shape[1], labels.shape[1]), np.float32),
        np.zeros(labels.shape[1], np.float32),
    )
    ahead, ahead_bias = kernel, bias
    for step in range(_STEPS):
        residuals = (_softmax(rows @ ahead + ahead_bias) - targets) * row_weights
        gradient = rows.T @ residuals + np.float32(penalty) * ahead
        next_kernel = ahead - steps[:, None] * gradient
        next_bias = ahead_bias - bias_step * residuals.sum(0)
        momentum = np.float32(step / (step + 3))
        ahead = next_kernel + momentum * (next_kernel - kernel)
        ahead_bias = next_bias + momentum * (next_bias - bias)
        kernel, bias = next_kernel, next_bias
    return kernel, bias


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    probabilities = _softmax(logits.astype(np.float64))
    return float(-np.log((probabilities * labels).sum(1).clip(1e-12)).sum())
