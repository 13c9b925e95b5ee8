"""From a recipe with a `[study]` to the runs that it asks for; each is a plan of its own, made from one reading."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clsfw.recipe.loading import load_document
from clsfw.recipe.plan import Plan, make_plan
from clsfw.studies.settings import Search, read_study
from clsfw.toml.overrides import Override, apply_overrides, read_overrides

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clsfw.discovery.plugins import Plugins
    from clsfw.toml.document import Document


@dataclass(frozen=True)
class StudyPlan:
    """A study that can be carried out: the recipe's own plan, the search, and the seeds of the final runs."""

    own: Plan
    seeds: tuple[int, ...]
    search: Search | None
    document: Document = field(repr=False)
    overrides: tuple[Override, ...] = field(repr=False)
    plugins: Plugins = field(repr=False)

    def run(self, seed: int, values: Mapping[str, Any] | None = None) -> Plan:
        """Return the plan of a final run with a seed, and with values that the search chose.

        The rows of its splits are those of every other run.

        Raises:
            ClsfwError: as for `make_plan`.

        """
        split, first = self.own.recipe.split, self.own.recipe.seed
        if seed == first and self.search is None:
            return self.own
        changes: dict[str, Any] = {"seed": seed, **(values or {})}
        if split is not None and split.method in {"random", "stratified"} and split.seed is None:
            changes["split.seed"] = first  # or each run would be judged on rows of its own
        if self.search is not None:
            changes["evidence.score_validation"] = True  # to see what the search's best score was worth
        return self._changed(changes)

    def trial(self, values: Mapping[str, Any]) -> Plan:
        """Return the plan of a trial: the recipe's own seed, these values, and a test split that stays closed.

        Raises:
            ClsfwError: as for `make_plan`.

        """
        given = {"split.method": "given"} if self.own.recipe.split is None else {}
        return self._changed({**values, **given, "split.keep_test_closed": True})

    def _changed(self, changes: Mapping[str, Any]) -> Plan:
        return make_plan(self.document, [*self.overrides, *read_overrides(changes)], self.plugins)

    @property
    def runs(self) -> int:
        """How many runs there will be, all trials made."""
        return len(self.seeds) if self.search is None else self.search.trials + 2 * len(self.seeds)

    @property
    def pieces(self) -> int:
        """How many runs there will be, where one that goes on after it was judged counts each time."""
        return self.runs + (sum(self.search.going[1:]) if self.search is not None else 0)

    def effort(self) -> float:
        """Return how many whole trainings the study costs."""
        if self.search is None:
            return float(self.runs)
        parts = zip(self.search.going, (0.0, *self.search.stages), self.search.stages, strict=False)
        return sum(count * (end - begin) for count, begin, end in parts) + 2 * len(self.seeds)

    def identity(self) -> str:
        """Hash the resolved recipe and what is done with it, as 64 hex digits."""
        return hashlib.sha256(json.dumps([self.own.identity(), self.to_json()]).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what the study does with its recipe, as plain values."""
        return {"seeds": list(self.seeds), **({"search": self.search.to_json()} if self.search is not None else {})}


def make_study(
    recipe: str | Path, overrides: Sequence[str | Override] | Mapping[str, Any], plugins: Plugins
) -> StudyPlan:
    """Read a recipe with a `[study]`, and check all of it.

    Raises:
        ClsfwError: as for `make_plan`.

    """
    changes = read_overrides(overrides)
    document = load_document(recipe)
    own = make_plan(document, changes, plugins)
    changed = copy.deepcopy(document)
    apply_overrides(changed, changes)
    seeds, search = read_study(changed, document, changes, own, plugins)
    return StudyPlan(own, seeds, search, document, tuple(changes), plugins)
