"""A regularized linear classifier of features: multinomial logistic regression."""

from dataclasses import dataclass

import numpy as np

from foldergan.classifier.standardized import Features, Standardized, blocks_of

# Weights of the L2 penalty that are tried, for standardized features and a mean loss.
PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
_NUM_FOLDS = 4
_STEPS = 60

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
    features: Features,
    labels: np.ndarray,
    weights: np.ndarray,
    seed: int,
    rows: np.ndarray | None = None,
) -> LinearHead:
    """Fits a head, with the penalty of least loss in cross-validation.

    Features may be more than memory holds: they are read some rows at a time, and the
    penalty is chosen by as many images, evenly spread, as 256 MB hold.

    Args:
        features: float32 array (n, views, d); an image's views stay together.
        labels: one-hot float32 array (n, classes).
        weights: float32 array (classes,), class weights of the loss.
        seed: of the folds.
        rows: row numbers to fit it to; all where left out.

    Returns:
        A head fitted to all rows.
    """
    rows = np.arange(len(labels)) if rows is None else rows
    data = Standardized(features, rows)
    step = -(-len(rows) // data.most_kept)
    some = rows[::step]
    objective, numbers = _Objective(data, labels, weights, data.axes), rows
    kept = _Objective(data[some], labels[some], weights, data.axes)
    penalty, accuracy = _choose_penalty(kept, data.variances, seed)
    if step == 1:  # all are kept
        objective, numbers = kept, np.arange(len(rows))
    solution = objective.solve(numbers, data.variances, penalty)
    return LinearHead(*data.for_given(*solution), penalty, accuracy)


class _Objective:
    """The loss of a kernel on the axes and a bias, and its minimum.

    Args:
        features: standardized, float32 (n, views, d).
        labels: one-hot float32 array (n, classes).
        weights: float32 array (classes,), class weights of the loss.
        axes: as of `Standardized`.
    """

    def __init__(
        self,
        features: Standardized | np.ndarray,
        labels: np.ndarray,
        weights: np.ndarray,
        axes: np.ndarray,
    ) -> None:
        self.labels = labels
        self._features, self._weights, self._axes = features, weights, axes

    def solve(
        self,
        rows: np.ndarray,
        variances: np.ndarray,
        penalty: float,
        start: _KernelAndBias | None = None,
    ) -> _KernelAndBias:
        """Minimizes the regularized loss by Nesterov's accelerated gradient, 1983.

        Its steps are the inverse of a bound on the curvature. Boehning, Multinomial
        Logistic Regression Algorithm, 1992: that of softmax is at most half of the
        second moments of the rows.

        Args:
            rows: row numbers of the loss.
            variances: a bound on these moments along each axis, float32 (axes,).
            penalty: weight of the L2 penalty.
            start: where to begin; 0 where left out.

        Returns:
            Kernel (axes, classes) and bias (classes,).
        """
        steps = 1 / (0.5 * self._weights.max() * variances + penalty)
        steps = steps.astype(np.float32)[:, None]
        bias_step = np.float32(2 / self._weights.max())
        kernel, bias = start or (
            np.zeros((len(variances), self.labels.shape[1]), np.float32),
            np.zeros(self.labels.shape[1], np.float32),
        )
        lookahead, lookahead_bias = kernel, bias
        for step in range(_STEPS):
            gradient, bias_gradient = self.gradients(rows, lookahead, lookahead_bias)
            gradient += np.float32(penalty) * lookahead
            next_kernel = lookahead - steps * gradient
            next_bias = lookahead_bias - bias_step * bias_gradient
            momentum = np.float32(step / (step + 3))
            lookahead = next_kernel + momentum * (next_kernel - kernel)
            lookahead_bias = next_bias + momentum * (next_bias - bias)
            kernel, bias = next_kernel, next_bias
        return kernel, bias

    def gradients(
        self, rows: np.ndarray, kernel: np.ndarray, bias: np.ndarray
    ) -> _KernelAndBias:
        """Computes the gradients of the mean loss by kernel and bias."""
        on_features = self._axes @ kernel
        by_features, by_bias = np.zeros_like(on_features), np.zeros_like(bias)
        for some in blocks_of(rows, self._features):
            views = self._features[some]
            seen = views.reshape(-1, views.shape[2])
            targets = np.repeat(self.labels[some], views.shape[1], axis=0)
            residuals = _softmax(seen @ on_features + bias) - targets
            residuals *= (targets @ self._weights)[:, None]
            by_features += seen.T @ residuals
            by_bias += residuals.sum(0)
        count = np.float32(len(rows) * self._features.shape[1])
        return self._axes.T @ by_features / count, by_bias / count

    def logits(
        self, rows: np.ndarray, kernel: np.ndarray, bias: np.ndarray
    ) -> np.ndarray:
        """Computes the logits (rows, classes) of the first view of some images."""
        return self._features[rows][:, 0] @ (self._axes @ kernel) + bias


def _choose_penalty(
    objective: _Objective, variances: np.ndarray, seed: int
) -> tuple[float, float]:
    """Chooses the penalty of least loss by cross-validation; returns its accuracy too.

    Args:
        objective: of all rows, which lie in memory.
        variances: as of `Standardized`.
        seed: of the folds.
    """
    labels = objective.labels
    losses, correct = np.zeros(len(PENALTIES)), np.zeros(len(PENALTIES))
    num_held_out = 0
    for held_out in _folds(labels, seed):
        rest = np.setdiff1d(np.arange(len(labels)), held_out)
        num_held_out += len(held_out)
        # A bound on the second moments of these rows, from those of all.
        curvature = variances * len(labels) / len(rest)
        solution = None
        for index in reversed(range(len(PENALTIES))):  # strongest first, warm starts
            solution = objective.solve(rest, curvature, PENALTIES[index], solution)
            logits = objective.logits(held_out, *solution)
            losses[index] += _cross_entropy(logits, labels[held_out])
            correct[index] += (logits.argmax(1) == labels[held_out].argmax(1)).sum()
    best = int(losses.argmin())
    return PENALTIES[best], float(correct[best] / max(num_held_out, 1))


def _folds(labels: np.ndarray, seed: int) -> list[np.ndarray]:
    """Splits rows into stratified folds; empty ones are left out."""
    rng = np.random.default_rng(seed)
    folds: list[list[int]] = [[] for _ in range(_NUM_FOLDS)]
    for column in labels.T:
        for place, row in enumerate(rng.permutation(np.flatnonzero(column))):
            folds[place % _NUM_FOLDS].append(row)
    return [np.sort(fold) for fold in folds if fold and len(fold) < len(labels)]


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    probabilities = _softmax(logits.astype(np.float64))
    return float(-np.log((probabilities * labels).sum(1).clip(1e-12)).sum())
