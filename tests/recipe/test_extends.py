"""`extends`: one recipe on top of another."""

from __future__ import annotations

import pytest

from clsfw.errors import RecipeError
from clsfw.recipe.plan import make_plan


def test_tables_merge_and_lists_replace(write, fake, fakes):
    write(fake.replace('"count"', '"count"\nsteps = 9\nC = 0.25'), "base.toml")
    top = 'schema = 1\nextends = "base.toml"\nname = "top"\n[trainer]\nsteps = 4\n'
    top += '[[metrics]]\nuse = "hits"\nprefix = "a"\n'

    plan = make_plan(write(top), [], fakes)

    assert ("top", 4, 0.25) == (plan.recipe.name, plan.trainer.settings.steps, plan.trainer.settings.lr)
    assert ["a"] == [part.settings.prefix for part in plan.metrics]
    assert "extends" not in plan.resolved()


def test_mistakes_point_into_the_right_file(write, fake, fakes):
    write(fake.replace('"count"', '"count"\nstep = 9'), "base.toml")
    top = 'schema = 1\nextends = "base.toml"\nname = "a/b"\n'

    with pytest.raises(RecipeError) as caught:
        make_plan(write(top), [], fakes)

    assert [("recipe.toml", 3), ("base.toml", 13)] == [
        (str(problem.place.file).rsplit("/", 1)[-1], problem.place.line) for problem in caught.value.problems
    ]


def test_a_syntax_mistake_in_the_base_is_shown_there(write, fakes):
    write("a = \n", "base.toml")

    with pytest.raises(RecipeError, match=r"base\.toml:1:5: there is no value"):
        make_plan(write('schema = 1\nextends = "base.toml"\n'), [], fakes)


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ('"nowhere.toml"', "there is no recipe 'nowhere.toml'"),
        ("3", "must be the path of another recipe"),
        ('""', "must be the path of another recipe"),
        ('"a\\u0000b"', "there is no recipe"),
        ('"recipe.toml"', "extends another recipe itself"),
        (f'"{"x" * 5000}"', "there is no recipe"),
    ],
)
def test_what_cannot_be_extended_is_shown_at_its_line(extends, words, write, fakes):
    with pytest.raises(RecipeError, match=rf"recipe\.toml:2:11: extends: .*{words}"):
        make_plan(write(f"schema = 1\nextends = {extends}\n"), [], fakes)


def test_one_level_is_all_there_is(write, fakes):
    write('extends = "c.toml"\n', "b.toml")

    with pytest.raises(RecipeError, match=r"recipe\.toml:1:11: extends: 'b\.toml' extends another recipe itself"):
        make_plan(write('extends = "b.toml"\n'), [], fakes)


def test_paths_start_at_the_file_that_gives_them(write, fake, fakes, tmp_path):
    write(fake, "base/base.toml")
    top = write('schema = 1\nextends = "../base/base.toml"\n[data]\nmore = ["x.csv"]\n', "top/top.toml")

    plan = make_plan(top, [], fakes)

    assert str(tmp_path / "base/texts.csv") == plan.data.settings.source
    assert [str(tmp_path / "top/x.csv")] == plan.data.settings.more


def test_another_component_drops_what_only_the_old_one_has(write, fake, fakes):
    write(fake, "base.toml")
    top = 'schema = 1\nextends = "base.toml"\n[data]\nuse = "cloud"\nbucket = "b"\n'

    plan = make_plan(write(top), [], fakes)

    assert ("data.use = 'cloud' has no 'source'; dropped what 'texts' was given",) == plan.notes


@pytest.mark.parametrize("override", ["seed=3", "trainer.steps=4", "model.use=sack"])
def test_so_it_does_when_something_else_is_overridden(write, fake, fakes, override):
    write(fake.replace('"texts"\nsource = "texts.csv"', '"texts"\nsource = "texts.csv"\nsha256 = "a"'), "base.toml")
    top = 'schema = 1\nextends = "base.toml"\n[data]\nuse = "cloud"\nbucket = "b"\n'

    plan = make_plan(write(top), [override], fakes)

    assert {"use": "cloud", "bucket": "b"} == plan.resolved()["data"]


