"""Writes docs/options.md from what each script's --help says.

python tools/list_options.py
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "options.md"
SCRIPTS = ("TrainModel.py", "GANModel.py", "GeneratePredict.py")
_HEAD = """# Options

Every flag of the three scripts, with the defaults of `dcgan-32`. `python TrainModel.py
--preset best-32 --help` shows those of another preset. Made by `python
tools/list_options.py`.
"""


def page() -> str:
    """Makes the page."""
    environment = os.environ | {"COLUMNS": "88"}
    parts = [_HEAD]
    for script in SCRIPTS:
        said = subprocess.run(
            [sys.executable, ROOT / script, "--help"],
            capture_output=True,
            check=True,
            cwd=ROOT / "tools",  # no model folder here that remembers a preset
            env=environment,
            text=True,
        )
        parts.append(f"\n## {script}\n\n```\n{said.stdout.rstrip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
