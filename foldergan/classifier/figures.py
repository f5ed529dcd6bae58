"""Figures of a classifier's answers that unbalanced classes do not flatter.

Values are scikit-learn's. Each has an interval of 95 %: Wilson's for a fraction of
images; for balanced accuracy the classes' Wilson intervals together (Zou and Donner,
Construction of Confidence Intervals About Functions of Parameters, 2008); DeLong's for
the area under the curve (DeLong et al., Comparing the Areas Under Correlated ROC
Curves, 1988), and in the same way for F1: by what each image adds. They tell how a
figure varies from one set of such images to another, not from one training to another.
An area or an F1 of 0 or 1 has no interval: the images cannot tell.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binomtest, norm, rankdata
from sklearn.metrics import confusion_matrix

from foldergan.classifier import evaluation

_UNBALANCED = 3  # times as many images in one class as in another
_LEVEL = 0.95
_BINS = 10  # of confidence
_LEAST_VARIANCE = 1e-12  # of an area or an F1; below it is rounding

Row = dict[str, Any]  # of a table; None where there is nothing to measure


class Figures(NamedTuple):
    """What a classifier's answers to some images are worth.

    Attributes:
        total: `pictures`, loss, headline ("accuracy" or "balanced_accuracy"), accuracy,
            balanced_accuracy, precision, f1 and roc_auc (means of the classes that have
            images), calibration_error, confidence; all 0-1 but the loss. Most have
            a low and a high end too, such as accuracy_low.
        classes: a row a class: class, `pictures`, predicted, recall, precision, f1 and
            roc_auc, with low and high ends.
        reliability: a row a bin of confidence, low to high: low, high, `pictures`,
            confidence and accuracy, the latter with low and high ends.
        matrix: int64 (classes, classes), true class down, predicted across.
    """

    total: Row
    classes: list[Row]
    reliability: list[Row]
    matrix: np.ndarray


def measure(
    labels: np.ndarray, probabilities: np.ndarray, class_names: list[str]
) -> Figures:
    """Measures a classifier by its answers, with intervals.

    Args:
        labels: one-hot array (n, classes) of at least one image.
        probabilities: of shape (n, classes), 0-1.
        class_names: in the columns' order.
    """
    truth, predicted = labels.argmax(1), probabilities.argmax(1)
    matrix = confusion_matrix(truth, predicted, labels=range(len(class_names)))
    counts = matrix.sum(1)
    by_class = _rows_of_classes(matrix, class_names)
    f1_of_all = _add_f1(by_class, truth, predicted, matrix)
    auc_of_all = _add_auc(by_class, truth, probabilities)
    present = [row for row in by_class if row["pictures"]]
    ratio = counts.max() / counts[counts > 0].min()
    confidences = probabilities.max(1).astype(float)
    reliability = _reliability(confidences, predicted == truth)
    off = sum(
        row["pictures"] * abs(row["confidence"] - row["accuracy"])
        for row in reliability
        if row["pictures"]
    )
    total = {
        "pictures": len(truth),
        "loss": evaluation.evaluate(labels, probabilities)["loss"],
        "headline": "balanced_accuracy" if ratio >= _UNBALANCED else "accuracy",
        **_fraction("accuracy", int(matrix.trace()), len(truth)),
        **_mean_of("balanced_accuracy", "recall", present),
        "precision": float(np.mean([row["precision"] or 0 for row in present])),
        **f1_of_all,
        **auc_of_all,
        "calibration_error": off / len(truth),
        "confidence": float(confidences.mean()),
    }
    return Figures(total, by_class, reliability, matrix)


def part_as_text(part: str, total: Row) -> str:
    """Writes one line of `Figures.total` of a part, the headline first."""
    words = [f"{part:<10}  loss {total['loss']:.3f}"]
    names = ["accuracy", "balanced_accuracy"]
    for name in sorted(names, key=lambda name: name != total["headline"]):
        text = f"{name.replace('_', ' ')} {_percent(total, name)}"
        if name == total["headline"]:
            text += f" of {total['pictures']}"
        words.append(text)
    return "  ".join(words)


def as_text(figures: Figures) -> str:
    """Writes a table of the classes, and in sentences what it alone would hide."""
    classes = [row for row in figures.classes if row["pictures"]]
    width = max(len(name) for name in [*(row["class"] for row in classes), "mean"])
    mean = figures.total | {"class": "mean"}
    for end in ("", "_low", "_high"):
        mean[f"recall{end}"] = mean[f"balanced_accuracy{end}"]
    lines = [
        f"{'class':<{width}}  images  {'recall':<20}  {'precision':<20}  "
        f"{'F1':<19}  ROC AUC"
    ]
    lines += [
        f"{row['class']:<{width}}  {row['pictures']:>6}  {_percent(row, 'recall'):<20}"
        f"  {_percent(row, 'precision'):<20}  {_decimal(row, 'f1'):<19}  "
        f"{_decimal(row, 'roc_auc')}".rstrip()
        for row in [*classes, mean]
    ]
    return "\n".join([*lines, *_remarks(figures)])


def _remarks(figures: Figures) -> list[str]:
    total, remarks = figures.total, []
    for row in figures.classes:
        if not row["pictures"]:
            remarks.append(
                f"note: none of these images is of {row['class']}; nothing is measured "
                "of it"
            )
        elif not row["predicted"]:
            remarks.append(
                f"warning: {row['class']} is never predicted; its {row['pictures']} "
                "images are classified as others"
            )
    if total["headline"] == "balanced_accuracy":
        counts = [row["pictures"] for row in figures.classes if row["pictures"]]
        remarks.append(
            f"classes have {min(counts)} to {max(counts)} images: balanced accuracy "
            "counts each class alike, where accuracy counts the largest most"
        )
    off = total["confidence"] - total["accuracy"]
    tendency = "overconfident" if off > 0 else "underconfident"
    remarks.append(
        f"calibration: mean confidence {total['confidence']:.1%}, right "
        f"{total['accuracy']:.1%}; expected calibration error "
        f"{total['calibration_error']:.1%}"
        + (f", {tendency}" if abs(off) >= 0.02 else "")
    )
    return remarks


def _rows_of_classes(matrix: np.ndarray, class_names: list[str]) -> list[Row]:
    rows = []
    for number, name in enumerate(class_names):
        images, predicted = int(matrix[number].sum()), int(matrix[:, number].sum())
        right = int(matrix[number, number])
        rows.append(
            {"class": name, "pictures": images, "predicted": predicted}
            | _fraction("recall", right, images)
            | _fraction("precision", right, predicted)
        )
    return rows


def _add_f1(
    rows: list[Row], truth: np.ndarray, predicted: np.ndarray, matrix: np.ndarray
) -> Row:
    """Adds F1 to the rows of classes, and returns the mean of those with images."""
    counts, sums = matrix.sum(1), matrix.sum(1) + matrix.sum(0)
    found = 2 * matrix.diagonal() / sums.clip(1)
    # What each image adds to the F1 of the class that it is predicted as.
    components = (2 * (truth == predicted) - found[predicted]) / sums[predicted]
    for number, row in enumerate(rows):
        row |= _named("f1", None)
        if counts[number]:
            variance = _variance(components * (predicted == number), truth, counts)
            row |= _with_ends("f1", float(found[number]), variance)
    present = counts > 0
    components *= present[predicted] / present.sum()
    mean = float(found[present].mean())
    return _with_ends("f1", mean, _variance(components, truth, counts))


def _add_auc(rows: list[Row], truth: np.ndarray, probabilities: np.ndarray) -> Row:
    """Adds areas under ROC curves, each class against the rest; returns their mean.

    The variance within each true class is that of the areas' components of DeLong.
    """
    counts = np.bincount(truth, minlength=len(rows))
    sums, areas = np.zeros(len(truth)), []
    for number, row in enumerate(rows):
        row |= _named("roc_auc", None)
        if 0 < counts[number] < len(truth):
            scores = probabilities[:, number]
            components, area = _auc_components(truth == number, scores)
            sums += components
            areas.append(area)
            row |= _with_ends("roc_auc", area, _variance(components, truth, counts))
    if not areas:
        return _named("roc_auc", None)
    variance = _variance(sums / len(areas), truth, counts)
    return _with_ends("roc_auc", float(np.mean(areas)), variance)


def _auc_components(
    is_positive: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, float]:
    """Returns what each image adds to the area where it counts once more, and it."""
    components, ranks = np.empty(len(scores)), rankdata(scores)
    positives, negatives = is_positive.sum(), (~is_positive).sum()
    above = ranks[is_positive] - rankdata(scores[is_positive])
    below = ranks[~is_positive] - rankdata(scores[~is_positive])
    components[is_positive] = above / negatives / positives
    components[~is_positive] = (1 - below / positives) / negatives
    return components, float(above.mean() / negatives)


def _variance(components: np.ndarray, truth: np.ndarray, counts: np.ndarray) -> float:
    """Sums the variance within each class, of as many images as it has."""
    means = np.bincount(truth, components, len(counts)) / counts.clip(1)
    squares = np.bincount(truth, (components - means[truth]) ** 2, len(counts))
    return float((squares * counts / (counts - 1).clip(1)).sum())


def _with_ends(name: str, value: float, variance: float) -> Row:
    """Names an area or an F1 and its ends, on the scale of its log-odds."""
    if value in (0, 1) or variance < _LEAST_VARIANCE:
        return _named(name, value)
    apart = norm.ppf((1 + _LEVEL) / 2) * np.sqrt(variance) / (value * (1 - value))
    low, high = expit(logit(value) + apart * np.array([-1, 1])).tolist()
    return _named(name, value, low, high)


def _reliability(confidences: np.ndarray, is_right: np.ndarray) -> list[Row]:
    """Compares confidence with accuracy, in bins of equal width.

    Guo et al., On Calibration of Modern Neural Networks, 2017.
    """
    bins = (confidences * _BINS).astype(int).clip(0, _BINS - 1)
    rows = []
    for number in range(_BINS):
        some = bins == number
        images = int(some.sum())
        row: Row = {"low": number / _BINS, "high": (number + 1) / _BINS}
        row["pictures"] = images
        row["confidence"] = float(confidences[some].mean()) if images else None
        rows.append(row | _fraction("accuracy", int(is_right[some].sum()), images))
    return rows


def _fraction(name: str, count: int, total: int) -> Row:
    """Names a fraction and the ends of Wilson's interval."""
    if not total:
        return _named(name, None)
    interval = binomtest(count, total).proportion_ci(_LEVEL, "wilson")
    return _named(name, count / total, float(interval.low), float(interval.high))