def test_what_the_upper_recipe_gives_itself_is_never_dropped(write, fake, fakes):
    write(fake, "base.toml")
    top = 'schema = 1\nextends = "base.toml"\n[data]\nuse = "cloud"\nbucket = "b"\nsource = "x"\n'

    with pytest.raises(RecipeError, match=r"recipe\.toml:6:1: \[data\] source: unknown key"):
        make_plan(write(top), [], fakes)


def test_an_option_that_a_base_has_wrong_for_the_same_component_is_a_mistake(write, fake, fakes):
    write(fake.replace("source =", "sourc = 1\nsource ="), "base.toml")

    with pytest.raises(RecipeError, match=r"base\.toml:6:1: \[data\] sourc: unknown key"):
        make_plan(write('schema = 1\nextends = "base.toml"\n[data]\nuse = "texts"\n'), [], fakes)


EXPECT = "[expect.test]\nhits = { value = 1, tolerance = 0 }\n"


@pytest.mark.parametrize(
    ("base", "top", "overrides", "changes"),
    [
        (EXPECT, "[trainer]\nsteps = 2\n", [], ["trainer.steps: 2, not 3"]),
        (EXPECT, "[trainer]\nsteps = 2\n", ["data.rows=7"], ["data.rows: 7, not none", "trainer.steps: 2, not 3"]),
        (EXPECT, "[trainer]\nsteps = 2\n", ["trainer.steps=3"], []),
        (EXPECT, "[trainer]\nsteps = 3\n", [], []),
        (EXPECT, "", [], []),
        (EXPECT, f"[trainer]\nsteps = 2\n{EXPECT}", [], []),
        (EXPECT, '[trainer]\nsteps = 2\n[expect]\nsource = "me"\n', [], ["trainer.steps: 2, not 3"]),
        ("", f"[trainer]\nsteps = 2\n{EXPECT}", [], []),
        ("", f"[trainer]\nsteps = 2\n{EXPECT}", ["trainer.steps=4"], ["trainer.steps: 4, not 2"]),
    ],
)
def test_what_is_on_top_of_a_recipe_with_its_result_cannot_be_judged_by_it(
    base, top, overrides, changes, write, fake, fakes
):
    write(fake + base, "base/base.toml")
    given = f'schema = 1\nextends = "base/base.toml"\nname = "top"\n{top}'

    plan = make_plan(write(given), overrides, fakes)

    assert sorted(changes) == sorted(plan.changes)
    assert plan.changes == (plan.recipe.expect.not_comparable or ())


def test_a_result_of_its_own_replaces_that_of_the_base_whole(write, fake, fakes):
    text = '[split]\nmethod = "random"\ntrain = 0.5\nvalidation = 0.2\ntest = 0.3\n'
    write(f'{fake}{text}[expect]\nsource = "them"\n{EXPECT}', "base.toml")
    top = 'schema = 1\nextends = "base.toml"\n[expect.validation]\nhits = { value = 1, tolerance = 0 }\n'
    plan = make_plan(write(top), [], fakes)

    assert ["validation"] == list(plan.recipe.expect.splits)
    assert ("", "default") == (plan.recipe.expect.source, plan.origins["expect.source"])


def test_what_a_base_needs_to_run_cannot_be_judged_by_its_result(write, fake, fakes):
    write(fake.replace('source = "texts.csv"\n', "") + EXPECT, "base.toml")
    top = 'schema = 1\nextends = "base.toml"\n[data]\nsource = "x"\n'

    assert ("data.source",) == make_plan(write(top), [], fakes).changes


def test_origins_name_both_files(write, fake, fakes):
    write(fake, "base.toml")

    plan = make_plan(write('schema = 1\nextends = "base.toml"\n[trainer]\nsteps = 2\n'), [], fakes)

    assert ("base.toml:2", "recipe.toml:4") == (plan.origins["name"], plan.origins["trainer.steps"])


def test_each_file_states_its_schema(write, fake, fakes):
    write(fake.replace("schema = 1", "schema = 2"), "base.toml")

    with pytest.raises(RecipeError, match=r"base\.toml:1:10: schema: schema 2 needs a newer clsfw"):
        make_plan(write('extends = "base.toml"\nschema = 1\n'), [], fakes)
