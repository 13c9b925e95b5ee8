"""Checks a whole document: every table by itself, then all of them together, and everything that is wrong at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from clsfw.kit.suggestions import listed
from clsfw.recipe.crosschecks import check_together
from clsfw.recipe.loading import check_schema
from clsfw.recipe.resolving import dotted
from clsfw.recipe.schema import OPTIONAL, SECTIONS, EvidenceSettings, Expect, Recipe, Split
from clsfw.recipe.sections import Found, Part, find_component, not_a_table, read_settings
from clsfw.toml.document import LISTS, Flaw
from clsfw.toml.values import check_values
from clsfw.toml.wording import fields_of, show

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from clsfw.contract.component import Settings
    from clsfw.contract.parts import PlanFacts
    from clsfw.discovery.plugins import Plugins
    from clsfw.toml.document import Document
    from clsfw.toml.positions import KeyPath

S = TypeVar("S", bound="Settings")
_OWN_TABLES: Mapping[str, type[Settings]] = {"split": Split, "evidence": EvidenceSettings, "expect": Expect}


@dataclass(frozen=True)
class Checked:
    """A document that can be run: its own tables typed, its parts by their path, and what was decided on the way.

    `facts` are what the settings of each part know of the rest.
    """

    recipe: Recipe
    parts: Mapping[KeyPath, Part[Any]]
    facts: Mapping[KeyPath, PlanFacts]
    notes: Sequence[str]


def check_document(document: Document, plugins: Plugins, changed: Collection[str] = ()) -> Checked | list[Flaw]:
    """Check everything that can be checked before anything is built; return what was found wrong, if anything.

    `changed` are the tables that are not as in the recipe that states what to expect.

    Raises:
        RecipeError: the recipe is of another version, or holds what no file can hold.
        PluginError: a plugin failed while it was asked.

    """
    check_schema(document)
    flaws = list(check_values(document))
    if "extends" in document.values:
        flaws.append(Flaw(("extends",), "can only be in the recipe file itself"))
    found, wrong = _find_components(document, plugins)
    notes = [note for part in found for note in _drop_foreign_options(document, part)]
    parts, wrong_settings = _read_parts(document, found)
    flaws += wrong + wrong_settings
    # Each table is read by itself, so that a mistake in one hides none in another.
    tables: dict[str, Settings | None] = {}
    for name, model in _OWN_TABLES.items():
        if name in document.values:
            read = _read_own(document, (name,), model, found)
            tables[name] = None if isinstance(read, list) else read
            flaws += read if isinstance(read, list) else []
    apart = [*SECTIONS, *_OWN_TABLES, "extends", "study"]  # clsfw.studies reads its own table
    recipe = read_settings(document, (), Recipe, _keys_elsewhere(found, ()), apart=apart)
    facts, apart_only = check_together(document, tables, parts, changed)
    if isinstance(recipe, list) or flaws or apart_only:
        return [*flaws, *(recipe if isinstance(recipe, list) else []), *apart_only]
    return Checked(recipe.model_copy(update=tables), parts, facts, notes)


def _read_own(document: Document, path: KeyPath, model: type[S], found: Sequence[Found]) -> S | list[Flaw]:
    wrong = not_a_table(document, path)
    return read_settings(document, path, model, _keys_elsewhere(found, path)) if wrong is None else [wrong]


def _find_components(document: Document, plugins: Plugins) -> tuple[list[Found], list[Flaw]]:
    paths: list[KeyPath] = []
    flaws: list[Flaw] = []
    for section in SECTIONS:
        given = document.get((section,))
        header = f"[[{section}]]" if section in LISTS else f"[{section}]"
        if given is None:
            if section not in OPTIONAL:
                flaws.append(Flaw((), f"missing table {header}", at_key=True))
        elif section not in LISTS:
            paths.append((section,))
        elif isinstance(given, dict):
            message = f"write {header} with two brackets: a recipe may have several"
            flaws.append(Flaw((section,), message, at_key=True))
        elif not isinstance(given, list) or not (given or section in OPTIONAL):
            message = f"must be at least one {header} table, not {show(given) if given else 'empty'}"
            flaws.append(Flaw((section,), message))
        else:
            paths += [(section, index) for index in range(len(given))]
    looked_up = [find_component(document, path, SECTIONS[str(path[0])], plugins) for path in paths]
    flaws += [item for item in looked_up if isinstance(item, Flaw)]
    return [item for item in looked_up if isinstance(item, Found)], flaws


def _drop_foreign_options(document: Document, part: Found) -> list[str]:
    """Where a later layer chose another component, drop the earlier layer's options that only the former one has."""
    former = document.former_uses.get(part.path)
    use = document.spot((*part.path, "use"))
    if former is None or former == part.component.name:
        return []
    dropped = []
    for key in _foreign_keys(document, part):
        spot = document.spot((*part.path, *key))
        if spot.raw is None and (use.raw is not None or spot.rank[0] > use.rank[0]):
            document.drop((*part.path, *key))
            dropped.append(dotted(key))
    if not dropped:
        return []
    section = ".".join(map(str, part.path))
    return [f"{section}.use = {part.component.name!r} has no {listed(dropped)}; dropped what {former!r} was given"]


def _foreign_keys(document: Document, part: Found) -> list[KeyPath]:
    """Return the keys that the component does not have, within a table that it has too."""
    settings = part.component.settings
    known = fields_of(settings)
    foreign: list[KeyPath] = []
    for key, value in document.get(part.path).items():
        inner = fields_of(settings, [key]) if key in known and isinstance(value, dict) else {}
        if key != "use" and key not in known:
            foreign.append((key,))
        elif inner and inner != known:  # a table of fixed keys, not a free one such as labels
            foreign += [(key, name) for name in value if name not in inner]
    return foreign


def _read_parts(document: Document, found: Sequence[Found]) -> tuple[dict[KeyPath, Part[Any]], list[Flaw]]:
    parts: dict[KeyPath, Part[Any]] = {}
    flaws: list[Flaw] = []
    for part in found:
        elsewhere = _keys_elsewhere(found, part.path)
        required, apart = False, ["use"]
        if part.kind == "watcher":
            apart.append("required")
            required = document.get(part.path).get("required", False)
            if not isinstance(required, bool):
                flaws.append(Flaw((*part.path, "required"), f"must be true or false, not {show(required)}"))
        settings = read_settings(
            document, part.path, part.component.settings, elsewhere, owner=part.plugin, apart=apart
        )
        if isinstance(settings, list):
            flaws += settings
        else:
            parts[part.path] = Part(part.kind, part.plugin, part.component, settings, required)
    return parts, flaws


def _keys_elsewhere(found: Sequence[Found], own: KeyPath) -> dict[str, list[str]]:
    """Return the keys of all other tables, by how a message says where they are."""
    elsewhere: dict[str, list[str]] = {}
    for part in found:
        if part.path != own:
            header = f"[[{part.path[0]}]]" if part.path[0] in LISTS else f"[{part.path[0]}]"
            elsewhere.setdefault(f"in {header}", []).extend(fields_of(part.component.settings))
    if own:
        elsewhere["at the top of the recipe, before the first table"] = ["extends", *fields_of(Recipe)]
    for table in ("split", "evidence", "expect"):
        elsewhere[f"in [{table}]"] = list(fields_of(Recipe, (table,)))
    return elsewhere
