"""tools/set_repository.py: one command fills in address and contact."""

import json
import shutil
import sys
import tomllib

import pytest
from conftest import ROOT
from test_pages import load_tool


@pytest.fixture
def tool():
    return load_tool("set_repository")


@pytest.fixture
def clone(tool, tmp_path):
    for name in tool.FILES:
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, target)
    return tmp_path


def texts(clone, tool) -> dict[str, str]:
    return {name: (clone / name).read_text(encoding="utf-8") for name in tool.FILES}


def run(tool, clone, monkeypatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["set_repository.py", *words])
    return tool.main(clone)


def test_it_fills_in_every_place_and_then_others(tool, clone, monkeypatch):
    first = ("https://github.com/ada/foldergan.git", "--contact", "ada@mail.org")
    second = ("https://github.com/bob/pix-2/", "--contact", "bob@mail.org")
    old = tool.current(clone)
    for words, slug, contact in (
        (first, "ada/foldergan", "ada@mail.org"),
        (second, "bob/pix-2", "bob@mail.org"),
    ):
        assert run(tool, clone, monkeypatch, *words) == 0
        now = texts(clone, tool)
        assert not [name for name, text in now.items() if old[0] in text]
        assert not [name for name, text in now.items() if old[1] in text]
        assert f"git clone https://github.com/{slug} " in now["README.md"]
        assert f"research.google.com/github/{slug}/blob/" in now["README.md"]
        assert f"mailto:{contact}" in now["SECURITY.md"]
        urls = tomllib.loads(now["pyproject.toml"])["project"]["urls"]
        assert urls["Repository"] == f"https://github.com/{slug}"
        for name in tool.FILES:
            assert slug in now[name], name
            assert not name.endswith(".ipynb") or json.loads(now[name])["cells"]
        old = tool.current(clone)
    assert old == ("bob/pix-2", "bob@mail.org")


def test_what_is_no_address_is_refused_and_changes_nothing(
    tool, clone, monkeypatch, capsys
):
    before = texts(clone, tool)
    for words, said in (
        (("github.com/ada/x", "--contact", "a@b.org"), "github.com/ada/x is no"),
        (("https://github.com/ada/x", "--contact", "ada"), "ada is no e-mail"),
        (("https://github.com/ada/x",), "--contact"),
    ):
        with pytest.raises(SystemExit) as end:
            run(tool, clone, monkeypatch, *words)
        assert end.value.code == 2
        assert said in capsys.readouterr().err
    assert texts(clone, tool) == before


def test_no_file_that_names_the_address_is_forgotten(tool):
    """Every tracked text file with the address of today is one of those it changes."""
    address = f"github.com/{tool.current(ROOT)[0]}"
    names = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.*", "docs/*.md", "notebooks/*", "benchmarks/*.md")
        for path in ROOT.glob(pattern)
        if path.suffix in (".md", ".toml", ".ipynb", ".py", ".cff")
        and address in path.read_text(encoding="utf-8")
    ]
    assert names
    assert set(names) <= set(tool.FILES)
