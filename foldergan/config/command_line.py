"""A command line -> one preset, checked, before anything heavy is imported."""

import argparse
from dataclasses import fields, replace
from pathlib import Path

from foldergan.config.fields import as_text, check_value
from foldergan.config.presets import PRESETS, Preset, find_preset
from foldergan.config.settings import overridden


class Parser(argparse.ArgumentParser):
    """An argument parser that knows presets.

    Each field of the named sections becomes a flag whose default is the value
    in the preset that the command line names.

    Args:
        summary: first line of ``--help``.
        sections: the parts of the preset that this script uses.
    """

    def __init__(self, summary: str, sections: tuple[str, ...]):
        super().__init__(description=summary, allow_abbrev=False)
        self._sections = sections
        known = "; ".join(f"{p.name}: {p.description}" for p in PRESETS.values())
        self.add_argument(
            "--preset",
            default="dcgan-32",
            help=f"{known}; or the path of a .toml file (default: dcgan-32)",
        )
        self._preset = self._named_preset()
        self.add_argument(
            "--data-dir",
            type=Path,
            default=Path(),
            help="folder of img_data.txt.npy and img_label.txt.npy (default: .)",
        )
        self.add_argument(
            "--model-dir",
            type=Path,
            default=Path("model"),
            help="folder of the models (default: model)",
        )
        self.add_argument(
            "--seed",
            type=int,
            default=self._preset.seed,
            help=f"same seed, same files (default: {self._preset.seed})",
        )
        for section in sections:
            group = self.add_argument_group(section)
            for declared in fields(getattr(self._preset, section)):
                self._add_setting(group, section, declared)

    def add_dataset_flags(self) -> None:
        """Adds the flags of a script that makes the arrays from pictures."""
        self.add_argument(
            "--dataset",
            type=Path,
            help="folder with one folder a class (default: dataset)",
        )
        self.add_argument(
            "--strict", action="store_true", help="stop at the first unreadable file"
        )

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
                sections[name] = overridden(section, changed)
            preset = replace(self._preset, seed=options.seed, **sections)
        except ValueError as error:  # a rule over more than one field
            self.error(str(error))
        return options, preset

    def _named_preset(self) -> Preset:
        """Finds the preset first, for the other flags' defaults hang on it."""
        peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        peek.add_argument("--preset", nargs="?")
        name = peek.parse_known_args()[0].preset
        try:
            return find_preset("dcgan-32" if name is None else name)
        except ValueError as error:
            self.error(f"argument --preset: {error}")

    def _add_setting(self, group, section, declared):
        def parse(text):
            value = declared.metadata["parse"](text)
            check_value(declared, value)
            return value

        value = getattr(getattr(self._preset, section), declared.name)
        default = as_text(declared, value)
        group.add_argument(
            "--" + declared.name.replace("_", "-"),
            type=_explaining(parse),
            default=argparse.SUPPRESS,
            metavar=declared.name.rsplit("_", 1)[-1].upper(),
            help=f"{declared.metadata['help']} (default: {default})",
        )


def _explaining(parse):
    """Lets argparse show a ValueError's own sentence instead of its own."""

    def parse_or_explain(text):
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_or_explain
