"""Brings one table of a recipe together with the component that it names, or says what is wrong with it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import ValidationError

from clsfw.contract.component import KINDS, Component, Kind, Settings, validate
from clsfw.contract.parts import ChecksPlan, NamesScores
from clsfw.discovery.plugins import Plugin, Plugins, guard
from clsfw.errors import PluginError
from clsfw.kit.suggestions import listed, near, offer, short, unknown_key
from clsfw.toml.document import MOST_FLAWS, Flaw, section_of
from clsfw.toml.wording import choices_of, explain_errors, fields_of, show

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from clsfw.contract.parts import PlanFacts
    from clsfw.discovery.parts import BuiltPart
    from clsfw.toml.document import Document
    from clsfw.toml.positions import KeyPath

B = TypeVar("B", bound="BuiltPart[Any]")
S = TypeVar("S", bound=Settings)
_NAMES: Mapping[Kind, str] = {kind: "data source" if kind == "data" else kind for kind in KINDS}


@dataclass(frozen=True)
class Part(Generic[B]):
    """A component that a recipe names, with the settings that the recipe gives it and the plugin it comes from."""

    kind: Kind
    plugin: Plugin
    component: Component[Any]
    settings: Settings
    required: bool = False
    """Of a watcher: whether its failure ends the run."""

    def build(self) -> B:
        """Build it; here its heavy libraries are imported.

        Raises:
            PluginError: the plugin failed, other than by one of clsfw's own errors, or built no such part.

        """
        from clsfw.discovery.parts import BUILT, build_part  # only here: it imports numpy

        return cast("B", build_part(BUILT[self.kind], self.plugin, self.component, self.settings))

    def check(self, facts: PlanFacts) -> list[tuple[str, str]]:
        """Ask the settings what of them does not fit the rest of the recipe, as (key, message).

        Raises:
            PluginError: the plugin failed while it was asked.

        """
        if not isinstance(self.settings, ChecksPlan):
            return []
        with self._guarded("check_plan"):
            return [(str(key), str(message)) for key, message in self.settings.check_plan(facts)]

    def score_names(self) -> dict[str, bool]:
        """Return the scores that the settings of a metric name, each with whether greater is better.

        Raises:
            PluginError: the plugin failed while it was asked.

        """
        if not isinstance(self.settings, NamesScores):
            return {}
        with self._guarded("score_names"):
            return {str(name): bool(greater) for name, greater in self.settings.score_names().items()}

    def dump(self) -> dict[str, Any]:
        """Write the part's table out with all defaults, in TOML's own types: what has no value is left out.

        Raises:
            PluginError: the plugin's own serializer failed.

        """
        with self._guarded("settings"):
            values = self.settings.model_dump(mode="json", by_alias=True, exclude_none=True)
        own = {"required": self.required} if self.kind == "watcher" else {}
        return {"use": self.component.name, **own, **values}

    def _guarded(self, what: str) -> AbstractContextManager[None]:
        return guard(self.plugin, f"{what} of {self.component.name!r}")


@dataclass(frozen=True)
class Found:
    """The component that a table names, before its settings are looked at."""

    path: KeyPath
    kind: Kind
    plugin: Plugin
    component: Component[Any]


def find_component(document: Document, path: KeyPath, kind: Kind, plugins: Plugins) -> Found | Flaw:
    """Find what `use` names, or say why it cannot be had."""
    wrong = not_a_table(document, path)
    if wrong is not None:
        return wrong
    table = document.get(path)
    known = plugins.components(kind)
    if "use" not in table:
        message = f"missing key 'use': it names the {_NAMES[kind]}, one of {listed(sorted(known))}"
        return Flaw(path, message, at_key=True)
    name, place = table["use"], (*path, "use")
    if not isinstance(name, str):
        return Flaw(place, f"must be the name of a {_NAMES[kind]} in quotes, not {show(name)}")
    if name in known:
        return Found(path, kind, *known[name])
    claimants = plugins.claimants(kind, name)
    # A plugin that could not be loaded never said what it has; its own name is the best that can be known.
    namesake = plugins.named(name)
    if not claimants and namesake is not None and namesake.state != "ok":
        claimants = [namesake]
    if claimants:
        reasons = "; ".join(f"{plugin} is {plugin.state}: {plugin.reason}" for plugin in claimants)
        return Flaw(place, f"{_NAMES[kind]} {name!r} cannot be had: {reasons}", plugin=True)
    return Flaw(place, _unknown_component(kind, name, plugins))


def not_a_table(document: Document, path: KeyPath) -> Flaw | None:
    """Say that a path holds something else than a table, if so."""
    value = document.get(path)
    if isinstance(value, dict):
        return None
    header, _ = section_of(path)
    return Flaw(path, f"must be a table, written under a {header} header, not {show(value)}", at_key=True)


def _unknown_component(kind: Kind, name: str, plugins: Plugins) -> str:
    available = plugins.components(kind)
    others = [other for other in KINDS if other != kind and name in plugins.components(other)]
    if others:
        return f"{short(name)} is a {_NAMES[others[0]]}, not a {_NAMES[kind]}; available: {listed(sorted(available))}"
    message = f"unknown {_NAMES[kind]} {short(name)}{offer(name, available)}"
    if near(name, available) is None:
        message += "; another name needs the plugin that has it to be installed"
    set_aside = [f"{plugin} is {plugin.state}" for plugin in plugins.all if plugin.state != "ok"]
    if set_aside:
        message += f" (and {', '.join(set_aside)}; see `clsfw list-plugins`)"
    return message


def read_settings(
    document: Document,
    path: KeyPath,
    model: type[S],
    elsewhere: Mapping[str, Iterable[str]],
    *,
    owner: Plugin | None = None,
    apart: Iterable[str] = (),
) -> S | list[Flaw]:
    """Check a table's values against a settings class, or say all that is wrong; the keys `apart` are left out.

    `elsewhere` are the keys of the other tables. What `owner` raises while checking is a plugin's failure. Values from
    the command line that the class wants as text are taken as they were typed.
    """
    values = {key: value for key, value in document.get(path).items() if key not in apart}
    for _ in range(2):
        try:
            with _guarded(owner, f"settings of {document.get((*path, 'use'))!r}"):
                return validate(model, values, lambda name: _folder_of(document, path, model, name))
        except ValidationError as exc:
            error = exc
        if not _take_as_text(document, path, values, error, model):
            break
    flaws: list[Flaw] = []
    component = document.get((*path, "use")) if owner is not None else None
    for below, words, details in explain_errors(error, model, values):
        if details["type"] != "extra_forbidden":
            flaws.append(Flaw((*path, *below), words, at_key=details["type"] == "missing"))
        else:
            own = [*fields_of(model, below[:-1]), *(apart if len(below) == 1 else ())]
            meant = "unknown key"
            if len(flaws) < MOST_FLAWS:  # guessing takes time, and nobody reads the guesses for a thousand keys
                choices = choices_of(model, below[:-1])
                meant = unknown_key(str(below[-1]), own, elsewhere, choices=choices, component=component)
            flaws.append(Flaw((*path, *below), meant, at_key=True))
    return flaws


@contextmanager
def _guarded(owner: Plugin | None, doing: str) -> Iterator[None]:
    try:
        if owner is None:
            yield
        else:
            with guard(owner, doing):
                yield
    except PluginError as exc:
        if isinstance(exc.__cause__, ValidationError):
            raise exc.__cause__ from None
        raise


def _folder_of(document: Document, path: KeyPath, model: type[Settings], name: str | None) -> Path:
    """Return the folder that a relative path in a field starts from: where it was given decides."""
    field = model.model_fields.get(name or "")
    key = (field.alias if field is not None else None) or name
    for spot_path, spot in document.spots.items():
        if spot_path[: len(path)] == path and spot_path[-1] == key:
            return spot.folder
    return document.file.parent


def _take_as_text(
    document: Document, path: KeyPath, values: dict[str, Any], error: ValidationError, model: type[Settings]
) -> bool:
    """Where an override gave a number for what should be text, as in `name=2024`, take the text; return whether any."""
    changed = False
    for below, _, details in explain_errors(error, model, values):
        spot = document.spots.get((*path, *below))
        if details["type"] == "string_type" and spot is not None and spot.raw and below:
            holder: Any = values
            for part in below[:-1]:
                holder = holder[part]
            holder[below[-1]] = spot.raw
            changed = True
    return changed
