"""What is installed is what was tested: hashes, licences, pinned actions."""

import importlib.util
import re

import pytest
from conftest import ROOT


def load_tool():
    path = ROOT / "tools" / "list_licences.py"
    spec = importlib.util.spec_from_file_location("list_licences", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "least"), [("requirements.lock", 40), ("requirements-dev.lock", 90)]
)
def test_every_locked_package_has_hashes(name, least):
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.findall(r"^\S+==(?:.*\\\n)*.*", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > least
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_what_runs_the_scripts_is_locked_to_the_versions_that_are_tested():
    run, dev = (
        set(re.findall(r"^(\S+==\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run < dev
    names = {each.partition("==")[0] for each in run}
    assert not names & {"jax", "selenium", "mypy", "onnxruntime", "pytest"}


def test_installing_refuses_what_has_no_hash():
    for name in ("Makefile", "README.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for line in re.findall(
            r"pip install[^\n]*(?:\\\n.*)?requirements(?:-dev)?\.lock", text
        ):
            assert "--require-hashes" in line, (name, line)
    assert "--require-hashes" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_page_of_licences_is_of_these_packages():
    tool = load_tool()
    page = tool.PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w.-]+) \| (\d\S*) \| (.+) \|$", page, re.MULTILINE)
    assert [row[:2] for row in rows] == list(tool.locked())
    for name, _, licence in rows:
        assert licence == (tool.licence_of(name) or tool._READ[name])


def test_actions_are_named_by_their_commit():
    used = [
        name
        for path in (ROOT / ".github" / "workflows").iterdir()
        for name in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    ]
    assert used
    for name in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name), name


def test_vulnerabilities_are_looked_up_where_there_is_a_network():
    workflow = ROOT / ".github" / "workflows" / "tests.yml"
    assert "make audit" in workflow.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    # Not strict, it passes where it could look up nothing.
    call = r"^audit:\n(\t.*\n)*\t.*pip-audit --strict --req"
    assert re.search(call, makefile, re.MULTILINE)
