"""Runs a script again and again, each time dead at the next write or rename.

A program of its own, because it forks: TensorFlow is imported once. For each point it
prints a line of JSON, and it ends when the script does.

    python dying.py TEMPLATE FOLDER SCRIPT FLAG ...

TEMPLATE is what the script finds; its copies, FOLDER/0, FOLDER/1, ..., are what a
process that died before the write or rename of that number has left.
"""

import json
import os
import runpy
import shutil
import sys
from pathlib import Path

from foldergan import backend

ROOT = Path(__file__).parent.parent.parent
DEAD = 77


def die_at(point: int) -> None:
    """Lets this process end, as if killed, before a write is safe or a rename done."""
    passed = 0

    def wrap(call):
        def call_or_die(*arguments):
            nonlocal passed
            if passed == point:
                os._exit(DEAD)
            passed += 1
            return call(*arguments)

        return call_or_die

    os.fsync, os.replace = wrap(os.fsync), wrap(os.replace)


def run(folder: Path, name: str, arguments: list[str], point: int | None) -> int:
    """Runs a script in a process of its own and returns its exit code."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.chdir(folder)
    with open("output.txt", "a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.argv = [name, *arguments]
    if point is not None:
        die_at(point)
    try:
        runpy.run_path(str(ROOT / name), run_name="__main__")
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code or 0)
    finally:
        os._exit(1)


def main(template: Path, folder: Path, name: str, arguments: list[str]) -> None:
    code, point = DEAD, 0
    while code == DEAD:
        left = folder / str(point)
        shutil.copytree(template, left)
        code = run(left, name, arguments, point)
        print(json.dumps({"point": point, "code": code}), flush=True)
        point += 1


if __name__ == "__main__":
    backend.load()
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
