"""The documentation as a site: every page can be reached, from the index and from the navigation."""

from __future__ import annotations

import re

import pytest


@pytest.fixture
def pages(root):
    docs = root / "docs"
    return {
        path.relative_to(docs).as_posix()
        for path in docs.rglob("*.md")
        if "examples" not in path.relative_to(docs).parts and path.name != "README.md"
    }


def test_every_page_is_in_the_navigation(root, pages):
    named = set(re.findall(r": ([\w/-]+\.md)$", (root / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE))

    assert pages == named - {"README.md"}


def test_the_index_links_to_every_page(root, pages):
    index = (root / "docs/README.md").read_text(encoding="utf-8")

    assert pages == set(re.findall(r"\]\(([\w/-]+\.md)\)", index))
