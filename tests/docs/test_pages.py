"""The pages: no link leads nowhere, and what is made by a command is up to date."""

import importlib.util
import re

import pytest
from conftest import ROOT

PAGES = sorted(
    path
    for part in ("*.md", "docs/*.md", "benchmarks/*.md")
    for path in ROOT.glob(part)
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def load_tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def dead_links(path) -> list[str]:
    """Files that a page names and that are not there, images among them."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [(pair[0] or pair[1]).partition("#")[0] for pair in LINK.findall(text)]
    return [
        target
        for target in targets
        if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists()
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_link_is_dead(path):
    assert dead_links(path) == []


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text('# One\n[a](page.md#one) ![c](no.png) <img src="no.jpg">\n')
    assert dead_links(page) == ["no.png", "no.jpg"]


def test_the_site_builds_without_a_warning(tmp_path):
    """It also knows every heading that a link leads to."""
    assert load_tool("build_site").main(tmp_path / "site") == 0
    assert (tmp_path / "site" / "docs" / "index.html").exists()


def test_the_index_names_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([\w-]+\.md)\)", text))
    assert named == {p.name for p in ROOT.glob("docs/*.md")} - {"index.md"}


def test_the_options_are_those_of_today():
    tool = load_tool("list_options")
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page()
