"""Describes recipes as a JSON Schema (draft 2020-12), so that editors complete keys and underline mistakes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from clsfw.contract.component import KINDS, Component, Kind
from clsfw.discovery.plugins import guard
from clsfw.errors import UsageError
from clsfw.kit.suggestions import offer
from clsfw.recipe.schema import OPTIONAL, SECTIONS, Recipe
from clsfw.studies.settings import Study
from clsfw.toml.document import LISTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from clsfw.discovery.plugins import Plugin, Plugins

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/"
_MEANINGS: dict[Kind, str] = {
    "data": "where the labelled texts come from",
    "model": "what is trained",
    "trainer": "how it is trained",
    "metric": "how predictions are scored",
    "watcher": "what looks on and changes nothing",
    "searcher": "what proposes settings to try",
    "exporter": "what carries a finished run to another library",
    "executor": "where pieces of work are done",
}


def recipe_schema(plugins: Plugins) -> dict[str, Any]:
    """Return the schema of a whole recipe, with the options of every usable component.

    Raises:
        PluginError: the settings of a component cannot be described.

    """
    kinds = [kind for kind in KINDS if kind not in {"exporter", "executor"}]  # no recipe names one
    found = [(kind, *plugins.components(kind)[name]) for kind in kinds for name in sorted(plugins.components(kind))]
    for _, plugin, component in found:
        _check_describable(plugin, component)
    names, definitions = _describe(Recipe, Study, *(component.settings for _, _, component in found))
    required: dict[tuple[Kind, str], list[str]] = {}
    for kind, _, component in found:
        described = _with_use(definitions[names[component.settings]], kind, component)
        required[kind, component.name] = [key for key in described.pop("required") if key != "use"]
        definitions[f"{kind}.{component.name}"] = described
    top = definitions.pop(names[Recipe])
    sections = {name: _section(name, kind, plugins) for name, kind in SECTIONS.items()}
    strict = {name: _strict(name, kind, required) for name, kind in SECTIONS.items()}
    extends = {"type": "string", "description": "another recipe, from this file's folder, that this one changes"}
    study = {"$ref": _REF + names[Study], "description": "several runs of the recipe as one experiment"}
    schema = {
        "$schema": _DIALECT,
        "title": "clsfw recipe",
        "type": "object",
        "properties": {**top["properties"], "extends": extends, **sections, "study": study},
        "additionalProperties": False,
        "required": ["schema"],
        # What a recipe leaves out may stand in the one that it extends.
        "if": {"not": {"required": ["extends"]}},
        "then": {
            "required": [*top["required"], *(name for name in SECTIONS if name not in OPTIONAL)],
            "properties": strict,
        },
    }
    schema["$defs"] = _used(schema, definitions)
    return schema


def component_schema(plugins: Plugins, name: str) -> dict[str, Any]:
    """Return the schema of the table that uses one component.

    Raises:
        UsageError: no usable component has this name.
        PluginError: its settings cannot be described.

    """
    found = [(kind, *plugins.components(kind)[name]) for kind in KINDS if name in plugins.components(kind)]
    if not found:
        known = {name for kind in KINDS for name in plugins.components(kind)}
        raise UsageError(f"there is no component {name!r}{offer(name, known)}")
    for _, plugin, component in found:
        _check_describable(plugin, component)
    names, definitions = _describe(*(component.settings for _, _, component in found))
    described = [_with_use(definitions[names[component.settings]], kind, component) for kind, _, component in found]
    whole = described[0] if len(described) == 1 else {"anyOf": described}
    return {"$schema": _DIALECT, **whole, "$defs": _used(described, definitions)}


def _describe(*models: type[BaseModel]) -> tuple[dict[type[BaseModel], str], dict[str, Any]]:
    """Return the names of the models' definitions, and all definitions."""
    unique = list(dict.fromkeys(models))
    refs, schema = models_json_schema([(model, "validation") for model in unique], ref_template=_REF + "{model}")
    return {model: refs[model, "validation"]["$ref"].removeprefix(_REF) for model in unique}, dict(schema["$defs"])


def _check_describable(plugin: Plugin, component: Component[Any]) -> None:
    with guard(plugin, f"the JSON Schema of {component.name!r}"):
        component.settings.model_json_schema()


def _with_use(settings: dict[str, Any], kind: Kind, component: Component[Any]) -> dict[str, Any]:
    described = copy.deepcopy(settings)
    described["title"] = component.name
    described["description"] = component.summary
    own: dict[str, Any] = {"use": {"const": component.name}}
    if kind == "watcher":
        own["required"] = {"type": "boolean", "default": False, "description": "whether its failure ends the run"}
    described["properties"] = {**own, **described.get("properties", {})}
    described["required"] = ["use", *described.get("required", [])]
    return described


def _section(name: str, kind: Kind, plugins: Plugins) -> dict[str, Any]:
    known = sorted(plugins.components(kind))
    section = {
        "type": "object",
        "description": _MEANINGS[kind],
        "properties": {"use": {"enum": known, "description": _summaries(kind, plugins)}},
        "allOf": [{"if": _uses(component), "then": {"$ref": f"{_REF}{kind}.{component}"}} for component in known],
    }
    if name not in LISTS:
        return section
    least = 0 if name in OPTIONAL else 1
    return {"type": "array", "minItems": least, "items": section, "description": _MEANINGS[kind]}


def _summaries(kind: Kind, plugins: Plugins) -> str:
    components = plugins.components(kind)
    return "; ".join(f"{name}: {components[name][1].summary}" for name in sorted(components))


def _uses(component: str) -> dict[str, Any]:
    return {"properties": {"use": {"const": component}}, "required": ["use"]}


def _strict(name: str, kind: Kind, required: dict[tuple[Kind, str], list[str]]) -> dict[str, Any]:
    wanted = [(component, keys) for (own, component), keys in required.items() if own == kind and keys]
    strict: dict[str, Any] = {"required": ["use"]}
    if wanted:
        strict["allOf"] = [{"if": _uses(component), "then": {"required": keys}} for component, keys in wanted]
    return {"items": strict} if name in LISTS else strict


def _used(schema: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Keep the definitions that a schema refers to, directly or through another."""
    used: set[str] = set()
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += _references(definitions[name])
    return {name: definitions[name] for name in sorted(used)}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        ref = schema.get("$ref")
        if isinstance(ref, str):
            yield ref.removeprefix(_REF)
        for item in schema.values():
            yield from _references(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)
