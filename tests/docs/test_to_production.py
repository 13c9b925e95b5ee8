"""The tutorial from the quickstart run to an artifact behind HTTP."""

from __future__ import annotations

import re

from clsfw.cli import VERBS


def test_the_page_names_no_verb_that_is_not_there(root):
    page = (root / "docs/tutorials/to-production.md").read_text(encoding="utf-8")
    named = re.findall(r"^\$ clsfw ([a-z-]+)", page, re.MULTILINE)

    assert ["run", "export", "predict", "compare", "serve"] == named
    assert set(named) <= set(VERBS)
