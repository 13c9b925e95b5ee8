"""What the README shows is what there is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clsfw.cli import VERBS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_plugin_shown_is_the_tested_one(readme: str, root: Path) -> None:
    module = (root / "docs" / "examples" / "fifteen_lines" / "top_two.py").read_text(encoding="utf-8")

    assert f"```python\n{module}```" in readme
    assert 15 >= len([line for line in module.splitlines() if line.strip()])


def test_every_verb_is_in_the_table(readme: str) -> None:
    assert [] == [verb for verb in VERBS if f"`clsfw {verb} " not in readme and f"`clsfw {verb}`" not in readme]


def test_no_verb_is_made_up(readme: str) -> None:
    named = re.findall(r"`clsfw ([a-z-]+)", readme)

    assert set() == set(named) - set(VERBS)


def test_every_link_leads_somewhere_and_works_on_the_package_index_too(readme: str, root: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    own = r"https://(?:github\.com/OWNER/clsfw/blob|raw\.githubusercontent\.com/OWNER/clsfw)/main/(.*)"
    ours = [match.group(1) for link in links if (match := re.fullmatch(own, link))]

    assert [] == [link for link in links if not link.startswith("https://")]
    assert [] == [path for path in ours if not (root / path).exists()]
    assert len(ours) > 10


def test_every_place_of_the_tree_is_there(readme: str, root: Path) -> None:
    tree = readme.split("## The tree")[1].split("```")[1]

    assert [] == [line.split()[0] for line in tree.strip().splitlines() if not (root / line.split()[0]).is_dir()]
