"""`--set` and overrides from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from clsfw.discovery.plugins import discover
from clsfw.errors import RecipeError, UsageError
from clsfw.recipe.plan import make_plan
from clsfw.toml.overrides import read_overrides


def value_of(text):
    (override,) = read_overrides([f"k={text}"])
    return override.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        (" 5 ", 5),
        ("1e-5", 1e-5),
        ("true", True),
        ('"5"', "5"),
        ("'a b'", "a b"),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("5 # five", 5),
    ],
)
def test_a_value_is_toml(text, expected):
    assert expected == value_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "../data/x.csv",
        "~/x",
        "True",
        "a b",
        "[1, 2",
        "2024-01-01",
        "nan",
        "9" * 30,
        "1\nb = 2",
        "a=b",
        "[" * 3000,
        "'",
    ],
)
def test_what_is_no_toml_value_is_text(text):
    assert text == value_of(text)


def test_a_value_may_hold_an_equals_sign():
    (override,) = read_overrides(["data.source=https://example.org/?a=b"])

    assert (("data", "source"), "https://example.org/?a=b") == (override.path, override.value)


@pytest.mark.parametrize("given", ["trainer.steps=5", ["trainer.steps"], {"": 1}, {3: 1}, {"a b": 1}])
def test_what_is_no_override_is_a_usage_error(given):
    with pytest.raises(UsageError):
        read_overrides(given)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", 1j, [None]])
def test_a_python_value_that_toml_has_not_is_a_usage_error(value):
    with pytest.raises(UsageError, match="must be text, a number"):
        read_overrides({"a": value})


def test_a_value_that_holds_itself_is_a_usage_error():
    endless = []
    endless.append(endless)

    with pytest.raises(UsageError, match="deep"):
        read_overrides({"a": endless})


def test_an_override_is_checked_by_the_schema_and_names_itself(write, fake, fakes):
    with pytest.raises(RecipeError) as caught:
        make_plan(write(fake), ["trainer.steps=0", "data.row=3"], fakes)

    assert [
        "--set trainer.steps=0: [trainer] steps: must be at least 1, not 0",
        "--set data.row=3: [data] row: unknown key; did you mean 'rows'?",
    ] == str(caught.value).splitlines()


def test_a_mapping_does_the_same_and_names_its_key(write, fake, fakes):
    plan = make_plan(write(fake), {"trainer.steps": 7, "model.weights": (1, 2)}, fakes)

    assert (7, (1.0, 2.0)) == (plan.trainer.settings.steps, plan.model.settings.weights)
    with pytest.raises(
        RecipeError, match=r"^overrides\['trainer.steps'\]: \[trainer\] steps: must be at least 1, not 0$"
    ):
        make_plan(write(fake), {"trainer.steps": 0}, fakes)


@pytest.mark.parametrize("value", ["2024", "true", "1e5", "0x1F", "2024-01-01", "[1]"])
def test_text_is_taken_where_the_schema_wants_text(value, write, fake, fakes):
    plan = make_plan(write(fake), [f"data.sha256={value}"], fakes)

    assert value == plan.data.settings.sha256


def test_text_is_taken_within_a_table_too(root):
    plan = make_plan(root / "recipes" / "quickstart.toml", ["data.labels.negative=2024"], discover())

    assert {"negative": "2024", "positive": "POSITIVE"} == plan.data.settings.labels


def test_text_is_not_taken_from_a_file_or_from_python(write, fake, fakes):
    with pytest.raises(RecipeError, match="text in quotes, not 2024"):
        make_plan(write(fake.replace('"fake"', "2024")), [], fakes)
    with pytest.raises(RecipeError, match="text in quotes, not 2024"):
        make_plan(write(fake), {"name": 2024}, fakes)


def test_a_list_for_text_stays_a_mistake_in_the_items(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"\[data\] more.0: must be text in quotes, not 1"):
        make_plan(write(fake), ["data.more=[1]"], fakes)


def test_text_with_toml_quotes_stays_text(write, fake, fakes):
    with pytest.raises(RecipeError, match="must be a whole number, not the text '20'"):
        make_plan(write(fake), ['trainer.steps="20"'], fakes)


def test_the_last_of_two_overrides_counts(write, fake, fakes):
    plan = make_plan(write(fake), ["trainer.steps=1", "trainer.steps=2"], fakes)

    assert 2 == plan.trainer.settings.steps


def test_an_index_reaches_into_the_metrics(write, fake, fakes):
    plan = make_plan(write(fake), ["metrics.0.prefix=a_", 'metrics.1.use="hits"'], fakes)

    assert ["a_", ""] == [part.settings.prefix for part in plan.metrics]


def test_an_override_replaces_a_table(write, fake, fakes):
    text = fake.replace('use = "bag"', 'use = "bag"\nextra = { a = 1, b = 2 }')

    plan = make_plan(write(text), ["model.extra={c = 50}"], fakes)

    assert {"c": 2} == plan.model.settings.extra


def test_an_override_makes_the_tables_on_its_way(write, fake, fakes):
    plan = make_plan(write(fake), ["split.method=random", "split.train=0.5", "split.validation=0.5"], fakes)

    assert {"train": 0.5, "validation": 0.5} == plan.recipe.split.sizes


def test_a_table_that_only_overrides_made_is_named_by_them(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"^--set split.train=5: \[split\] missing key 'method'"):
        make_plan(write(fake), ["split.train=5"], fakes)


def test_relative_paths_start_where_they_are_given(write, fake, fakes, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    file = write(fake.replace('"bag"', '"bag"\ninner.vocabulary = "words.txt"'), "recipes/a.toml")

    from_file = make_plan(file, [], fakes)
    from_set = make_plan(file, ["data.source=texts.csv", "model.inner.vocabulary=words.txt"], fakes)

    recipes = tmp_path / "recipes"
    assert [str(recipes / "texts.csv"), str(recipes / "words.txt")] == [
        from_file.data.settings.source,
        from_file.model.settings.inner.vocabulary,
    ]
    assert [str(elsewhere / "texts.csv"), str(elsewhere / "words.txt")] == [
        from_set.data.settings.source,
        from_set.model.settings.inner.vocabulary,
    ]


def test_a_path_object_is_a_value(write, fake, fakes, tmp_path):
    plan = make_plan(write(fake), {"data.source": tmp_path / "x.csv"}, fakes)

    assert str(tmp_path / "x.csv") == plan.data.settings.source
    assert isinstance(plan.resolved()["data"]["source"], str)


def test_another_component_drops_what_only_the_old_one_has(write, fake, fakes):
    text = fake.replace('source = "texts.csv"', 'source = "texts.csv"\nsha256 = "a"\nrows = 5')

    plan = make_plan(write(text), ["data.use=cloud", "data.bucket=b"], fakes)

    assert ("cloud", "b", 5) == (plan.data.component.name, plan.data.settings.bucket, plan.data.settings.rows)
    assert ("data.use = 'cloud' has no 'source', 'sha256'; dropped what 'texts' was given",) == plan.notes


def test_what_was_set_for_the_new_component_is_never_dropped(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"--set data\.sha256=x: \[data\] sha256: unknown key"):
        make_plan(write(fake), ["data.use=cloud", "data.bucket=b", "data.sha256=x"], fakes)


def test_the_same_component_again_drops_nothing(write, fake, fakes):
    with pytest.raises(RecipeError, match="sourc: unknown key"):
        make_plan(write(fake.replace("source =", 'sourc = "a"\nsource =')), ["data.use=texts"], fakes)


def test_a_name_with_half_a_character_is_refused(write, fake, fakes):
    with pytest.raises(RecipeError, match="half a character"):
        make_plan(write(fake), ["name=a\udc80"], fakes)


def test_extends_cannot_be_set(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"--set extends=x\.toml: extends: .*file"):
        make_plan(write(fake), ["extends=x.toml"], fakes)


def test_a_relative_recipe_is_shown_as_it_was_named(write, fake, fakes, monkeypatch, tmp_path):
    write(fake.replace("schema = 1\n", ""))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(RecipeError, match=r"^recipe\.toml:1:1: missing key 'schema'"):
        make_plan(Path("recipe.toml"), [], fakes)


def test_long_names_and_values_are_cut_in_messages(write, fake, fakes):
    long = "x" * 10_000

    with pytest.raises(RecipeError) as caught:
        make_plan(write(fake), [f"trainer.{long}=1", f"model.use={long}", f'trainer.steps="{long}"'], fakes)

    assert 3 == len(caught.value.problems)
    assert len(str(caught.value)) < 2_000


@pytest.mark.parametrize("overrides", [["trainer.steps="], {"trainer.steps": None}])
def test_a_value_can_be_taken_out_so_that_the_default_counts(overrides, write, fake, fakes):
    plan = make_plan(write(fake.replace('"count"', '"count"\nsteps = 9')), overrides, fakes)

    assert (3, "plugin counters default") == (plan.trainer.settings.steps, plan.origins["trainer.steps"])
    assert ["trainer.steps: 3, not 9"] == list(plan.changes)


@pytest.mark.parametrize("key", ["trainer.steps", "trainer.a.b", "metrics.0", "metrics.7", "name.a", "zzz"])
def test_what_is_not_there_cannot_be_taken_out(key, write, fake, fakes):
    with pytest.raises(RecipeError, match=rf"^--set {key}=: there is no key '{key}' to take out$"):
        make_plan(write(fake), [f"{key}="], fakes)


def test_another_component_drops_what_a_table_inside_does_not_have() -> None:
    plan = make_plan("quickstart", ["model.use=hf-encoder"], discover())

    assert plan.notes[0].startswith("model.use = 'hf-encoder' has no 'scratch.dim', ")
    assert 2000 == plan.resolved()["model"]["scratch"]["vocab_size"]


def test_a_changed_path_is_named_without_this_machines_folders(root: Path) -> None:
    plan = make_plan("quickstart", [f"data.source={root / 'recipes' / 'other.csv'}"], discover())

    assert ["data.source: './other.csv', not './quickstart.csv'"] == list(plan.changes)
