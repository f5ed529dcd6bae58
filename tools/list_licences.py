"""Lists the licence of every package in requirements-dev.lock, as its metadata says.

    python tools/list_licences.py            # writes docs/licences.md

Run it in an environment of that lock file, after each `make lock`.
"""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
_HEAD = """# Licences

Of every package in `requirements-dev.lock`, in the words of its own metadata. Made by
`python tools/list_licences.py`. What runs the scripts is in `requirements.txt` and what
that needs; the others are for the tests.

Part of the repository are also weights of EfficientNet-Lite0 and EfficientNet-Lite1
([Apache-2.0](../foldergan/backbones/weights/README.md)), networks that learned from
photographs of groceries ([MIT](../foldergan/gan/weights/README.md)), and photographs
that ["can be freely used for any purpose"](../examples/README.md).

| package | version | licence |
|---|---|---|
"""
# What the metadata does not say, or is not installed on Linux: read in the packages.
_READ = {
    "appnope": "BSD License",
    "cffi": "MIT",
    "colorama": "BSD License",
    "namex": "Apache License 2.0",
    "pycparser": "BSD-3-Clause",
}


def locked() -> Iterator[tuple[str, str]]:
    """Yields name and version of each package in the lock file."""
    text = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    yield from re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)


def licence_of(name: str) -> str | None:
    """Finds what a package's metadata says; None where it says nothing."""
    try:
        known = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if expression := known.get("License-Expression"):
        return expression
    classifiers = [c.split(" :: ") for c in known.get_all("Classifier") or []]
    names = [c[-1] for c in classifiers if c[0] == "License"]
    if names:
        return " or ".join(names)
    return known.get("License")


def page() -> str:
    """Writes the page."""
    rows = []
    for name, version in locked():
        licence = licence_of(name) or _READ[name]
        rows.append(f"| {name} | {version} | {licence} |\n")
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
