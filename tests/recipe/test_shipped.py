"""Finding recipes by path and by name."""

from __future__ import annotations

import pytest

from clsfw.errors import RecipeError
from clsfw.recipe.shipped import find_recipe, shipped_recipes


def test_the_quickstart_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "quickstart.toml" == find_recipe("quickstart").name
    assert find_recipe("quickstart").is_file()


def test_a_file_comes_before_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").write_text("x")

    assert "quickstart" == str(find_recipe("quickstart"))


def test_a_folder_does_not_hide_a_shipped_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").mkdir()

    assert "quickstart.toml" == find_recipe("quickstart").name


@pytest.mark.parametrize("name", ["nowhere", "a/b/c.toml", "x" * 5000, "a\0b", "~nobody-at-all/x.toml"])
def test_what_is_nowhere_is_a_recipe_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(RecipeError):
        find_recipe(name)


def test_all_shipped_recipes_are_those_of_the_folder(root):
    assert {file.stem for file in (root / "recipes").glob("*.toml")} == set(shipped_recipes())
