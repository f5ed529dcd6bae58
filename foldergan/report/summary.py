"""The head of the page: one sentence on what there is, and how it was made."""

from typing import Any

from markupsafe import Markup

from foldergan.report import runs


def percent(fraction: float) -> str:
    """Writes a fraction in percent, such as 84 % or 90.6 %."""
    return f"{100 * fraction:.3g}\u00a0%"


def verdict(found: dict[str, Any]) -> Markup:
    """Writes one sentence on dataset, classifier and generator, as far as they are.

    Args:
        found: name of each section of the page -> what it collected, or None.
    """
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
    accuracy = _bold(percent(matrix["right"] / matrix["total"]))
    if of["headline"] == "balanced_accuracy":
        accuracy = _bold(percent(of["figures"]["balanced_accuracy"]))
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
            after, _bold(percent(drawn["as_intended"]))
        )
    if best := gan["best"]:
        return Markup("{} the best checkpoint, epoch {}, has a {}").format(
            after, best["epoch"], _bold(f"KID of {best['kernel_distance']:.3g}")
        )
    return Markup("GAN trained for {}").format(length)


def _bold(text: str) -> Markup:
    return Markup("<b>{}</b>").format(text)
