"""The command `foldergan`, and whole commands to give next, as this one was given."""

import argparse
import contextlib
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from foldergan import __version__
from foldergan.config.presets import Preset, find_preset, recall
from foldergan.errors import InputError

_PROGRAM = "foldergan"


class Subcommand(NamedTuple):
    """What a subcommand of `foldergan` runs."""

    script: str  # such as GANModel
    about: str  # a line for --help
    flag: str = ""  # that the script is given before all others


SUBCOMMANDS = {
    "train": Subcommand("TrainModel", "train the classifier"),
    "draw": Subcommand("GANModel", "train the GAN"),
    "predict": Subcommand("GeneratePredict", "generate images and classify them"),
    "inspect": Subcommand("TrainModel", "say what a dataset holds", "--inspect"),
    "classify": Subcommand("GeneratePredict", "classify real images", "--classify"),
}
_IN_A_SENTENCE = re.compile(r"python (TrainModel|GANModel|GeneratePredict)\.py\b")


def main() -> None:
    """Runs the script of a subcommand in this process, with the words after it."""
    width = max(map(len, SUBCOMMANDS))
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="A folder of images in, new images out, each one classified.",
        epilog="commands:\n"
        + "\n".join(f"  {n:{width}}  {s.about}" for n, s in SUBCOMMANDS.items())
        + f"\n\n{_PROGRAM} COMMAND --help lists the flags of one",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"{_PROGRAM} {__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("command", choices=SUBCOMMANDS, metavar="COMMAND")
    command, words = parser.parse_args(sys.argv[1:2]).command, sys.argv[2:]
    script, _, flag = SUBCOMMANDS[command]
    asks_for_help = {"-h", "--help"} & set(words)
    flags = [flag] if flag and not asks_for_help else []
    sys.argv = [f"{_PROGRAM} {command}", *flags, *words]
    runpy.run_module(script, run_name="__main__")


def this_script() -> str:
    """Names the script that runs, such as GANModel."""
    if subcommand := _subcommand():
        return SUBCOMMANDS[subcommand].script
    return Path(sys.argv[0]).stem


def of(script: str, **more: Any) -> str:
    """Writes the command of a script, to follow this one in the same folders.

    The seed and the folders that were given are given again; a preset is named only
    where the model folder does not remember it. More flags, by their names, replace
    those that were given.
    """
    given = vars(peek("preset", "dataset", "data_dir", "model_dir", "seed"))
    if script != "TrainModel":
        del given["dataset"]  # the arrays are made
    flags = given | more
    own_dir, its_dir = (Path(x["model_dir"] or "model") for x in (given, flags))
    flags["preset"] = _preset_to_name(given["preset"], own_dir, script, its_dir)
    words = _beginning(script)
    for name, value in flags.items():
        if value is not None:
            flag, text = flag_of(name), str(value)
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return _join(words)


def again(*more: str) -> str:
    """Writes the command that was given, with further flags that have no value."""
    given = sys.argv[1:]
    new = [flag for flag in map(flag_of, more) if flag not in given]
    return _join([*_beginning(this_script()), *given, *new])


def completed(sentence: str) -> str:
    """Replaces each `python GANModel.py` in a sentence by the whole command.

    The library names scripts alone: it does not know how they are called.
    """
    return _IN_A_SENTENCE.sub(lambda found: of(found[1]), sentence)


def peek(*names: str) -> argparse.Namespace:
    """Reads a few flags with values ahead of all others; None where not given."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in names:
        parser.add_argument(flag_of(name), nargs="?")
    return parser.parse_known_args()[0]


def flag_of(name: str) -> str:
    """Writes an option's or a setting's name as its flag."""
    return "--" + name.replace("_", "-")


def _subcommand() -> str | None:
    program, _, name = sys.argv[0].partition(" ")
    return name if program == _PROGRAM and name in SUBCOMMANDS else None


def _beginning(script: str) -> list[str]:
    if _subcommand():
        names = (name for name, each in SUBCOMMANDS.items() if each.script == script)
        return [_PROGRAM, next(names)]
    python = next(iter(sys.orig_argv), "python")
    return [python, os.path.join(os.path.dirname(sys.argv[0]), f"{script}.py")]


def _preset_to_name(
    given: str | None, model_dir: Path, script: str, its_model_dir: Path
) -> str | None:
    """Tells the --preset that another script needs; None where its folder has it."""
    own = _recall(model_dir, this_script())
    if given:
        with contextlib.suppress(ValueError):
            own = find_preset(given)
    if own is None or own.is_like(_recall(its_model_dir, script)):
        return None
    # Of a remembered .toml file nobody knows where it lies.
    return given or (own.name if own.toml is None else None)


def _recall(model_dir: Path, script: str) -> Preset | None:
    with contextlib.suppress(InputError):
        recorded = recall(model_dir, script)
        return recorded and recorded[0]
    return None


def _join(words: list[str]) -> str:
    """Quotes words for the shell of this system."""
    if sys.platform == "win32":
        return subprocess.list2cmdline(words)
    return shlex.join(words)
