"""A regularized linear classifier of features: multinomial logistic regression."""

from dataclasses import dataclass

import numpy as np

# Weights of the L2 penalty that are tried, for standardized features and a mean loss.
PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
_NUM_FOLDS = 4
_STEPS = 60
_LEAST_DEVIATION = 1e-3
_LEAST_VARIANCE = 1e-6  # of an axis, as a fraction of the largest

_KernelAndBias = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LinearHead:
    """A linear map from features to logits.

    Attributes:
        kernel: float32 array (d, classes), for features that are not standardized.
        bias: float32 array (classes,).
        penalty: the L2 penalty that it was fitted with.
        accuracy: of the cross-validation that chose the penalty.
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
    """Fits a head, with the penalty of least loss in cross-validation.

    Args:
        features: float32 array (n, views, d); an image's views stay together.
        labels: one-hot float32 array (n, classes).
        weights: float32 array (classes,), class weights of the loss.
        seed: of the folds.

    Returns:
        A head fitted to all rows.
    """
    basis = _Basis(features)
    rotated = basis.rotate(features)
    losses, correct = np.zeros(len(PENALTIES)), np.zeros(len(PENALTIES))
    num_held_out = 0
    for held_out in _folds(labels, seed):
        rest = np.setdiff1d(np.arange(len(labels)), held_out)
        num_held_out += len(held_out)
        # A bound on the second moments of these rows, from those of all.
        curvature = basis.variances * len(labels) / len(rest)
        solution = None
        for index in reversed(range(len(PENALTIES))):  # strongest first, warm starts
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
            correct[index] += (logits.argmax(1) == labels[held_out].argmax(1)).sum()
    best = int(losses.argmin())
    kernel, bias = _solve(rotated, labels, weights, basis.variances, PENALTIES[best])
    kernel, bias = basis.unrotate(kernel, bias)
    accuracy = float(correct[best] / max(num_held_out, 1))
    return LinearHead(kernel, bias, PENALTIES[best], accuracy)


class _Basis:
    """Standardizes features and rotates them to their principal axes.

    On these a bound on the curvature of the loss is known for each axis.

    Args:
        features: float32 array (n, views, d).
    """

    def __init__(self, features: np.ndarray) -> None:
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

    def unrotate(self, kernel: np.ndarray, bias: np.ndarray) -> _KernelAndBias:
        """Maps kernel and bias on the axes to those of the original features."""
        kernel = self._axes @ kernel / self._deviation[:, None]
        bias = bias - self._mean @ kernel
        return kernel.astype(np.float32), bias.astype(np.float32)


def _folds(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Splits rows into stratified folds; empty ones are left out."""
    rng = np.random.default_rng(seed)
    folds: list[list[int]] = [[] for _ in range(_NUM_FOLDS)]
    for column in labels.T:
        for place, row in enumerate(rng.permutation(np.flatnonzero(column))):
            folds[place % _NUM_FOLDS].append(row)
    return [np.sort(fold) for fold in folds if fold and len(fold) < len(labels)]


def _solve(
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    variances: np.ndarray,
    penalty: float,
    start: _KernelAndBias | None = None,
) -> _KernelAndBias:
    """Minimizes the regularized loss by Nesterov's accelerated gradient, 1983.

    Its steps are the inverse of a bound on the curvature. Boehning, Multinomial
    Logistic Regression Algorithm, 1992: that of softmax is at most half of the second
    moments of the rows.

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
    lookahead, lookahead_bias = kernel, bias
    for step in range(_STEPS):
        probabilities = _softmax(rows @ lookahead + lookahead_bias)
        residuals = (probabilities - targets) * row_weights
        gradient = rows.T @ residuals + np.float32(penalty) * lookahead
        next_kernel = lookahead - steps[:, None] * gradient
        next_bias = lookahead_bias - bias_step * residuals.sum(0)
        momentum = np.float32(step / (step + 3))
        lookahead = next_kernel + momentum * (next_kernel - kernel)
        lookahead_bias = next_bias + momentum * (next_bias - bias)
        kernel, bias = next_kernel, next_bias
    return kernel, bias


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    probabilities = _softmax(logits.astype(np.float64))
    return float(-np.log((probabilities * labels).sum(1).clip(1e-12)).sum())
