"""Checks the words of Markdown pages, notebooks and Python files.

    python tools/check_prose.py [FILE ...]

Without a FILE it checks every file that git tracks. An error is a phrase of
tools/vocabulary.toml, and a sentence of more than 30 words in a page, a notebook or the
docstring of a module. Not checked are code, CHANGELOG entries of versions before 0.3.0,
and the length of sentences in tables.
"""

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
MOST_WORDS = 30
# Module docstrings of these folders are pages: their long sentences are errors too.
STRICT = ("tools", "benchmarks")
_VOCABULARY = tomllib.loads((ROOT / "tools" / "vocabulary.toml").read_text("utf-8"))
_MARKDOWN = MarkdownIt("commonmark").enable("table")
# A full stop or a colon ends a sentence; those of "e.g." and "et al." do not.
_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<!et al)[.!?:](?=[\s\"')*]|$)")
_TEMPLATE = re.compile(r"\{[{%].*?[%}]\}")  # of a page that a script fills in
_OLD_VERSION = re.compile(r"^## 0\.2\.0$.*", re.MULTILINE | re.DOTALL)


class Text(NamedTuple):
    """A piece of prose.

    Attributes:
        line: where it begins in the file.
        words: the text itself.
        is_running: that long sentences in it are errors.
    """

    line: int
    words: str
    is_running: bool


def markdown(source: str) -> Iterator[Text]:
    """Finds the prose of a page; code becomes the word CODE."""
    is_row = False
    for token in _MARKDOWN.parse(_TEMPLATE.sub(" ", source)):
        if token.type in ("tr_open", "tr_close"):
            is_row = token.type == "tr_open"
        if token.type == "inline":
            words = "".join(
                "CODE" if part.type == "code_inline" else part.content or _gap(part)
                for child in token.children
                for part in [child, *(child.children or ())]
                if part.type not in ("image", "html_inline")
            )
            yield Text(token.map[0] + 1, words, not is_row)


def notebook(source: str) -> Iterator[Text]:
    """Finds the prose of a notebook's cells; lines are counted within a cell."""
    for cell in json.loads(source)["cells"]:
        find = markdown if cell["cell_type"] == "markdown" else python
        yield from find("".join(cell["source"]))


def python(source: str) -> Iterator[Text]:
    """Finds the docstrings, comments and strings of a Python file."""
    about = ast.get_docstring(ast.parse(source), clean=False) or ""
    yield from (text._replace(line=1) for text in markdown(about))
    comments: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token.string.lstrip("# "))
        elif token.type != tokenize.NL and comments:
            yield Text(token.start[0], "\n".join(comments), is_running=False)
            comments = []
        # From Python 3.12 on an f-string has tokens of its own; one word is a name.
        is_string = token.type == tokenize.STRING or (
            tokenize.tok_name[token.type] == "FSTRING_MIDDLE"
        )
        if is_string and " " in token.string.strip():
            words = re.sub(r"\{[^{}]*\}", "VALUE", token.string)
            words = re.sub(r"`[^`\n]*`", "CODE", words)
            yield Text(token.start[0], words, is_running=False)


def _gap(token) -> str:
    return "\n" if token.type in ("softbreak", "hardbreak") else ""


def faults(path: Path, source: str) -> list[str]:
    """Lists what is wrong with a file, a line each."""
    finders = {".md": markdown, ".ipynb": notebook, ".py": python}
    if path.name == "CHANGELOG.md":
        source = _OLD_VERSION.sub("", source)
    is_page = path.suffix != ".py" or path.parts[0] in STRICT
    is_test = path.parts[0] == "tests"
    phrases = _VOCABULARY["everywhere"] | ({} if is_test else _VOCABULARY["texts"])
    patterns = {
        re.compile(rf"(?<![\w-]){key}(?![\w-])".replace(" ", r"\s+"), re.I): better
        for key, better in phrases.items()
    }
    found: dict[str, None] = {}
    for line, words, is_running in finders[path.suffix](source):
        # A module's docstring comes a second time, as a string.
        is_again = path.suffix == ".py" and is_running
        for pattern, better in () if is_again else patterns.items():
            for match in pattern.finditer(words):
                at = line + words.count("\n", 0, match.start())
                phrase = " ".join(match[0].split())
                found[f'{path}:{at}: "{phrase}": write {better}'] = None
        for sentence in _END.split(words) if is_running and is_page else ():
            if (count := len(re.findall(r"\w[\w'.-]*", sentence))) > MOST_WORDS:
                at = line + words.count("\n", 0, words.index(sentence))
                begin = " ".join(sentence.split()[:6])
                found[f'{path}:{at}: a sentence of {count} words: "{begin} ..."'] = None
    return list(found)


def main(names: list[str]) -> int:
    """Prints what is wrong; returns 1 where something is."""
    if not names:
        # Its own test quotes what it should find.
        listed = ["git", "ls-files", "*.md", "*.ipynb", "*.py", ":!*/test_prose.py"]
        names = subprocess.check_output(listed, cwd=ROOT, text=True).splitlines()
    found = [
        fault
        for name in names
        for fault in faults(Path(name), (ROOT / name).read_text("utf-8"))
    ]
    print("\n".join(found) or "no fault in the words", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
