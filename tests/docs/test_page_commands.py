"""Every command that a page names could run: its file, its target, its flags exist."""

import importlib
import importlib.util
import re
import shlex
import sys

import pytest
from conftest import ROOT
from markdown_it import MarkdownIt

from foldergan.config.commands import SUBCOMMANDS

SCRIPTS = ("TrainModel", "GANModel", "GeneratePredict")
PAGES = sorted(
    path
    for part in ("*.md", "docs/*.md", "benchmarks/*.md", "examples/*.md")
    for path in ROOT.glob(part)
    if path.name != "CHANGELOG.md"  # it also names what is gone
)
# What a page leaves to fill in; `auto` is looked up before flags are read.
FILLED_IN = {"NAME": "dcgan-32", "auto": "dcgan-32", "COMMAND": "train"}
SEPARATOR = re.compile(r"&&|\n")
BEGIN = re.compile(r"\s*!?(?:nice )?(?:\w+=\S* )*(?=(?:python|make|foldergan) )")


def code_of(text: str) -> list[str]:
    """Finds the blocks and the inline pieces of code of a page."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    inline = (child for token in tokens for child in token.children or ())
    code = [*tokens, *inline]
    kinds = ("code_block", "fence", "code_inline")
    return [token.content for token in code if token.type in kinds]


def commands_of(text: str) -> list[list[str]]:
    """Finds the commands of a page, as words, without variables and comments."""
    found = []
    for code in code_of(text):
        for line in SEPARATOR.split(code.replace("\\\n", " ")):
            begin = BEGIN.match(line)
            if begin:
                found.append(shlex.split(line[begin.end() :], comments=True))
    return found


def fault_of(words: list[str], monkeypatch, capsys) -> str:
    """Says why a command could not run; empty where it could."""
    program, *rest = words
    if program == "make":
        targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.M)
        missing = [word for word in rest if "=" not in word and word not in targets]
        return f"no target {missing}" if missing else ""
    if program == "foldergan":
        if rest[0] not in SUBCOMMANDS:
            return f"no subcommand {rest[0]}"
        command = SUBCOMMANDS[rest[0]]
        flag = [command.flag] if command.flag else []
        return refused(command.script, flag + rest[1:], monkeypatch, capsys)
    if rest[0] == "-c":
        compile(rest[1], "a command", "exec")
        return ""
    if rest[0] == "-m":
        return "" if importlib.util.find_spec(rest[1]) else f"no module {rest[1]}"
    if (name := rest[0].removesuffix(".py")) in SCRIPTS:
        return refused(name, rest[1:], monkeypatch, capsys)
    path = ROOT / rest[0]
    if not path.is_file():
        return f"no file {rest[0]}"
    # A benchmark's flags may be those of a module beside it.
    text = path.read_text(encoding="utf-8")
    for module in re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE):
        if (beside := path.with_name(f"{module}.py")).is_file():
            text += beside.read_text(encoding="utf-8")
    flags = re.findall(r"^--[\w-]+(?=$|=)", "\n".join(rest), re.MULTILINE)
    unknown = [flag for flag in flags if f'"{flag}"' not in text + '"--help"']
    return f"no flag {unknown}" if unknown else ""


def refused(script: str, words: list[str], monkeypatch, capsys) -> str:
    """Has a script's own parser read the words; returns what it complains of."""
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *words])
    capsys.readouterr()
    try:
        importlib.import_module(script).parse_flags()
    except SystemExit as end:
        return capsys.readouterr().err if end.code else ""
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_command_could_run(path, tmp_path, monkeypatch, capsys):
    for name in ("examples", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)  # no model folder here that remembers a preset
    for words in commands_of(path.read_text(encoding="utf-8")):
        words = [FILLED_IN.get(word, word) for word in words if word != "..."]
        assert fault_of(words, monkeypatch, capsys) == "", words


def test_commands_are_found_in_code_only():
    page = (
        "python no.py\n\n`python a.py --x 1`\n\n    X=1 python b.py && make c  # d\n"
        "    python e.py \\\n        --y\n\n| a |\n|---|\n| `foldergan f` |\n"
    )
    assert commands_of(page) == [
        ["python", "b.py"],
        ["make", "c"],
        ["python", "e.py", "--y"],
        ["python", "a.py", "--x", "1"],
        ["foldergan", "f"],
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("make no-such", "no target"),
        ("foldergan paint", "no subcommand"),
        ("foldergan draw --evaluate", "--evaluate"),
        ("python NoScript.py", "no file"),
        ("python TrainModel.py --no-such", "--no-such"),
        ("python GANModel.py --loss mean", "mean"),
        ("python benchmarks/gan_step.py --rounds 3 --no-such", "no flag ['--no-such']"),
        ("python -m no_such_module", "no module"),
    ],
)
def test_a_command_that_could_not_run_is_seen(command, said, monkeypatch, capsys):
    assert said in fault_of(shlex.split(command), monkeypatch, capsys)
