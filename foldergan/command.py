"""The command `foldergan`: the three scripts, where they are installed."""

import argparse
import runpy
import sys

from foldergan import __version__
from foldergan.config.commands import PROGRAM, SUBCOMMANDS


def main() -> None:
    """Runs the script of a subcommand in this process, with the words after it."""
    width = max(map(len, SUBCOMMANDS))
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="A folder of images in, new images out, each one classified.",
        epilog="commands:\n"
        + "\n".join(f"  {n:{width}}  {s.about}" for n, s in SUBCOMMANDS.items())
        + f"\n\n{PROGRAM} COMMAND --help lists the flags of one",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"{PROGRAM} {__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument("command", choices=SUBCOMMANDS, metavar="COMMAND")
    command, words = parser.parse_args(sys.argv[1:2]).command, sys.argv[2:]
    script, _, flag = SUBCOMMANDS[command]
    asks_for_help = {"-h", "--help"} & set(words)
    flags = [flag] if flag and not asks_for_help else []
    sys.argv = [f"{PROGRAM} {command}", *flags, *words]
    runpy.run_module(script, run_name="__main__")
