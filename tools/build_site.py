"""Builds the documentation as a website: `make site`, then open site/index.html.

    python tools/build_site.py [FOLDER]

The pages link to each other as they lie in the repository; so they are copied as they
lie, and README.md is the first page. A page that is linked and missing is an error.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = (
    "*.md",
    "LICENSE",
    "docs/*",
    "benchmarks/*",
    "examples/*",
    "notebooks/*",
    "foldergan/*/weights/*.md",
)
CONFIG = """[project]
site_name = "foldergan"
docs_dir = "pages"
site_dir = "site"
use_directory_urls = false

[project.theme]
features = ["navigation.tracking", "content.code.copy"]
"""


def main(site: Path) -> int:
    """Copies the pages and builds; returns the builder's exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for pattern in SOURCES:
            for source in ROOT.glob(pattern):
                if source.is_file():
                    target = folder / "pages" / source.relative_to(ROOT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, target)
        config = folder / "zensical.toml"
        config.write_text(CONFIG, encoding="utf-8")
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        code = subprocess.run(command, cwd=folder, check=False).returncode
        if code == 0:
            shutil.copytree(folder / "site", site, dirs_exist_ok=True)
        return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "site")))
