"""tools/check_prose.py finds what it should; `make lint` runs it on the project."""

import json
from pathlib import Path

import pytest
from test_pages import load_tool

LONG = " ".join(["word"] * 31) + "."


@pytest.fixture(scope="module")
def tool():
    return load_tool("check_prose")


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.md", "One.\n\nA held-out\nPicture.\n", ['a.md:4: "Picture": write image']),
        (
            "a.md",
            "- the kernel\n  distance\n",
            ['a.md:1: "kernel distance": write KID'],
        ),
        ("a.md", "| a |\n|---|\n| a picture |\n", ['a.md:3: "picture": write image']),
        ("a.md", f"{LONG}\n", ['a.md:1: a sentence of 31 words: "word word word']),
        ("a.md", f"One: {LONG[5:]} Two.\n", []),
        ("a.md", f"| a |\n|---|\n| {LONG} |\n", []),
        ("a.md", f"`a picture`\n\n    a picture\n\n```\n{LONG}\n```\n", []),
        ("a.md", "The noise floor. A scrapbook.\n", []),
        ("CHANGELOG.md", "# C\n\n## 0.2.0\n\nA picture.\n", []),
        ("tools/a.py", f'"""{LONG}"""\n', ["tools/a.py:1: a sentence of 31 words"]),
        ("tools/a.py", "# as\n# of\nx = 1\n", ['tools/a.py:3: "as of": write see']),
        ("tools/a.py", 'x = f"a {judge} picture"\n', ['tools/a.py:1: "picture"']),
        ("tools/a.py", 'x = {"picture": picture}\n', []),
        ("foldergan/a.py", f'"""A picture. {LONG}"""\n', ["foldergan/a.py:1:"]),
        ("foldergan/a.py", '"""A row: `picture`, 1."""\n', []),
        ("tests/a.py", '"""A picture."""\n', []),
        ("foldergan/a.py", '"""What comes first."""\n', ["foldergan/a.py:1:"]),
    ],
)
def test_faults_are_found_in_prose_only(tool, name, source, expected):
    found = tool.faults(Path(name), source)
    assert len(found) == len(expected), found
    assert all(map(str.startswith, found, expected)), found


def test_a_notebook_is_read_cell_by_cell(tool):
    cells = [
        {"cell_type": "markdown", "source": ["# A\n", "\n", "A picture.\n"]},
        {"cell_type": "code", "source": ["pictures = 1  # pages of images\n"]},
    ]
    found = tool.faults(Path("a.ipynb"), json.dumps({"cells": cells}))
    assert found == [
        'a.ipynb:3: "picture": write image',
        'a.ipynb:1: "pages of images": write sample grid',
    ]


def test_a_fault_ends_it_with_1(tool, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("A picture.\n")
    assert tool.main([str(page)]) == 1
    assert '"picture": write image' in capsys.readouterr().err
