"""From a recipe with a `[study]` to the runs that it asks for; each is a plan of its own, made from one reading."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clsfw.recipe.loading import load_document
from clsfw.recipe.plan import Plan, make_plan
from clsfw.studies.settings import Study, read_study
from clsfw.toml.overrides import Override, apply_overrides, read_overrides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.discovery.plugins import Plugins
    from clsfw.toml.document import Document


@dataclass(frozen=True)
class StudyPlan:
    """A study that can be carried out: the recipe's own plan, and the seeds that it is run under."""

    own: Plan
    settings: Study
    seeds: tuple[int, ...]
    document: Document = field(repr=False)
    overrides: tuple[Override, ...] = field(repr=False)
    plugins: Plugins = field(repr=False)

    def run(self, seed: int) -> Plan:
        """Return the plan of the run with a seed; the rows of its splits are those of every other run.

        Raises:
            ClsfwError: as for `make_plan`.

        """
        split, first = self.own.recipe.split, self.own.recipe.seed
        if seed == first:
            return self.own
        values: dict[str, Any] = {"seed": seed}
        if split is not None and split.method in {"random", "stratified"} and split.seed is None:
            values["split.seed"] = first  # or each run would be judged on rows of its own
        return make_plan(self.document, [*self.overrides, *read_overrides(values)], self.plugins)

    def identity(self) -> str:
        """Hash the resolved recipe and what is done with it, as 64 hex digits."""
        return hashlib.sha256(json.dumps([self.own.identity(), self.to_json()]).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what the study does with its recipe, as plain values."""
        return {"seeds": list(self.seeds)}


def make_study(recipe: str | Path, overrides: Sequence[str] | Mapping[str, Any], plugins: Plugins) -> StudyPlan:
    """Read a recipe with a `[study]`, and check all of it.

    Raises:
        ClsfwError: as for `make_plan`.

    """
    changes = read_overrides(overrides)
    document = load_document(recipe)
    own = make_plan(document, changes, plugins)
    changed = copy.deepcopy(document)
    apply_overrides(changed, changes)
    settings = read_study(changed)
    return StudyPlan(own, settings, settings.seeds_from(own.recipe.seed), document, tuple(changes), plugins)
