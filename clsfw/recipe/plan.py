"""From a recipe to a plan: every table has met its component and passed that component's own checks."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomli_w

from clsfw.errors import ClsfwError, PluginError
from clsfw.recipe.crosschecks import check_together
from clsfw.recipe.document import Document, Problems
from clsfw.recipe.loading import check_values, load_document, uses_of
from clsfw.recipe.overrides import apply_overrides, read_overrides
from clsfw.recipe.resolving import differences, origins_of, portable, resolve
from clsfw.recipe.schema import SCHEMA, SECTIONS, Recipe
from clsfw.recipe.sections import Found, Part, find_component, read_settings
from clsfw.recipe.suggestions import did_you_mean, listed
from clsfw.recipe.wording import fields_of, show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.plugin.contracts import DataSource, Metric, Model, Trainer
    from clsfw.plugin.discovery import Plugin, Plugins
    from clsfw.recipe.overrides import Override
    from clsfw.recipe.positions import KeyPath


@dataclass(frozen=True)
class Plan:
    """A recipe that can be run.

    `text` is the file's content as given. `watchers` are the plugins that may watch, sorted by name. `notes` tell what
    was decided on the way, each worth a line. `origins` says of each dotted key where its value comes from:
    `file:line`, `--set`, `default`, or `plugin NAME default`.
    """

    recipe: Recipe
    file: Path
    text: str
    data: Part[DataSource]
    model: Part[Model]
    trainer: Part[Trainer[Any]]
    metrics: tuple[Part[Metric], ...]
    watchers: tuple[Plugin, ...]
    notes: tuple[str, ...]
    origins: Mapping[str, str]
    baseline: Mapping[str, Any] | None = field(default=None, repr=False)
    """The resolved recipe without the overrides; None where there are none, or where it cannot be run without them."""
    overridden: tuple[str, ...] = ()
    """The dotted keys that overrides were given for."""

    def resolved(self) -> dict[str, Any]:
        """Give the recipe with every default filled in and every local path absolute, in TOML's own types."""
        return resolve(self.recipe, self._parts())

    def resolved_toml(self) -> str:
        """Give the resolved recipe as TOML; it runs again by itself."""
        return tomli_w.dumps(self.resolved())

    def identity(self) -> str:
        """Hash the resolved recipe, its local paths taken from the recipe's folder, as 64 hex digits.

        The same project in another place has the same identity.
        """
        return hashlib.sha256(json.dumps(self.portable(), sort_keys=True).encode()).hexdigest()

    def portable(self) -> dict[str, Any]:
        """Give the resolved recipe with local paths as seen from the recipe's folder."""
        return portable(self.resolved(), self._parts(), self.file.parent)

    def comparable_changes(self) -> list[str]:
        """Name what overrides made different from the recipe's own, so that its result cannot be expected."""
        if not self.overridden:
            return []
        if self.baseline is None:
            return list(self.overridden)
        return differences(self.baseline, self.resolved(), self._parts())

    def _parts(self) -> dict[KeyPath, Part[Any]]:
        parts: dict[KeyPath, Part[Any]] = {("data",): self.data, ("model",): self.model, ("trainer",): self.trainer}
        return parts | {("metrics", index): part for index, part in enumerate(self.metrics)}


def make_plan(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any], plugins: Plugins) -> Plan:
    """Read a recipe (a path, or the name of a shipped one), change it by the overrides, and check all of it.

    Raises:
        RecipeError: the recipe has problems; all of them are in it.
        UsageError: an override is no `KEY=VALUE`.
        PluginError: a plugin that the recipe needs is broken, blocked or in conflict, or failed while it was asked.

    """
    changes = read_overrides(overrides)
    document = load_document(recipe)
    baseline = None
    if changes:
        try:
            baseline = _plan(copy.deepcopy(document), (), plugins, None).resolved()
        except ClsfwError:
            baseline = None  # the overrides may be what makes it run
    return _plan(document, changes, plugins, baseline)


def _plan(
    document: Document, changes: Sequence[Override], plugins: Plugins, baseline: Mapping[str, Any] | None
) -> Plan:
    document.former_uses |= uses_of(document) if changes else {}
    apply_overrides(document, changes)
    problems = Problems(document)
    _check_schema(problems)
    check_values(problems)
    out_of_order: list[tuple[KeyPath, PluginError]] = []
    found = _find_components(problems, plugins, out_of_order)
    notes = [note for part in found for note in _drop_foreign_options(document, part)]
    parts = _read_parts(problems, found)
    recipe = read_settings(problems, (), Recipe, _keys_elsewhere(found, ()), apart=[*SECTIONS, "extends"])
    if recipe is not None:
        for key, message in recipe.split.own_problems() if recipe.split is not None else ():
            problems.add(("split", key) if key else ("split",), message, at_key=not key)
        _check_plugins(problems, recipe, plugins, out_of_order)
        if not problems.found and not out_of_order:
            check_together(problems, recipe, parts)
    if problems.found:
        for path, error in out_of_order:
            problems.add(path, str(error))
    problems.raise_all()
    if out_of_order:
        raise PluginError("; ".join(dict.fromkeys(str(error) for _, error in out_of_order)))
    if recipe is None:
        raise AssertionError("a recipe without problems has settings")
    return _assemble(document, recipe, parts, plugins=plugins, notes=notes, changes=changes, baseline=baseline)


