"""Gives files that were changed at random to every reader.

    python benchmarks/fuzz.py                        # 10,000 changed files
    python benchmarks/fuzz.py --mutations 500 --only png --only train.h5
    python benchmarks/fuzz.py --only png --number 17  # one again, with its traceback

A reader may take a file or refuse it in a sentence. What it may not is found: another
exception, a warning, a crash of the process, more than 20 seconds, more than a
gigabyte and a half of memory above what the process had. Readers run in processes of
their own, and start none, so that a crash in a native library is seen. Ends with 1 if
there was any.
"""

import argparse
import gc
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "fuzzing")]

_SECONDS = 20.0  # of one file
_BYTES = 3 * 2**29  # of one file; decoding one image may take a gigabyte
_STARTING_SECONDS = 300.0


def main() -> int:
    """Tries them, and reports."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=10000)
    parser.add_argument("--only", action="append", help="reader; may be repeated")
    parser.add_argument("--number", type=int, help="of one change, tried in here")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, first, end = options.child
        return run_child(name, int(first), int(end))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import readers

    names = options.only or list(readers.READERS)
    if options.number is not None:
        (name,) = names
        with tempfile.TemporaryDirectory() as folder:
            print(attempt_one(readers.READERS[name], Path(folder), options.number))
        return 0
    start, each = time.perf_counter(), -(-options.mutations // len(names))
    findings = 0
    for name in names:
        counts, found = fuzz(name, each)
        findings += sum(found.values())
        figures = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        print(f"{name:18} {figures}", flush=True)
        for text, count in found.items():
            print(f"    {count} x {text}", flush=True)
    print(
        f"{each * len(names)} changed files, {findings} findings, "
        f"{time.perf_counter() - start:.0f} seconds"
    )
    return 1 if findings else 0


def attempt_one(reader: Any, folder: Path, number: int) -> str:
    """Tries one change in this process, and lets out what it raises."""
    files = {path: path.read_bytes() for path in reader.prepare(folder)}
    reader.check(folder, files)
    return reader.attempt(folder, number, files)


def run_child(name: str, first: int, end: int) -> int:
    """Tries some changes, and prints a line before each and one after it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import readers
    import side_by_side

    # A crash is a finding, also where the scripts would survive it.
    side_by_side.read_without_child()
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where readers print to
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        reader = readers.READERS[name]
        files = {p: p.read_bytes() for p in reader.prepare(Path(folder))}
        reader.check(Path(folder), files)
        gc.freeze()  # or each collection would visit all of TensorFlow
        os.dup2(said.fileno(), 2)
        for number in range(first, end):
            print(json.dumps({"begin": number}), file=lines, flush=True)
            if "keras" in sys.modules:
                sys.modules["keras"].utils.clear_session()
            before, base = said.seek(0, os.SEEK_END), forget_peak()
            try:
                outcome = reader.attempt(Path(folder), number, files)
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{Path(where.filename).name}:{where.lineno}"
                outcome = f"{type(error).__name__} at {place}: {str(error)[:150]!r}"
            if peak_bytes() - base > _BYTES:
                outcome = "took more than its memory"
            sys.stderr.flush()
            said.seek(before)
            noise = said.read().decode(errors="replace").strip()
            end_line = {"end": number, "outcome": outcome, "noise": noise[-200:]}
            print(json.dumps(end_line), file=lines, flush=True)
    return 0


def fuzz(name: str, count: int) -> tuple[Counter, dict[str, int]]:
    """Lets children try `count` changes; a new one where one ended early.

    Returns:
        How often each outcome was, and each finding, with the first number of it.
    """
    counts, found, first = Counter(), Counter(), {}
    number = 0
    while number < count:
        command = [sys.executable, __file__, "--child", name, str(number), str(count)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        begun, why = number - 1, ""
        for line in lines_of(process):
            if line is None:
                process.kill()
                why = "hung or took too much memory"
                break
            record = json.loads(line)
            if "begin" in record:
                begun = record["begin"]
                continue
            outcome = record["outcome"]
            kind = outcome if outcome in ("taken", "refused") else "found"
            counts[kind] += 1
            if record["noise"]:
                counts["printed to stderr"] += 1
            if kind == "found":
                found[outcome] += 1
                first.setdefault(outcome, begun)
            number = begun + 1
        process.stdout.close()
        said = process.stderr.read()
        process.stderr.close()
        code = process.wait()
        if code == 0 and not why:
            break
        if begun < number:
            raise RuntimeError(f"{name} does not even start: {said[-2000:].decode()}")
        if not why:
            why = signal.Signals(-code).name if code < 0 else f"ended with {code}"
        counts["found"] += 1
        found[why] += 1
        first.setdefault(why, begun)
        number = begun + 1
    return counts, {f"{what}, as number {first[what]}": found[what] for what in found}


def lines_of(process: subprocess.Popen):
    """Yields its lines; None when one is late, or it holds too much memory."""
    selector, held = selectors.DefaultSelector(), b""
    selector.register(process.stdout, selectors.EVENT_READ)
    patience, since = _STARTING_SECONDS, time.monotonic()
    while True:
        if selector.select(timeout=0.5):
            some = os.read(process.stdout.fileno(), 2**16)
            if not some:
                return
            *lines, held = (held + some).split(b"\n")
            yield from lines
            patience, since = _SECONDS, time.monotonic()
        elif time.monotonic() - since > patience or _resident(process.pid) > 6 * 2**30:
            yield None
            return


def _resident(pid: int | str) -> int:
    return _status(pid, "VmRSS")


def peak_bytes() -> int:
    """Memory that this process held at most since `forget_peak`."""
    return _status("self", "VmHWM")


def forget_peak() -> int:
    """Lets Linux measure the peak anew; returns the memory that is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("self", "VmRSS")


def _status(pid: int | str, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(text.partition(f"{name}:")[2].split()[0]) * 1024 if name in text else 0


if __name__ == "__main__":
    sys.exit(main())
