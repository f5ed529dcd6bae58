"""Measures contenders side by side: each warm in a process of its own, in turn.

A benchmark gives `compare` a function for each contender. That function prepares
(imports, builds, warms up) and returns another one that does the work once. The
contenders take turns, so that a machine that slows down slows all of them down.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


class AbsentError(Exception):
    """A contender that cannot run here; the message says why."""


def parse(description: str, add_arguments: Callable = lambda parser: None, rounds=5):
    """Reads a benchmark's flags.

    Args:
        description: its docstring.
        add_arguments: adds the flags of its own to a parser.
        rounds: times that each contender's work is measured, unless given.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--only", nargs="+", help="names of contenders")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(contenders: dict[str, Callable], options, *packages: str) -> dict:
    """Measures every contender `options.rounds` times, in turn.

    Args:
        contenders: name -> function of `options` that returns the work.
        options: from `parse`.
        packages: whose versions are printed.

    Returns:
        Name -> list of {"seconds", "grown_mib", "result"}, one each round: what the
        work took, by how much it raised the process's peak memory, what it returned.
    """
    if options.contender:
        _serve(contenders[options.contender], options)
        sys.exit()
    print(f"{machine()}; {versions(*packages)}; n={options.rounds}, in turn")
    workers = {}
    for name in contenders:
        if not options.only or name in options.only:
            worker = _start(name)
            if worker:
                workers[name] = worker
    replies = {name: [] for name in workers}
    for _ in range(options.rounds):
        for name, worker in workers.items():
            replies[name].append(_ask(worker))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return replies


def read_without_child() -> None:
    """Lets this process inspect models itself, without a child process."""
    child = importlib.import_module("foldergan.child")
    child.call = lambda function, *arguments: function(*arguments)


def median(replies: list[dict], key: str = "seconds") -> float:
    """The median of one figure over the rounds."""
    return statistics.median(reply[key] for reply in replies)


def spread(replies: list[dict]) -> str:
    """The least and the largest seconds, as text."""
    seconds = [reply["seconds"] for reply in replies]
    return f"{min(seconds):.3g}-{max(seconds):.3g}"


def rows_against(plain: str, replies: dict, count: int, scale: float = 1.0) -> list:
    """Makes a table's rows of contenders that do the same work.

    Args:
        plain: name of the one that the others are compared with.
        replies: from `compare`.
        count: images in the work.
        scale: the median seconds are shown times this.

    Returns:
        For each its name, scaled median, spread, images a second, times `plain`.
    """
    of_plain, rows = median(replies[plain]), []
    for name, reply in replies.items():
        seconds = median(reply)
        rows.append(
            [
                name,
                f"{scale * seconds:.2f}",
                spread(reply),
                f"{count / seconds:.0f}",
                f"{of_plain / seconds:.2f}",
            ]
        )
    return rows


def table(headings: list[str], rows: list[list]) -> None:
    """Prints a Markdown table."""
    for row in [headings, ["---"] * len(headings), *rows]:
        print(f"| {' | '.join(map(str, row))} |")


def machine() -> str:
    """Names the processor and its cores."""
    from foldergan.processor import model_name

    return f"{os.cpu_count()} cores of {model_name()}, {platform.system()}"


def versions(*packages: str) -> str:
    """Names Python and the packages that are installed, with their versions."""
    named = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            named.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            named.append(f"{package} not installed")
    return ", ".join(named)


def peak_mib() -> float:
    """The process's peak memory so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _start(name: str):
    """Starts a contender and waits until it is warm; None where it is absent."""
    worker = subprocess.Popen(
        [sys.executable, *sys.argv, "--contender", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said = _answer(worker)
    if "absent" in said:
        print(f"{name}: left out, {said['absent']}")
        return None
    return worker


def _ask(worker) -> dict:
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return _answer(worker)


def _answer(worker) -> dict:
    line = worker.stdout.readline()
    if not line:
        sys.exit("a contender failed; see above")
    return json.loads(line)


def _serve(prepare: Callable, options) -> None:
    """Does one contender's work each time that a line comes in."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the work prints must not stand between the answers
    try:
        work = prepare(options)
    except AbsentError as reason:
        print(json.dumps({"absent": str(reason)}), file=answers, flush=True)
        return
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for _ in sys.stdin:
        if hasattr(os, "sync"):
            os.sync()  # what another contender left to write is not this one's work
        before, start = peak_mib(), time.perf_counter()
        result = work()
        reply = {
            "seconds": time.perf_counter() - start,
            "grown_mib": peak_mib() - before,
            "result": result,
        }
        print(json.dumps(reply), file=answers, flush=True)