def _assemble(
    document: Document,
    recipe: Recipe,
    parts: Mapping[KeyPath, Part[Any]],
    *,
    plugins: Plugins,
    notes: Sequence[str],
    changes: Sequence[Override],
    baseline: Mapping[str, Any] | None,
) -> Plan:
    named = [plugin for plugin in map(plugins.named, recipe.plugins) if plugin is not None]
    watchers = {plugin.name: plugin for plugin in (*(part.plugin for part in parts.values()), *named)}
    return Plan(
        recipe=recipe,
        file=document.file,
        text=document.text,
        data=parts["data",],
        model=parts["model",],
        trainer=parts["trainer",],
        metrics=tuple(part for path, part in parts.items() if path[0] == "metrics"),
        watchers=tuple(watchers[name] for name in sorted(watchers)),
        notes=tuple(notes),
        origins=origins_of(resolve(recipe, parts), document, parts),
        baseline=baseline,
        overridden=tuple(".".join(map(str, change.path)) for change in changes),
    )


def _check_schema(problems: Problems) -> None:
    """Settle the recipe's version first: another one could mean anything else by its keys.

    Raises:
        RecipeError: the version is not this one.

    """
    from clsfw import __version__

    given = problems.document.values.get("schema")
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int):
        problems.add(("schema",), f"must be a whole number, not {show(given)}; this clsfw reads schema = {SCHEMA}")
    elif given > SCHEMA:
        message = f"schema {show(given)} needs a newer clsfw than this {__version__}, which reads schema = {SCHEMA}"
        problems.add(("schema",), f"{message}; upgrade with `pip install --upgrade clsfw`")
    elif given < SCHEMA:
        problems.add(("schema",), f"there is no schema {show(given)}; write schema = {SCHEMA}")
    problems.raise_all()


def _find_components(
    problems: Problems, plugins: Plugins, out_of_order: list[tuple[KeyPath, PluginError]]
) -> list[Found]:
    document = problems.document
    paths: list[KeyPath] = []
    for section in SECTIONS:
        given = document.get((section,))
        header = "[[metrics]]" if section == "metrics" else f"[{section}]"
        if given is None:
            problems.add((), f"missing table {header}", at_key=True)
        elif section != "metrics":
            paths.append((section,))
        elif isinstance(given, dict):
            problems.add(("metrics",), "write [[metrics]] with two brackets: a recipe may have several", at_key=True)
        elif not isinstance(given, list) or not given:
            problems.add(
                ("metrics",), f"must be at least one [[metrics]] table, not {show(given) if given else 'empty'}"
            )
        else:
            paths += [("metrics", index) for index in range(len(given))]
    found = []
    for path in paths:
        try:
            component = find_component(problems, path, SECTIONS[str(path[0])], plugins)
        except PluginError as exc:
            out_of_order.append(((*path, "use"), exc))
        else:
            found += [component] if component is not None else []
    return found


def _drop_foreign_options(document: Document, part: Found) -> list[str]:
    """Where a later layer chose another component, drop the earlier layer's options that only the former one has."""
    former = document.former_uses.get(part.path)
    use = document.spot((*part.path, "use"))
    if former is None or former == part.component.name:
        return []
    known = fields_of(part.component.settings)
    dropped = []
    for key in [key for key in document.get(part.path) if key != "use" and key not in known]:
        spot = document.spot((*part.path, key))
        if spot.raw is None and (use.raw is not None or spot.rank[0] > use.rank[0]):
            document.drop((*part.path, key))
            dropped.append(key)
    if not dropped:
        return []
    section = ".".join(map(str, part.path))
    return [f"{section}.use = {part.component.name!r} has no {listed(dropped)}; dropped what {former!r} was given"]


def _read_parts(problems: Problems, found: Sequence[Found]) -> dict[KeyPath, Part[Any]]:
    parts: dict[KeyPath, Part[Any]] = {}
    for part in found:
        elsewhere = _keys_elsewhere(found, part.path)
        settings = read_settings(
            problems, part.path, part.component.settings, elsewhere, owner=part.plugin, apart=["use"]
        )
        if settings is not None:
            parts[part.path] = Part(part.kind, part.plugin, part.component, settings)
    return parts


def _keys_elsewhere(found: Sequence[Found], own: KeyPath) -> dict[str, list[str]]:
    """Give the keys of all other tables, by how a message says where they are."""
    elsewhere: dict[str, list[str]] = {}
    for part in found:
        if part.path != own:
            header = "[[metrics]]" if part.kind == "metric" else f"[{part.path[0]}]"
            elsewhere.setdefault(f"in {header}", []).extend(fields_of(part.component.settings))
    for table in ("split", "evidence", "expect"):
        elsewhere[f"in [{table}]"] = list(fields_of(Recipe, (table,)))
    if own:
        elsewhere["at the top of the recipe, before the first table"] = ["extends", *fields_of(Recipe)]
    return elsewhere


def _check_plugins(
    problems: Problems, recipe: Recipe, plugins: Plugins, out_of_order: list[tuple[KeyPath, PluginError]]
) -> None:
    names = [plugin.name for plugin in plugins.all]
    for index, name in enumerate(recipe.plugins):
        path = ("plugins", index)
        plugin = plugins.named(name)
        if plugin is None:
            problems.add(path, f"there is no plugin {name!r}{did_you_mean(name, names)}; installed: {listed(names)}")
        elif plugin.state != "ok":
            out_of_order.append(
                (path, PluginError(f"the recipe wants {plugin}, which is {plugin.state}: {plugin.reason}"))
            )