def _mean_of(name: str, of: str, rows: list[Row]) -> Row:
    """Names the mean of independent fractions, and the ends that theirs make."""
    value, low, high = (
        np.array([row[f"{of}{end}"] for row in rows]) for end in ("", "_low", "_high")
    )
    mean = value.mean()
    below, above = (
        np.sqrt(((value - end) ** 2).sum()) / len(rows) for end in (low, high)
    )
    return _named(name, float(mean), float(mean - below), float(mean + above))


def _named(
    name: str, value: float | None, low: float | None = None, high: float | None = None
) -> Row:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _percent(row: Row, name: str) -> str:
    """Writes a fraction as "91.4% (88.0-94.1%)"."""
    if row[name] is None:
        return "never predicted"
    text = f"{row[name]:.1%}"
    if row.get(f"{name}_low") is not None:
        text += f" ({100 * row[f'{name}_low']:.1f}-{row[f'{name}_high']:.1%})"
    return text


def _decimal(row: Row, name: str) -> str:
    """Writes a figure as "0.914 (0.880-0.941)"; nothing for None."""
    if row[name] is None:
        return ""
    text = f"{row[name]:.3f}"
    if row[f"{name}_low"] is not None:
        text += f" ({row[f'{name}_low']:.3f}-{row[f'{name}_high']:.3f})"
    return text
