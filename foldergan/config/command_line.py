"""A command line -> one preset, checked, before anything heavy is imported."""

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foldergan.config import checks, fields
from foldergan.config.groups import GROUPS
from foldergan.config.presets import PRESETS, Preset, find_preset


class Parser(argparse.ArgumentParser):
    """An argument parser that knows presets.

    Each field of the named sections becomes a flag whose default is the value
    in the preset that the command line names.

    Args:
        about: the script's docstring: a summary, a blank line, then what ``--help``
            ends with, such as examples.
        sections: the parts of the preset that this script uses.
    """

    def __init__(self, about: str, sections: tuple[str, ...]) -> None:
        summary, _, examples = about.partition("\n\n")
        super().__init__(
            description=summary,
            epilog=f"examples and files:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._sections = sections
        self._titled = {title: self.add_argument_group(title) for title in GROUPS}
        known = "; ".join(f"{p.name}: {p.description}" for p in PRESETS.values())
        self.add_argument(
            "--preset",
            default="dcgan-32",
            metavar="NAME|FILE",
            help=f"{known}; or the path of a .toml file (default: dcgan-32)",
        )
        self._preset = self._named_preset()
        self.add_argument(
            "--seed",
            type=int,
            default=self._preset.seed,
            metavar="N",
            help=f"same seed, same files (default: {self._preset.seed})",
        )
        self.add_option(
            "data",
            "--data-dir",
            type=Path,
            default=Path(),
            metavar="DIR",
            help="folder of img_data.txt.npy and img_label.txt.npy (default: .)",
        )
        self.add_option(
            "output",
            "--model-dir",
            type=Path,
            default=Path("model"),
            metavar="DIR",
            help="folder of the models (default: model)",
        )
        for section in sections:
            for declared in dataclasses.fields(getattr(self._preset, section)):
                self._add_setting(section, declared)

    def add_option(self, group: str, flag: str, **how: Any) -> None:
        """Adds a flag that is no setting of a preset under one of `GROUPS`."""
        self._titled[group].add_argument(flag, **how)

    def add_onnx_flag(self, networks: str) -> None:
        """Adds the flag of a script that writes ONNX files.

        Args:
            networks: that it writes, as its help names them.
        """
        self.add_option(
            "output",
            "--export-onnx",
            action="store_true",
            help=f"also save {networks} for ONNX Runtime; needs more packages, see "
            "requirements-optional.txt",
        )

    def add_training_flags(self) -> None:
        """Adds the flags of a script that makes the arrays from images, and trains."""
        self.add_option(
            "data",
            "--dataset",
            type=Path,
            metavar="DIR",
            help="folder with one folder a class (default: dataset)",
        )
        self.add_option(
            "data",
            "--strict",
            action="store_true",
            help="stop at the first unreadable file",
        )
        self.add_option(
            "output",
            "--tensorboard",
            action="store_true",
            help="also log figures and grids for TensorBoard; needs more packages, see "
            "requirements-optional.txt",
        )

    def parse(self) -> tuple[argparse.Namespace, Preset]:
        """Parses and checks; a wrong flag ends the process with code 2.

        Returns:
            The flags, and the preset with every given field replaced. A field
            that was not given is no attribute of the flags.
        """
        options = self.parse_args()
        try:
            sections = {}
            for name in self._sections:
                section = getattr(self._preset, name)
                names = {field.name for field in dataclasses.fields(section)}
                given = {k: v for k, v in vars(options).items() if k in names}
                sections[name] = section.override(given)
            preset = dataclasses.replace(self._preset, seed=options.seed, **sections)
            preset.check(self._sections)
        except ValueError as error:  # a rule over more than one field
            self.error(f"{error}{advice(getattr(error, 'options', ()))}")
        idle = [
            flag_of(setting)
            for name, section in sections.items()
            for setting in checks.idle_settings(name, section)
            if hasattr(options, setting)
        ]
        if idle:
            print(f"note: a backbone leaves {', '.join(idle)} without effect")
        return options, preset

    def _named_preset(self) -> Preset:
        """Finds the preset first, for the other flags' defaults depend on it."""
        peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        peek.add_argument("--preset", nargs="?")
        name = peek.parse_known_args()[0].preset
        try:
            return find_preset("dcgan-32" if name is None else name)
        except ValueError as error:
            self.error(f"argument --preset: {error}")

    def _add_setting(self, section: str, declared: dataclasses.Field[Any]) -> None:
        about = declared.metadata
        kind = fields.kind_of(declared)
        metavar = about["metavar"] or kind.metavar
        help = about["help"]
        if about["choices"] and kind.separator:
            help += f"; of {', '.join(about['choices'])}"
        elif about["choices"]:
            metavar = f"{{{','.join(about['choices'])}}}"
        value = getattr(getattr(self._preset, section), declared.name)
        self._titled[about["group"]].add_argument(
            flag_of(declared.name),
            type=_explaining(lambda text: fields.read_value(declared, text)),
            default=argparse.SUPPRESS,
            metavar=metavar,
            help=f"{help} (default: {fields.as_text(declared, value)})",
        )


def flag_of(name: str) -> str:
    """Writes an option's or a setting's name as its flag."""
    return "--" + name.replace("_", "-")


def advice(options: tuple[str, ...]) -> str:
    """Writes what to do about options as the end of a sentence; nothing for none."""
    special = {
        "resume": "run without --resume",
        "workers": "give all of them the same command with --resume",
        "export_onnx": "leave out --export-onnx",
        "tensorboard": "leave out --tensorboard",
        "only": "leave out --only",
        "per_class": "leave out --per-class",
        "augment_with": "name another folder with --augment-with",
        "classify": "name another file or folder with --classify",
        "export": "name another folder with --export",
        "save_images": "name another folder with --save-images",
        "dataset": "name another folder with --dataset",
        "model_dir": "name another folder with --model-dir",
        "data_dir": "name another folder with --data-dir",
    }
    known = [special[name] for name in options if name in special]
    flags = [flag_of(name) for name in options if name not in special]
    if flags:
        known.insert(0, f"change {' or '.join(flags)}")
    return "; ".join(["", *known])


def _explaining(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Lets argparse show a ValueError's own sentence instead of its own."""

    def read_or_explain(text: str) -> Any:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read_or_explain
