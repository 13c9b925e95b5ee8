"""From a recipe to a plan: every table has met its component and passed that component's own checks."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clsfw.errors import ClsfwError
from clsfw.recipe.checking import check_document
from clsfw.recipe.crosschecks import whole_path
from clsfw.recipe.loading import load_document, uses_of
from clsfw.recipe.resolving import differences, origins_of, portable, resolve
from clsfw.toml.document import Document, Flaw, report
from clsfw.toml.overrides import apply_overrides, read_overrides
from clsfw.toml.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.contract.parts import Labels, PlanFacts
    from clsfw.discovery.parts import BuiltMetric, BuiltModel, BuiltSource, BuiltTrainer, BuiltWatcher
    from clsfw.discovery.plugins import Plugins
    from clsfw.recipe.schema import Recipe
    from clsfw.recipe.sections import Part
    from clsfw.toml.overrides import Override
    from clsfw.toml.positions import KeyPath


@dataclass(frozen=True)
class Parts:
    """The built parts of a plan."""

    source: BuiltSource
    model: BuiltModel
    trainer: BuiltTrainer
    metrics: tuple[BuiltMetric, ...]
    watchers: tuple[BuiltWatcher, ...]


@dataclass(frozen=True)
class Plan:
    """A recipe that can be run.

    `text` is the file's content as given. `notes` say what was decided on the way, each worth a line. `origins` says
    of each dotted key where its value comes from: `file:line`, `--set`, `default`, or `plugin NAME default`.
    """

    recipe: Recipe
    file: Path
    text: str
    data: Part[BuiltSource]
    model: Part[BuiltModel]
    trainer: Part[BuiltTrainer]
    metrics: tuple[Part[BuiltMetric], ...]
    watchers: tuple[Part[BuiltWatcher], ...]
    notes: tuple[str, ...]
    origins: Mapping[str, str]
    changes: tuple[str, ...]
    """What differs from the recipe that states what to expect, so that its result cannot be expected."""
    document: Document = field(repr=False)
    facts: Mapping[KeyPath, PlanFacts] = field(repr=False)
    """What the settings of each part know of the rest of the recipe."""

    def build(self) -> Parts:
        """Build every part, so that one that cannot be built is found before any work is done; the trainer first.

        Raises:
            ClsfwError: one of them cannot be built.

        """
        trainer = self.trainer.build()  # it may set what a library reads when another part imports it
        metrics = tuple(part.build() for part in self.metrics)
        watchers = tuple(replace(part.build(), required=part.required) for part in self.watchers)
        return Parts(self.data.build(), self.model.build(), trainer, metrics, watchers)

    def resolved(self) -> dict[str, Any]:
        """Return the recipe with every default filled in and every local path absolute, in TOML's own types."""
        return resolve(self.recipe, self._parts())

    def resolved_toml(self) -> str:
        """Return the resolved recipe as TOML; it runs again by itself."""
        return render(self.resolved())

    def identity(self) -> str:
        """Hash the resolved recipe, its local paths taken from the recipe's folder, as 64 hex digits.

        The same project in another place has the same identity.
        """
        # Not sorted: settings come in the order of their classes, and that of a table of labels has a meaning.
        return hashlib.sha256(json.dumps(self.portable()).encode()).hexdigest()

    def portable(self) -> dict[str, Any]:
        """Return the resolved recipe with local paths as seen from the recipe's folder."""
        return portable(self.resolved(), self._parts(), self.file.parent)

    def check_labels(self, labels: Labels) -> None:
        """See that all settings fit the labels, which only the data says.

        Raises:
            RecipeError: some do not.
            PluginError: a plugin failed while it was asked.

        """
        told = {path: replace(facts, labels=labels) for path, facts in self.facts.items()}
        flaws = [
            Flaw(whole_path(path, key), message)
            for path, part in self._parts().items()
            for key, message in part.check(told[path])
        ]
        report(self.document, flaws)

    def _parts(self) -> dict[KeyPath, Part[Any]]:
        parts: dict[KeyPath, Part[Any]] = {("data",): self.data, ("model",): self.model, ("trainer",): self.trainer}
        parts |= {("metrics", index): part for index, part in enumerate(self.metrics)}
        return parts | {("watchers", index): part for index, part in enumerate(self.watchers)}


def make_plan(
    recipe: str | Path | Document, overrides: Sequence[str | Override] | Mapping[str, Any], plugins: Plugins
) -> Plan:
    """Read a recipe (a path, or the name of a shipped one), change it by the overrides, and check all of it.

    A document that was read before is not changed.

    Raises:
        RecipeError: the recipe has problems; all of them are in it.
        UsageError: an override is not `KEY=VALUE`.
        PluginError: a plugin that the recipe needs is broken, blocked or in conflict, or failed while it was asked.

    """
    changes = read_overrides(overrides)
    document = copy.deepcopy(recipe) if isinstance(recipe, Document) else load_document(recipe)
    named = (*document.added, *(".".join(map(str, change.path)) for change in changes))
    changed = tuple(key for key in named if key.partition(".")[0] != "watchers")  # they change nothing
    stated = _stated(document, plugins) if changed else None
    before = uses_of(document)
    flaws = apply_overrides(document, changes)
    after = uses_of(document)
    # A part that no override exchanges keeps what the extended recipe had in its place.
    document.former_uses |= {path: use for path, use in before.items() if after.get(path) != use}
    checked = check_document(document, plugins, {key.partition(".")[0] for key in changed})
    if isinstance(checked, list):
        flaws += checked
    report(document, flaws)
    if isinstance(checked, list):
        raise AssertionError("a recipe with flaws was reported")  # noqa: TRY004  # for the type checker alone
    own, parts = checked.recipe, checked.parts
    found = list(changed)
    if stated is not None:
        found = differences(stated, portable(resolve(own, parts), parts, document.file.parent), parts)
    already = own.expect.not_comparable or () if own.expect is not None else ()
    differs = tuple(dict.fromkeys([*already, *found]))
    if own.expect is not None and differs:
        # It stands in the resolved recipe too, which is judged no more than this one.
        own = own.model_copy(update={"expect": own.expect.model_copy(update={"not_comparable": differs})})
    return Plan(
        recipe=own,
        file=document.file,
        text=document.text,
        data=parts["data",],
        model=parts["model",],
        trainer=parts["trainer",],
        metrics=tuple(part for path, part in parts.items() if path[0] == "metrics"),
        watchers=tuple(part for path, part in parts.items() if path[0] == "watchers"),
        notes=tuple(checked.notes),
        origins=origins_of(resolve(own, parts), document, parts),
        changes=differs,
        document=document,
        facts=checked.facts,
    )


def _stated(document: Document, plugins: Plugins) -> dict[str, Any] | None:
    """Resolve the recipe that states what to expect, before anything changes it; None if it cannot be run as it is."""
    own = copy.deepcopy(document.stated or document)
    try:
        checked = check_document(own, plugins)
    except ClsfwError:  # what is wrong with it may be what the changes fix
        return None
    if isinstance(checked, list):
        return None
    return portable(resolve(checked.recipe, checked.parts), checked.parts, document.file.parent)
