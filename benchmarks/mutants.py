"""Changes the code a little, and looks whether a test fails.

    python benchmarks/mutants.py foldergan/gan/losses.py tests/gan/test_losses.py
    python benchmarks/mutants.py foldergan/images.py tests/data --sample 20 --seed 1

One comparison, operator, number or truth value at a time is another: < is <=, + is -,
and is or, 1 is 2. The tests run until one fails, which kills the mutant; so does taking
five times as long as without a change. Prints the survivors: a test is missing, or the
change makes no difference that anybody could see.

A process that has imported the libraries is forked for each mutant, and nothing on disk
is changed; so tests that start scripts see none of it. Needs os.fork: Linux or macOS.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from pathlib import Path

import side_by_side

PAIRS = (
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.And, ast.Or),
)
OTHER = dict((*PAIRS, *(pair[::-1] for pair in PAIRS)))
OTHER |= dict.fromkeys((ast.FloorDiv, ast.Mod, ast.Pow), ast.Mult)
OTHER[ast.USub] = ast.UAdd


def mutated(node: ast.AST) -> bool:
    """Changes a node; False where there is nothing to change."""
    if isinstance(node, ast.Compare):
        node.ops[0] = OTHER[type(node.ops[0])]()
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.AugAssign):
        if type(node.op) not in OTHER:
            return False
        node.op = OTHER[type(node.op)]()
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        node.value += 1
    else:
        return False
    return True


def mutants_of(path: Path) -> list[tuple[str, ast.Module]]:
    """Lists every mutant of a file: its line, before and after, and the whole code."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), []
    for number, node in enumerate(ast.walk(tree)):
        changed = copy.deepcopy(tree)
        other = list(ast.walk(changed))[number]
        if hasattr(node, "lineno") and mutated(other):
            where = f"{path}:{node.lineno}: {ast.unparse(node)} -> {ast.unparse(other)}"
            found.append((where, changed))
    return found


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports other code in place of one module's."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(self, name: str, path: object, target: object = None) -> object:
        """See importlib."""
        return (
            importlib.util.spec_from_loader(name, self) if name == self._name else None
        )

    def exec_module(self, module: object) -> None:
        """See importlib."""
        exec(compile(self._tree, self._name, "exec"), vars(module))


def is_survivor(name: str, tree: ast.Module, tests: list[str], limit: float) -> bool:
    """Runs the tests in a process of its own; False where one fails, or time is up."""
    if not (process := os.fork()):
        sys.meta_path.insert(0, Finder(name, tree))
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        import pytest

        # A child process would import what is on disk.
        side_by_side.read_without_child()
        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def main() -> None:
    """Tries the mutants of a file, all or some."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+", help="files, or names in files")
    parser.add_argument("--sample", type=int, help="of the mutants (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args()
    os.chdir(side_by_side.ROOT)
    print(f"{side_by_side.machine()}; {side_by_side.versions('keras', 'numpy')}")
    load_libraries()
    name = ".".join(options.module.with_suffix("").parts)
    found = mutants_of(options.module)
    start = time.monotonic()
    as_it_is = ast.parse(options.module.read_text(encoding="utf-8"))
    assert is_survivor(name, as_it_is, options.tests, 600), "the tests fail as it is"
    limit = 5 * (time.monotonic() - start) + 5
    tried = random.Random(options.seed).sample(
        found, min(options.sample or len(found), len(found))
    )
    survivors = 0
    for where, tree in tried:
        if is_survivor(name, ast.fix_missing_locations(tree), options.tests, limit):
            survivors += 1
            print(f"survived: {where}", flush=True)
    print(f"{options.module}: {len(tried)} of {len(found)} tried, {survivors} survived")


def load_libraries() -> None:
    """Imports what takes seconds, and forgets the package itself."""
    sys.path.insert(0, str(side_by_side.ROOT))
    importlib.import_module("foldergan.images")  # and OpenCV, as it sets it
    importlib.import_module("foldergan.backend").load()
    for library in ("h5py", "matplotlib.pyplot", "PIL.Image", "scipy.stats", "pytest"):
        importlib.import_module(library)
    for name in [name for name in sys.modules if name.startswith("foldergan")]:
        del sys.modules[name]


if __name__ == "__main__":
    main()
