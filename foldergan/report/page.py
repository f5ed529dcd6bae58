"""The page: a folder of models -> report.html, one file that needs no other."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from foldergan import __version__
from foldergan.report import classifier, dataset, generator, predictions, runs
from foldergan.storage import filenames, plots, tables

_TEMPLATES = Path(__file__).parent / "templates"


def _data_uri_of(chart: plots.Chart) -> str:
    text = base64.b64encode(plots.as_svg(chart).encode()).decode()
    return f"data:image/svg+xml;base64,{text}"


def _percent(fraction: float) -> str:
    """Writes a fraction in percent, such as 84 % or 90.6 %."""
    return f"{100 * fraction:.3g}\u00a0%"


def environment(is_html: bool) -> jinja2.Environment:
    """Opens the templates; HTML escapes names, which are whatever someone chose."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=is_html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_ENVIRONMENT = environment(is_html=True)
_ENVIRONMENT.filters |= {"percent": _percent, "data_uri": _data_uri_of}


def update(model_dir: Path, history: list[dict[str, float]] | None = None) -> None:
    """Writes report.html from what lies in a folder now; see `render`.

    Raises:
        RunError: the disk refused.
    """
    tables.save_text(model_dir / filenames.REPORT, render(model_dir, history) + "\n")


def render(model_dir: Path, history: list[dict[str, float]] | None = None) -> str:
    """Makes the page of a folder of models; see `classifier.section` of `history`.

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
        ("help", "Gain for a classifier", predictions.gain),
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
        verdict=verdict(found),
        facts=facts(found),
        gan=found["gan"],
        running=[
            run
            for run in found["runs"] or ()
            if run["times"] and run["times"]["state"] == "running"
        ],
        sections=sections,
        problems=problems,
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    """Names a text as a content security policy does: nothing else may run."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


# The head of the page.


def verdict(found: dict[str, Any]) -> Markup:
    """Writes one sentence on what the sections of the page found, by their names."""
    times = {run["script"]: run["times"] for run in found["runs"] or () if run["times"]}
    clauses = [
        _dataset(found["dataset"]),
        _classifier(found["classifier"]),
        _gan(found, times.get("GANModel"), times.get("GeneratePredict")),
    ]
    sentence = Markup("; ").join(clause for clause in clauses if clause)
    return sentence[:1].upper() + sentence[1:] + "." if sentence else sentence


def facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Names preset, date and duration of what ran."""
    ran = found["runs"] or []
    presets = {run["script"]: run["preset"] for run in ran if "preset" in run}
    names = list(dict.fromkeys(presets.values()))
    timed = [run for run in ran if run["times"]]
    if len(names) > 1:
        names = [f"{preset} ({script})" for script, preset in presets.items()]
    facts = [("Preset", ", ".join(names))] if names else []
    if timed:
        newest = max(timed, key=lambda run: run["times"]["at"])
        facts.append(("Date", newest["times"]["date"]))
        seconds = sum(run["times"]["seconds"] for run in timed)
        facts.append(("Duration", runs.duration(seconds)))
    return facts


def _dataset(of: dict[str, Any] | None) -> Markup | None:
    if not of:
        return None
    classes = f" in {of['num_classes']} classes" if of["num_classes"] > 1 else ""
    return _bold(f"{of['total']:,} images") + classes


def _classifier(of: dict[str, Any] | None) -> Markup | None:
    if not of:
        return None
    matrix = of.get("confusions")
    if of["is_training"] or not matrix:
        state = "in training" if of["is_training"] else "trained"
        return Markup("classifier {}, epoch {}").format(state, of["epochs"])
    images = "held-out images" if matrix["is_held_out"] else "its training images"
    accuracy = _bold(_percent(matrix["right"] / matrix["total"]))
    if of["headline"] == "balanced_accuracy":
        accuracy = _bold(_percent(of["figures"]["balanced_accuracy"]))
        accuracy += " balanced accuracy"
    return Markup("classifier {} on {}").format(accuracy, images)


def _gan(
    found: dict[str, Any],
    times: dict[str, Any] | None,
    times_of_drawing: dict[str, Any] | None,
) -> Markup | None:
    gan, drawn = found["gan"], found["generated"]
    if not gan:
        return None
    length = f"{gan['epochs']} epoch{'s' if gan['epochs'] > 1 else ''}"
    if times:
        length = times["took"].replace(" ", "\u00a0")
    if times and times["state"] == "running":
        return Markup("GAN in training, epoch {} after {}").format(
            gan["epochs"], length
        )
    after = f"after {length} of GAN training"
    # Images of before this training ended say nothing about it.
    is_current = times and times_of_drawing and times_of_drawing["at"] >= times["at"]
    if drawn and is_current and drawn["as_intended"] is not None:
        return Markup("{} {} of generated images are recognised as intended").format(
            after, _bold(_percent(drawn["as_intended"]))
        )
    if best := gan["best"]:
        return Markup("{} the best checkpoint, epoch {}, has a {}").format(
            after, best["epoch"], _bold(f"KID of {best['kernel_distance']:.3g}")
        )
    return Markup("GAN trained for {}").format(length)


def _bold(text: str) -> Markup:
    return Markup("<b>{}</b>").format(text)
