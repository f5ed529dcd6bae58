"""Writes the repository's address and a contact into every file that names them.

    python tools/set_repository.py https://github.com/me/images --contact me@mail.org

It replaces the address that stands in pyproject.toml and the contact that stands in
SECURITY.md, so that it can run again with others. Colab opens notebooks of GitHub only.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = (
    "pyproject.toml",
    "README.md",
    "SECURITY.md",
    "docs/install.md",
    "notebooks/cifar10_gan.ipynb",
    "notebooks/own_images.ipynb",
)
_ADDRESS = re.compile(r"https://github\.com/([\w-]+/[\w.-]+?)(?:\.git)?/?")
_CONTACT = re.compile(r"[^\s@()<>\[\]]+@[^\s@()<>\[\]]+\.[^\s@()<>\[\]]+")


def current(root: Path) -> tuple[str, str]:
    """Reads the repository, such as owner/name, and the contact that stand there."""
    texts = [
        (root / name).read_text("utf-8") for name in ("pyproject.toml", "SECURITY.md")
    ]
    patterns = (r'^Repository = "https://github\.com/(.+)"$', r"\(mailto:(.+?)\)")
    found = [
        re.search(*pair, re.MULTILINE) for pair in zip(patterns, texts, strict=True)
    ]
    return found[0][1], found[1][1]


def replace(root: Path, repository: str, contact: str) -> list[str]:
    """Replaces both in the files of a clone; returns the names of those it changed."""
    old_repository, old_contact = current(root)
    patterns = {
        # github.com/owner/name, and Colab's research.google.com/github/owner/name
        rf"(?<=/github/){re.escape(old_repository)}(?![\w-])": repository,
        rf"(?<=github\.com/){re.escape(old_repository)}(?![\w-])": repository,
        rf"(?<![\w.@]){re.escape(old_contact)}(?![\w@])": contact,
    }
    changed = []
    for name in FILES:
        before = after = (root / name).read_text("utf-8")
        for pattern, new in patterns.items():
            after = re.sub(pattern, lambda _, new=new: new, after)
        if after != before:
            (root / name).write_text(after, "utf-8", newline="\n")
            changed.append(name)
    return changed


def main(root: Path = ROOT) -> int:
    """Reads the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", metavar="URL", help="https://github.com/OWNER/NAME")
    parser.add_argument("--contact", required=True, help="e-mail address for reports")
    options = parser.parse_args()
    if not (address := _ADDRESS.fullmatch(options.url)):
        parser.error(f"{options.url} is no https://github.com/OWNER/NAME")
    if not _CONTACT.fullmatch(options.contact):
        parser.error(f"{options.contact} is no e-mail address")
    changed = replace(root, address[1], options.contact)
    print("\n".join(changed) or "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
