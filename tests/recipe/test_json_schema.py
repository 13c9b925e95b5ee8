"""The JSON Schema of recipes."""

from __future__ import annotations

import tomllib

import jsonschema
import pytest
from pydantic import ConfigDict
from support.recipe_faults import CONTENT_FAULTS, GOOD

from clsfw.contract.component import Component, Settings
from clsfw.discovery.plugins import Plugin, Plugins
from clsfw.errors import PluginError, UsageError
from clsfw.recipe.schema import SECTIONS, Recipe
from clsfw.scaffold.json_schema import component_schema, recipe_schema

ROOT_KEYS = {"study", "schema", "name", "seed", "extends", "split", "evidence", "expect", *SECTIONS}
# What a schema cannot say: relations between values, names in use, secrets, words in free text.
NOT_BY_SCHEMA = {
    "warmup",
    "no-size",
    "no-train",
    "epochs-and-steps",
    "unknown-score",
    "score-direction",
    "stopping-without-evaluation",
    "fractions-over-one",
    "counts-and-fractions",
    "token-in-url",
    "token-value",
    "pair-is-label",
    "fraction-for-whole",  # to JSON Schema, 30.0 is a whole number
}


@pytest.fixture(scope="module")
def schema(bundled):
    return recipe_schema(bundled)


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_shipped_recipe_is_valid(validator, root):
    files = sorted((root / "recipes").rglob("*.toml"))

    assert files
    assert {} == {
        file.name: found
        for file in files
        if (
            found := [error.message for error in validator.iter_errors(tomllib.loads(file.read_text(encoding="utf-8")))]
        )
    }


def test_the_top_level_has_the_recipes_keys_and_no_others(schema):
    assert ROOT_KEYS == set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_each_component_has_its_keys(schema, bundled):
    for kind in ("data", "model", "trainer", "metric"):
        for name, (_, component) in bundled.components(kind).items():
            keys = {info.alias or key for key, info in component.settings.model_fields.items()}

            assert {"use", *keys} == set(schema["$defs"][f"{kind}.{name}"]["properties"])


def test_every_key_that_an_editor_offers_is_described(schema):
    undescribed = [
        f"{name}.{key}"
        for name, definition in {"recipe": schema, **schema["$defs"]}.items()
        for key, value in definition["properties"].items()
        if key != "use" and "description" not in value
    ]

    assert [] == undescribed


@pytest.mark.parametrize("fault", [f for f in CONTENT_FAULTS if not f.overrides], ids=str)
def test_it_refuses_what_clsfw_refuses(fault, validator):
    found = list(validator.iter_errors(tomllib.loads(fault.content.decode())))
    beyond = fault.name in NOT_BY_SCHEMA or fault.name.startswith("name-")

    assert beyond != bool(found)


def test_a_recipe_that_extends_may_leave_things_out(validator):
    assert validator.is_valid({"schema": 1, "extends": "base.toml", "trainer": {"use": "gpu-trainer", "max_steps": 5}})
    assert validator.is_valid({"schema": 1, "extends": "base.toml", "trainer": {"max_steps": 5}})
    assert not validator.is_valid({"schema": 1, "trainer": {"max_steps": 5}})


def test_options_follow_the_component(validator):
    recipe = tomllib.loads(GOOD)
    assert validator.is_valid(recipe)

    recipe["model"]["use"] = "hf-encoder"
    assert not validator.is_valid(recipe)  # scratch.n_layers is what hf-distilbert calls it


def test_one_component_alone(bundled):
    schema = component_schema(bundled, "macro-metrics")

    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"use": "macro-metrics", "per_label": True})
    assert not validator.is_valid({"use": "macro-metrics", "per_label": 3})
    assert not validator.is_valid({})


def test_a_name_of_two_kinds_gives_both(fakes):
    twice = Plugin("twice", "acme", "1", "ok", None, {"data": fakes.components("model")["bag"][1:]})

    schema = component_schema(Plugins((*fakes.all, twice)), "bag")

    assert 2 == len(schema["anyOf"])
    assert jsonschema.Draft202012Validator(schema).is_valid({"use": "bag", "inner": {"size": 3}})


def test_an_unknown_component_is_a_mistake_of_the_command_line(fakes):
    with pytest.raises(UsageError, match="there is no component 'bagg'; did you mean 'bag'"):
        component_schema(fakes, "bagg")


def test_settings_that_cannot_be_described_name_their_plugin(fakes):
    class Odd(Settings):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        thing: object = None
        other: type("Strange", (), {}) = None

    odd = Component(name="odd", summary="odd", settings=Odd, build=print)
    plugins = Plugins((*fakes.all, Plugin("odd", "acme-odd", "1", "ok", None, {"data": (odd,)})))

    with pytest.raises(PluginError, match=r"plugin 'odd' \(acme-odd 1\) failed in the JSON Schema of 'odd'"):
        recipe_schema(plugins)


def test_the_root_keys_are_all_of_the_recipe():
    fields = {info.alias or name for name, info in Recipe.model_fields.items()}

    assert ROOT_KEYS == fields | set(SECTIONS) | {"extends", "study"}


def test_watchers_are_described_and_none_is_needed(fakes):
    schema = jsonschema.Draft202012Validator(recipe_schema(fakes))
    recipe = {
        "schema": 1,
        "name": "x",
        "data": {"use": "texts", "source": "a"},
        "model": {"use": "bag"},
        "trainer": {"use": "count"},
        "metrics": [{"use": "hits"}],
    }

    assert schema.is_valid(recipe)
    assert schema.is_valid({**recipe, "watchers": [{"use": "peep", "required": True, "times": 3}]})
    assert not schema.is_valid({**recipe, "watchers": [{"use": "peep", "required": "yes"}]})
    assert not schema.is_valid({**recipe, "watchers": [{"use": "peek"}]})
    assert not schema.is_valid({**recipe, "watchers": {"use": "peep"}})
    assert not schema.is_valid({**recipe, "plugins": ["peep"]})
