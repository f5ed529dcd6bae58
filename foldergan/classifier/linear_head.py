"""A regularized linear classifier of features: multinomial logistic regression."""

import math
import warnings
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from foldergan.images import Joined
from foldergan.progress import ImageProgress

Features = np.ndarray | Joined  # float32 (n, views, d), may lie on disk

# Weights of the L2 penalty, for standardized features and a mean loss. Where the best
# is at an end, weaker or stronger ones are tried as well, up to the limits.
PENALTIES = tuple(float(10 ** (half / 2)) for half in range(-8, 1))
_LIMITS = (1e-8, 1e4)
_FURTHER = tuple(float(10 ** (half / 2)) for half in range(1, 5))  # factors
_NUM_FOLDS = 4
_MOST_ITERATIONS = 1000
_MOST_VALUES = 2**27  # of the features that are kept in memory, 512 MB
_LEAST_DEVIATION = 1e-3
_ABSENT = -30.0  # logit of a class without training images, below the others'


class LinearHead(NamedTuple):
    """A linear map from features to logits.

    Attributes:
        kernel: float32 array (d, classes), for features that are not standardized.
        bias: float32 array (classes,).
        penalty: the L2 penalty that it was fitted with.
        accuracy: of the cross-validation that chose the penalty, 0-1; NaN where there
            are too few images for one.
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

    Where the features would take more than 512 MB in memory, it is fitted to fewer
    images, evenly spaced within each class.

    Args:
        features: float32 array (n, views, d); an image's views stay in one fold.
        labels: one-hot float32 array (n, classes).
        weights: float32 array (classes,), class weights of the loss.
        seed: of the folds.
        rows: row numbers to fit it to; all where left out.
    """
    rows = np.arange(len(labels)) if rows is None else rows
    _, views, width = features.shape
    rows = _thinned(rows, labels, max(1, _MOST_VALUES // (views * width)))
    class_ids = labels[rows].argmax(1)
    scaler = StandardScaler(copy=False)
    values = scaler.fit_transform(np.array(features[rows]).reshape(-1, width))
    # A feature that hardly varies here would drown the others where it does.
    least = scaler.scale_.clip(_LEAST_DEVIATION)
    values *= (scaler.scale_ / least).astype(np.float32)
    data = _Data(values.reshape(-1, views, width), class_ids, weights)
    # One thread: the products are thin, and threads that wait for each other on a busy
    # machine take 20 times as long. The result depends on no number of cores either.
    with threadpool_limits(1), warnings.catch_warnings():
        # Weak penalties end in the noise of float32, at a loss as low as it gets.
        warnings.simplefilter("ignore", ConvergenceWarning)
        penalty, accuracy = _choose_penalty(data, seed)
        kernel, bias = data.solve(np.arange(len(rows)), penalty)
    kernel = kernel / least[:, None]
    bias = bias - scaler.mean_ @ kernel
    return LinearHead(
        kernel.astype(np.float32), bias.astype(np.float32), penalty, accuracy
    )


class _Data(NamedTuple):
    """Standardized features (n, views, d), class numbers (n,) and class weights."""

    values: np.ndarray
    class_ids: np.ndarray
    weights: np.ndarray

    def solve(
        self, rows: np.ndarray, penalty: float, model: LogisticRegression | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fits kernel (d, classes) and bias (classes,) to rows.

        The penalty is the weight of L2 beside the mean loss; the solution of `model`
        is the start, and becomes this one.
        """
        _, views, width = self.values.shape
        kernel = np.zeros((width, len(self.weights)))
        bias = np.full(len(self.weights), _ABSENT)
        present = np.unique(self.class_ids[rows])
        if len(present) == 1:  # there is nothing to tell it from
            bias[present] = 0
            return kernel, bias
        model = model or _logistic_regression()
        targets = self.class_ids[rows].repeat(views)
        model.set_params(C=1 / (penalty * len(targets)))
        seen = self.values[rows].reshape(-1, width)
        model.fit(seen, targets, sample_weight=self.weights[targets])
        found, intercept = model.coef_.T, model.intercept_
        if len(present) == 2:  # one logit, of the second
            found, intercept = found * [-0.5, 0.5], intercept * [-0.5, 0.5]
        kernel[:, present], bias[present] = found, intercept
        return kernel, bias


def _logistic_regression() -> LogisticRegression:
    return LogisticRegression(tol=1e-5, max_iter=_MOST_ITERATIONS, warm_start=True)


def _choose_penalty(data: _Data, seed: int) -> tuple[float, float]:
    """Chooses the penalty of least loss by cross-validation; returns its accuracy too.

    Without two images of a class there is no telling, and the middle one is taken.
    """
    folds = _folds(data.class_ids, seed)
    if not folds:
        return PENALTIES[len(PENALTIES) // 2], math.nan
    tried = _losses(data, folds, PENALTIES)
    while True:
        best = min(tried, key=lambda penalty: tried[penalty][0])
        if best == min(tried) and best > 2 * _LIMITS[0]:
            tried |= _losses(data, folds, [best / factor for factor in _FURTHER])
        elif best == max(tried) and best < _LIMITS[1] / 2:
            tried |= _losses(data, folds, [best * factor for factor in _FURTHER])
        else:
            return best, tried[best][1]


def _losses(
    data: _Data, folds: list[np.ndarray], penalties: tuple[float, ...] | list[float]
) -> dict[float, tuple[float, float]]:
    """Penalty -> mean loss and accuracy of the held-out images' first views."""
    held_out = np.concatenate(folds)
    truth = data.class_ids[held_out]
    logits: dict[float, list[np.ndarray]] = {penalty: [] for penalty in penalties}
    progress = ImageProgress(len(penalties) * len(held_out), "cross-validated")
    for fold in folds:
        rest, model = np.setdiff1d(held_out, fold), _logistic_regression()
        for penalty in sorted(penalties, reverse=True):
            kernel, bias = data.solve(rest, penalty, model)
            logits[penalty].append(data.values[fold, 0] @ kernel + bias)
            progress.on_images(len(fold))
    progress.done()
    found = {}
    for penalty in penalties:
        logs = log_softmax(np.concatenate(logits[penalty]), axis=1)
        loss = -logs[np.arange(len(truth)), truth].mean()
        found[penalty] = float(loss), float((logs.argmax(1) == truth).mean())
    return found


def _folds(class_ids: np.ndarray, seed: int) -> list[np.ndarray]:
    """Splits rows into stratified folds; none where no class has two images."""
    count = min(_NUM_FOLDS, int(np.bincount(class_ids).max()))
    if count < 2 or len(np.unique(class_ids)) < 2:
        return []
    splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of rare classes some folds have none
        warnings.filterwarnings("ignore", "The least populated class")
        return [fold for _, fold in splitter.split(class_ids, class_ids)]


def _thinned(rows: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """Keeps about `most` rows at most, evenly spaced within each class."""
    step = -(-len(rows) // most)
    class_ids = labels[rows].argmax(1)
    kept = [rows[class_ids == number][::step] for number in np.unique(class_ids)]
    return np.sort(np.concatenate(kept))
