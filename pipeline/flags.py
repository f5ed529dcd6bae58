"""A command line -> one preset, checked, before anything heavy is imported."""

import argparse
from dataclasses import fields, replace
from pathlib import Path

from pipeline.presets import PRESETS, Preset, check_value


class Parser(argparse.ArgumentParser):
    """An argument parser that knows presets.

    Each field of the named sections becomes a flag whose default is the value
    in the preset that the command line names.

    Args:
        summary: first line of ``--help``.
        sections: the parts of the preset that this script uses.
    """

    def __init__(self, summary: str, sections: tuple[str, ...]):
        super().__init__(
            description=summary,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
        )
        self._sections = sections
        known = "; ".join(f"{p.name}: {p.description}" for p in PRESETS.values())
        self.add_argument("--preset", choices=PRESETS, default="dcgan-32", help=known)
        self._preset = self._named_preset()
        self.add_argument(
            "--data-dir",
            type=Path,
            default=Path(),
            help="folder of img_data.txt.npy and img_label.txt.npy",
        )
        self.add_argument(
            "--model-dir", type=Path, default=Path("model"), help="folder of the models"
        )
        self.add_argument(
            "--seed",
            type=_explaining(_seed),
            default=self._preset.seed,
            help="same seed, same files",
        )
        for section in sections:
            group = self.add_argument_group(section)
            for declared in fields(getattr(self._preset, section)):
                self._add_setting(group, section, declared)

    def parse(self) -> tuple[argparse.Namespace, Preset]:
        """Parses and checks; a wrong flag ends the process with code 2.

        Returns:
            The flags, and the preset with every given field replaced. A field
            that was not given is no attribute of the flags.
        """
        options = self.parse_args()
        given = vars(options)
        try:
            sections = {}
            for name in self._sections:
                section = getattr(self._preset, name)
                changed = {
                    f.name: given[f.name] for f in fields(section) if f.name in given
                }
                sections[name] = replace(section, **changed)
            preset = replace(self._preset, seed=options.seed, **sections)
        except ValueError as error:  # a rule over more than one field
            self.error(str(error))
        return options, preset

    def _named_preset(self) -> Preset:
        """Finds the preset first, for the other flags' defaults hang on it."""
        peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        peek.add_argument("--preset", nargs="?")
        name = peek.parse_known_args()[0].preset
        return PRESETS.get(name, PRESETS["dcgan-32"])  # parse() reports a wrong name

    def _add_setting(self, group, section, declared):
        def parse(text):
            value = declared.metadata["parse"](text)
            check_value(declared, value)
            return value

        default = _as_text(getattr(getattr(self._preset, section), declared.name))
        group.add_argument(
            "--" + declared.name.replace("_", "-"),
            type=_explaining(parse),
            default=argparse.SUPPRESS,
            metavar=declared.name.rsplit("_", 1)[-1].upper(),
            help=f"{declared.metadata['help']} (default: {default})",
        )


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < 2**31:
        raise ValueError(f"must be from 0 to 2147483647, not {seed}")
    return seed


def _as_text(value) -> str:
    """Writes a value as its flag would take it."""
    if not isinstance(value, tuple):
        return str(value)
    return ("x" if len(value) == 3 else ",").join(map(str, value))


def _explaining(parse):
    """Lets argparse show a ValueError's own sentence instead of its own."""

    def parse_or_explain(text):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_or_explain
