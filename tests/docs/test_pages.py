"""The pages: no link leads nowhere, and what is made by a command is up to date."""

import importlib.util
import re

import pytest
from conftest import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("benchmarks/*.md"),
        *ROOT.glob("examples/**/*.md"),
    ]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    names: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = 1
        while name in names:
            name = f"{name.removesuffix(f'-{number - 1}')}-{number}"
            number += 1
        names.add(name)
    return names


def dead_links(path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    dead = []
    for pair in LINK.findall(without_code(text)):
        target = pair[0] or pair[1]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = (path.parent / name).resolve() if name else path
        if (
            not other.exists()
            or anchor
            and anchor not in anchors(other.read_text(encoding="utf-8"))
        ):
            dead.append(target)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_link_is_dead(path):
    assert dead_links(path) == []


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](page.md#one) [b](page.md#two) ![c](no.png)\n")
    assert dead_links(page) == ["page.md#two", "no.png"]


def test_the_index_names_every_page():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(([\w-]+\.md)\)", text))
    assert named == {p.name for p in ROOT.glob("docs/*.md")} - {"index.md"}


def test_the_options_are_those_of_today():
    path = ROOT / "tools" / "list_options.py"
    spec = importlib.util.spec_from_file_location("list_options", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page()
