"""The page: a folder of models -> report.html, one file that needs no other."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from foldergan import __version__
from foldergan.report import (
    classifier,
    dataset,
    does_it_help,
    generator,
    predictions,
    runs,
    summary,
)
from foldergan.storage import filenames, plots, tables

_TEMPLATES = Path(__file__).parent / "templates"


def _data_uri_of(chart: plots.Chart) -> str:
    text = base64.b64encode(plots.as_svg(chart).encode()).decode()
    return f"data:image/svg+xml;base64,{text}"


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,  # names of classes and files are whatever someone called them
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"percent": summary.percent, "data_uri": _data_uri_of}


def update(model_dir: Path, history: list[dict[str, float]] | None = None) -> None:
    """Writes report.html from what lies in a folder now.

    Args:
        model_dir: folder of the models.
        history: of a classifier that is in training, as of `classifier.section`.

    Raises:
        RunError: the disk refused.
    """
    tables.save_text(model_dir / filenames.REPORT, render(model_dir, history) + "\n")


def render(model_dir: Path, history: list[dict[str, float]] | None = None) -> str:
    """Makes the page.

    Args:
        model_dir: folder of the models.
        history: as of `update`.

    Returns:
        HTML, below 10,000,000 bytes, that refers to nothing outside itself. A part
        whose files are not there is left out; one whose files cannot be read says so.
    """
    sections, problems = [], []
    found: dict[str, Any] = {}
    for name, title, collect in (
        ("dataset", "Data", dataset.section),
        ("classifier", "Classifier", lambda of: classifier.section(of, history or [])),
        ("gan", "GAN", generator.section),
        ("generated", "Generated images", predictions.section),
        ("help", "Gain for a classifier", does_it_help.section),
        ("runs", "Settings and times", runs.section),
    ):
        # Whatever a file has in it, a page to look at is no reason to end a training.
        try:
            found[name] = collect(model_dir)
            if found[name]:
                template = _ENVIRONMENT.get_template(f"{name}.html")
                body = Markup(template.render(section=found[name]))
                short = title.partition(" ")[0]
                sections.append(
                    {"id": name, "title": title, "short": short, "body": body}
                )
        except Exception as error:
            found[name] = None
            problems.append(f"{title}: {str(error).strip() or type(error).__name__}")
    style, script = (
        (_TEMPLATES / name).read_text(encoding="utf-8")
        for name in ("report.css", "report.js")
    )
    return _ENVIRONMENT.get_template("report.html").render(
        title=model_dir.resolve().name,
        verdict=summary.verdict(found),
        facts=summary.facts(found),
        gan=found["gan"],
        running=[run for run in found["runs"] or () if _is_running(run)],
        sections=sections,
        problems=problems,
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _is_running(run: dict[str, Any]) -> bool:
    return bool(run["times"]) and run["times"]["state"] == "running"


def _hash(text: str) -> str:
    """Names a text as a content security policy does: nothing else may run."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
