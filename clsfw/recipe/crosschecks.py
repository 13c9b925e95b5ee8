"""Checks that need more than one table of a recipe: sizes against splits, names of scores, what a trainer asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.plugin.contracts import ChecksPlan, NamesScores, PlanFacts
from clsfw.plugin.discovery import guard
from clsfw.recipe.schema import SPLITS, Expect, Split
from clsfw.recipe.suggestions import did_you_mean, near

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from clsfw.plugin.component import Settings
    from clsfw.recipe.document import Problems
    from clsfw.recipe.positions import KeyPath
    from clsfw.recipe.sections import Part


def check_together(
    problems: Problems, tables: Mapping[str, Settings | None], parts: Mapping[KeyPath, Part[Any]]
) -> None:
    """Report what does not fit together.

    `tables` are the recipe's own tables by name, None where one is wrong. What depends on a table that is wrong itself
    is left alone, so that one mistake is not told twice.

    Raises:
        PluginError: a plugin failed while it was asked.

    """
    split = tables.get("split")
    metrics = {path: part for path, part in parts.items() if part.kind == "metric"}
    scores = _scores(problems, metrics)
    if ("split" in tables and split is None) or not metrics or len(metrics) != len(problems.document.get(("metrics",))):
        return
    complete = all(isinstance(part.settings, NamesScores) for part in metrics.values())
    splits = _splits(split if isinstance(split, Split) else None)
    for path, part in parts.items():
        facts = PlanFacts(splits, scores | _scores_of_labels(part, scores), complete)
        if isinstance(part.settings, ChecksPlan):
            with guard(part.plugin, f"check_plan of {part.component.name!r}"):
                found = [(str(key), str(message)) for key, message in part.settings.check_plan(facts)]
            for key, message in found:
                whole = (*path, *key.split(".")) if key else path
                given = problems.document.get(whole)
                misspelt = isinstance(given, str) and given not in facts.scores
                problems.add(whole, message + (did_you_mean(given, facts.scores) if misspelt else ""))
    evidence = tables.get("evidence")
    for key in ("tune_threshold", "temperature_scaling"):
        if getattr(evidence, key, False) and "validation" not in splits:
            problems.add(("evidence", key), "needs a validation split to be fitted on; add one under [split]")
    expect = tables.get("expect")
    if isinstance(expect, Expect):
        _check_expectations(problems, expect, splits, scores if complete else {})


def _splits(split: Split | None) -> frozenset[str]:
    """Give the splits that there will be; the data's own are not known before it is read."""
    return frozenset(SPLITS if split is None or split.method == "given" else split.sizes)


def _scores(problems: Problems, metrics: Mapping[KeyPath, Part[Any]]) -> dict[str, bool]:
    scores: dict[str, bool] = {}
    owners: dict[str, str] = {}
    for path, part in metrics.items():
        if not isinstance(part.settings, NamesScores):
            continue
        with guard(part.plugin, f"score_names of {part.component.name!r}"):
            named = {str(name): bool(greater) for name, greater in part.settings.score_names().items()}
        taken: Sequence[str] = [name for name in named if name in owners]
        if taken:
            problems.add(
                (*path, "use"), f"it gives {taken[0]!r}, which {owners[taken[0]]!r} gives already; keep one of the two"
            )
        owners |= dict.fromkeys(named, part.component.name)
        scores |= named
    return scores


def _scores_of_labels(part: Part[Any], scores: Mapping[str, bool]) -> dict[str, bool]:
    """Give the scores that the settings name after one that is known, as in `f1_positive`.

    A metric cannot name the scores of each label before the labels are known.
    """
    texts = [value for value in part.settings.model_dump().values() if isinstance(value, str)]
    return {text: greater for text in texts for name, greater in scores.items() if text.startswith(f"{name}_")}


def _check_expectations(problems: Problems, expect: Expect, splits: frozenset[str], scores: Mapping[str, bool]) -> None:
    named: dict[KeyPath, list[str]] = {}
    for split, expected in expect.splits.items():
        if split not in splits:
            problems.add(("expect", split), f"there is no {split} split; add one under [split]", at_key=True)
        named["expect", split] = list(expected.targets)
    if expect.history is not None:
        named["expect", "history"] = list(expect.history.values)
    for path, names in named.items():
        for name in names:
            meant = near(name, scores)
            # A metric may give scores of each label besides those it can name, as in f1_positive.
            if meant is not None and name not in scores and not any(name.startswith(f"{s}_") for s in scores):
                message = f"no metric of this recipe gives {name!r}; did you mean {meant!r}?"
                problems.add((*path, name), message, at_key=True)
