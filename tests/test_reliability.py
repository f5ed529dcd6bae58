"""Every promise of docs/reliability.md and SECURITY.md names a test that exists."""

import re

import pytest
from conftest import ROOT


@pytest.mark.parametrize(
    ("name", "least"), [("docs/reliability.md", 30), ("SECURITY.md", 9)]
)
def test_every_promise_names_tests_that_exist(name, least):
    page = (ROOT / name).read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not re.match(r"\| (promise|fault) \|", row)]
    assert len(promises) > least
    for row in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row)
        assert named, row
        for path, name in named:
            text = (ROOT / path).read_text(encoding="utf-8")
            assert f"def {name}(" in text, (path, name)
