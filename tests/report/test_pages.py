"""The pages that a report points to are there."""

from __future__ import annotations

import re

import pytest

from clsfw.report.pages import ABOUT, page


@pytest.mark.parametrize("about", ABOUT)
def test_the_page_and_its_section_are_there(about, root):
    path, _, anchor = ABOUT[about].partition("#")
    text = (root / "docs" / path).read_text(encoding="utf-8")
    titles = [re.sub(r"[^\w -]", "", line).strip().lower() for line in re.findall("^#+(.*)", text, re.MULTILINE)]

    assert not anchor or anchor in {title.replace(" ", "-") for title in titles}


def test_what_no_page_explains_has_no_link():
    assert page("origin") is None
