"""A model card: README.md of a folder of models, for whoever receives the folder.

It is laid out as the Hugging Face Hub expects it: YAML between two lines of dashes,
then Markdown. It never replaces what a person has written or changed.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from foldergan import __version__
from foldergan.errors import ForeseenError
from foldergan.report import dataset, generator, page, runs
from foldergan.storage import filenames, run_directory, tables
from foldergan.storage.run_directory import RunDirectory

_MARK = (
    "<!-- Written anew by each run, unless something here is changed: {digest} -->\n"
)
# Columns of the table of the classifier, as percentages.
_PERCENTAGES = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "calibration_error")
_PUNCTUATION = re.compile(r"([\\`*_\[\]{}|<>&#~$])")


def _escaped(text: str) -> str:
    """Writes names, which are whatever someone called them, as plain Markdown."""
    return _PUNCTUATION.sub(r"\\\1", text)


_ENVIRONMENT = page.environment(is_html=False)
_ENVIRONMENT.filters["escaped"] = _escaped


def update(model_dir: Path) -> None:
    """Writes README.md from what lies in a folder now, unless a person changed it.

    Raises:
        RunError: the disk refused.
    """
    path = model_dir / filenames.CARD
    try:
        if path.exists() and not _is_ours(path):
            print(
                f"{path} is yours, not a model card of these scripts; it is left alone"
            )
            return
        text = render(model_dir)
    except ForeseenError:
        raise
    except Exception as error:  # no card is a reason to end a training
        reason = str(error).strip() or type(error).__name__
        print(f"warning: no model card was written to {path}: {reason}")
        return
    tables.save_text(path, text + _MARK.format(digest=_digest_of(text)))


def render(model_dir: Path) -> str:
    """Makes the card, in Markdown; it leaves out what is not known."""
    classifier_preset, gan_preset = (
        runs.record_of(model_dir, script).get("preset")
        for script in ("TrainModel", "GANModel")
    )
    found = dataset.section(model_dir)
    text = _ENVIRONMENT.get_template("card.md").render(
        title=model_dir.resolve().name,
        version=__version__,
        dataset=found,
        is_cifar10=found is not None and found["source"] == "CIFAR-10",
        classifier=_classifier(model_dir, classifier_preset),
        gan=_gan(model_dir, gan_preset),
        metrics=generator.METRICS,
        runs=runs.section(model_dir),
    )
    return text.strip() + "\n\n"


def _classifier(
    model_dir: Path, preset: dict[str, Any] | None
) -> dict[str, Any] | None:
    names = tables.load_json(model_dir / filenames.CLASS_NAMES)
    if preset is None or names is None:
        return None
    return preset["data"] | {
        "num_classes": len(names),
        "is_sigmoid": preset["classifier"]["output"] == "sigmoid",
        "figures": [
            row | {name: _with_ends(row, name) for name in _PERCENTAGES}
            for row in tables.load_csv(model_dir / filenames.CLASSIFIER_EVALUATION)
        ],
        "never_predicted": _never_predicted(model_dir),
    }


def _with_ends(row: dict[str, str], name: str) -> str:
    """Writes a figure as "91.4 % (88.0 to 94.1)"; nothing where there is none."""
    values = [row.get(f"{name}{end}") for end in ("", "_low", "_high")]
    percentages = [f"{100 * float(value):.1f}" for value in values if value]
    if not percentages:
        return ""
    ends = f" ({percentages[1]} to {percentages[2]})" if percentages[1:] else ""
    return f"{percentages[0]} %{ends}"


def _never_predicted(model_dir: Path) -> list[str]:
    """Names the classes that no image of the last part is classified as."""
    rows = tables.load_csv(model_dir / filenames.CLASSIFIER_CLASSES)
    return [
        row["class"]
        for row in rows
        if row["part"] == rows[-1]["part"]
        and row["predicted"] == "0"
        and row["pictures"] != "0"
    ]


def _gan(model_dir: Path, preset: dict[str, Any] | None) -> dict[str, Any] | None:
    if preset is None:
        return None
    figures = tables.load_json(model_dir / filenames.BEST_FIGURES)
    newest_first = reversed(RunDirectory(model_dir).generators())
    best_first = (filenames.BEST_GENERATOR, "generator.h5")
    candidates = [*(model_dir / name for name in best_first), *newest_first]
    of_this_training = (
        path.name
        for path in candidates
        if path.is_file() and not run_directory.is_of_another_training(path)
    )
    return preset["gan"] | {
        "figures": figures,
        "file": next(of_this_training, None),
        "has_classes": preset["gan"]["conditioning"] == "class",
    }


def _is_ours(path: Path) -> bool:
    """Tells whether a file is a card as it was written, to the letter."""
    text, _, mark = path.read_text(encoding="utf-8", errors="replace").rpartition(
        "<!--"
    )
    return f"<!--{mark}" == _MARK.format(digest=_digest_of(text))


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()
