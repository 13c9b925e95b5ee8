"""The page on recipes names every key, and what it shows is what clsfw does."""

from __future__ import annotations

import re
import tomllib

import pytest

from clsfw.discovery.plugins import discover
from clsfw.errors import RecipeError
from clsfw.recipe.plan import make_plan
from clsfw.recipe.schema import EvidenceSettings, Expect, ExpectedHistory, ExpectedSplit, Recipe, Split, Target
from clsfw.studies.settings import Study

PAGE = "docs/reference/recipe.md"
TABLES = {
    "At the top": Recipe,
    "`[split]`": Split,
    "`[evidence]`": EvidenceSettings,
    "`[expect]`": Expect,
    "`[study]`": Study,
}


@pytest.fixture(scope="module")
def page(root):
    return (root / PAGE).read_text(encoding="utf-8")


def keys(model):
    return {info.alias or name for name, info in model.model_fields.items()}


def blocks(text, language):
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [content for name, content in fenced if name == language]


@pytest.mark.parametrize("heading", TABLES)
def test_each_table_lists_its_keys_and_no_others(heading, page):
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    listed = {
        name for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }

    # Each is shown in its place: tables have sections of their own, and what is inside a split stands under it.
    tables = {"split", "evidence", "expect"} if heading == "At the top" else set()
    further = {"At the top": {"extends"}, "`[expect]`": {"confusion_matrix"}}.get(heading, set())
    assert (keys(TABLES[heading]) - tables) | further == listed


def test_every_key_of_the_expectation_is_shown(page):
    section = page.split("\n## `[expect]`\n")[1].split("\n## ")[0]

    for model in (Target, ExpectedSplit, ExpectedHistory):
        assert all(re.search(rf"\b{key}\b", section) for key in keys(model))


def test_the_defaults_are_those_of_the_code(page):
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`|]*)` \|", page, re.MULTILINE))

    for model in (Recipe, EvidenceSettings):
        for name, info in model.model_fields.items():
            if name in rows:
                default = info.default if info.default != () else []
                assert {"v": default} == tomllib.loads(f"v = {rows[name]}")


def test_the_whole_recipe_is_a_plan_and_so_it_is_with_the_expectation(page, tmp_path):
    recipe, expect, *_ = blocks(page, "toml")
    file = tmp_path / "recipe.toml"
    file.write_text(f"{recipe}\n{expect}", encoding="utf-8")

    assert "my-reviews" == make_plan(file, [], discover()).recipe.name


def test_the_recipe_that_extends_is_a_plan(page, tmp_path, root):
    top = next(block for block in blocks(page, "toml") if "extends" in block)
    (tmp_path / "imdb_distilbert.toml").write_bytes((root / "recipes/imdb_distilbert.toml").read_bytes())
    file = tmp_path / "recipe.toml"
    file.write_text(top, encoding="utf-8")

    assert 1000 == make_plan(file, [], discover()).trainer.settings.max_steps


def test_the_mistakes_are_told_as_shown(page, tmp_path, monkeypatch):
    recipe = blocks(page, "toml")[0]
    shown = next(block for block in blocks(page, "") if "unknown key" in block)
    monkeypatch.chdir(tmp_path)
    bad = recipe.replace("seed = 42", "seed = -1").replace("learning_rate", "lerning_rate")
    (tmp_path / "recipe.toml").write_text(bad, encoding="utf-8")

    with pytest.raises(RecipeError) as caught:
        make_plan("recipe.toml", [], discover())

    assert shown.strip() == str(caught.value)


def test_every_override_that_is_shown_is_read(page):
    from clsfw.toml.overrides import read_overrides

    shown = re.findall(r"--set ([\w.]+=[^`\s]+)", page)
    assert shown
    assert len(shown) == len(read_overrides(shown))


@pytest.mark.parametrize("name", ["reference/recipe.md", "how-to/editor-completion.md"])
def test_every_toml_that_is_shown_is_toml(name, root):
    shown = blocks((root / "docs" / name).read_text(encoding="utf-8"), "toml")

    assert shown
    assert all(tomllib.loads(block) for block in shown)
