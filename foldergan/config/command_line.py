"""A command line -> one preset, checked, before anything heavy is imported."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

from foldergan.config import commands, fields
from foldergan.config.commands import flag_of
from foldergan.config.presets import PRESETS, Preset, find_preset, recall
from foldergan.errors import InputError

# What to do about options that a value in bounds would not mend.
_LEFT_OUT = ("export_onnx", "tensorboard", "only", "per_class")
_FOLDERS = (
    *("augment_with", "validation", "test", "export", "save_images"),
    *("dataset", "model_dir", "data_dir"),
)


class Parser(argparse.ArgumentParser):
    """An argument parser that knows presets.

    Each setting becomes a flag whose default is the value in the preset that the
    command line names, or else the model folder records.

    Args:
        about: the script's docstring: a summary, a blank line, then what ``--help``
            ends with, such as examples.
        sections: the parts of the preset that this script uses.
        of_data: settings of the section data that it uses, where that is no such part.
    """

    def __init__(
        self, about: str, sections: tuple[str, ...], of_data: tuple[str, ...] = ()
    ) -> None:
        summary, _, examples = about.partition("\n\n")
        super().__init__(
            description=summary,
            epilog=f"examples and files:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self._titled = {each: self.add_argument_group(each) for each in fields.GROUPS}
        known = "; ".join(f"{p.name}: {p.description}" for p in PRESETS.values())
        self.add_argument(
            "--preset",
            metavar="NAME|FILE",
            help=f"{known}; or the path of a .toml file (default: that of the last run "
            "in the model folder, else dcgan-32)",
        )
        self._recorded: tuple[Preset, Path] | None = None
        self._refusal: InputError | None = None  # why none is recorded; not of --help
        self._preset = self._find_preset()
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
        # Section -> its settings that have a flag.
        self._settings: dict[str, list[dataclasses.Field[Any]]] = {}
        for section in sections if "data" in sections else (*sections, "data"):
            declared = dataclasses.fields(getattr(self._preset, section))
            self._settings[section] = [
                each for each in declared if section in sections or each.name in of_data
            ]
            for each in self._settings[section]:
                self._add_setting(section, each)

    def add_option(self, group: str, flag: str, **how: Any) -> None:
        """Adds a flag that is no setting of a preset under one of `GROUPS`."""
        self._titled[group].add_argument(flag, **how)

    def add_onnx_flag(self, networks: str) -> None:
        """Adds the flag of a script that writes these networks as ONNX files."""
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
        if self._refusal:
            self.error(f"{self._refusal}{advice(self._refusal.options)}")
        try:
            sections = {}
            for name, settings in self._settings.items():
                names = {each.name for each in settings}
                given = {k: v for k, v in vars(options).items() if k in names}
                sections[name] = getattr(self._preset, name).override(given)
            preset = dataclasses.replace(self._preset, seed=options.seed, **sections)
            preset.check(sections)
        except (ValueError, InputError) as error:  # a rule over more than one field
            self.error(f"{error}{advice(getattr(error, 'options', ()))}")
        self._announce(options, preset)
        idle = [
            flag_of(setting)
            for section in sections.values()
            if getattr(section, "backbone", "none") != "none"
            for setting in section.idle_beside_backbone
            if hasattr(options, setting)
        ]
        if idle:
            print(f"note: a backbone leaves {', '.join(idle)} without effect")
        return options, preset

    def _find_preset(self) -> Preset:
        """Finds the preset first, for the other flags' defaults depend on it."""
        given = commands.peek("preset", "model_dir")
        try:
            model_dir = Path(given.model_dir or "model")
            self._recorded = recall(model_dir, commands.this_script())
        except InputError as error:
            self._refusal = None if given.preset else error
        if self._recorded and given.preset is None:
            return self._recorded[0]
        try:
            return find_preset("dcgan-32" if given.preset is None else given.preset)
        except ValueError as error:
            self.error(f"argument --preset: {error}")

    def _announce(self, options: argparse.Namespace, preset: Preset) -> None:
        """Says what is done with what, before anything takes time."""
        dataset = getattr(options, "dataset", None)
        if "classifier" in self._settings and not dataset:
            source = preset.data.source
            dataset = "dataset" if source == "folder" else source
        if getattr(options, "inspect", False):  # no preset, no model is used
            print(f"{self.prog}: inspecting {dataset}", flush=True)
            return
        read = f"images of {dataset}, " if dataset else ""
        own, how = self._preset, ""
        recorded, path = self._recorded or (None, None)
        if options.preset is None:
            how = f" (recorded in {path})" if recorded else " (the default)"
        print(
            f"{self.prog}: preset {own.label}{how}, {read}"
            f"arrays in {options.data_dir}, models in {options.model_dir}",
            flush=True,
        )
        if recorded is None or own.is_like(recorded):
            return
        if own.label == recorded.label:
            print(f"note: {own.label} has changed since {path} recorded it")
        else:
            print(
                f"note: {path} records the preset {recorded.label}; this run uses "
                f"{own.label}"
            )

    def _add_setting(self, section: str, declared: dataclasses.Field[Any]) -> None:
        def read(text: str) -> Any:
            try:
                return fields.read_value(declared, text)
            except ValueError as error:  # whose own sentence argparse is to show
                raise argparse.ArgumentTypeError(str(error)) from error

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
            type=read,
            default=argparse.SUPPRESS,
            metavar=metavar,
            help=f"{help} (default: {fields.as_text(declared, value)})",
        )


def advice(options: tuple[str, ...]) -> str:
    """Writes what to do about options as the end of a sentence; nothing for none."""
    special = {
        "resume": "run without --resume",
        "workers": f"give all of them the same command: {commands.again('resume')}",
        "preset": "name one with --preset",
        "classify": "name another file or folder with --classify",
    }
    special |= {name: f"leave out {flag_of(name)}" for name in _LEFT_OUT}
    special |= {name: f"name another folder with {flag_of(name)}" for name in _FOLDERS}
    known = [special[name] for name in options if name in special]
    flags = [flag_of(name) for name in options if name not in special]
    if flags:
        known.insert(0, f"change {' or '.join(flags)}")
    return "; ".join(["", *known])
