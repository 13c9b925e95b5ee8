"""Checks that need more than one table of a recipe: sizes against splits, names of scores, what a trainer asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import PlanFacts
from clsfw.kit.suggestions import did_you_mean, offer
from clsfw.recipe.schema import Expect, Split
from clsfw.toml.document import Flaw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

    from clsfw.contract.component import Settings
    from clsfw.recipe.sections import Part
    from clsfw.toml.document import Document
    from clsfw.toml.positions import KeyPath


def check_together(
    document: Document,
    tables: Mapping[str, Settings | None],
    parts: Mapping[KeyPath, Part[Any]],
    changed: Collection[str],
) -> tuple[dict[KeyPath, PlanFacts], list[Flaw]]:
    """Return what each part's settings know of the rest, and what does not fit together.

    `tables` are the recipe's own tables by name, None where one is wrong. What depends on a table that is wrong itself
    is left alone, so that no mistake is reported twice. `changed` are the tables that are not as in the recipe that
    states what to expect.

    Raises:
        PluginError: a plugin failed while it was asked.

    """
    split = tables.get("split")
    metrics = {path: part for path, part in parts.items() if part.kind == "metric"}
    scores, complete, flaws = _scores(metrics)
    if ("split" in tables and split is None) or not metrics or len(metrics) != len(document.get(("metrics",))):
        return {}, flaws
    splits = _splits(split if isinstance(split, Split) else None)
    expect = tables.get("expect")
    steps: tuple[int, ...] = ()
    if isinstance(expect, Expect):
        # Where a table was changed, the run is not judged, and need not be able to give what is expected of it.
        changed = {"metrics", "split", "trainer"} if expect.not_comparable else changed
        if "split" not in changed:
            flaws += _unexpected_splits(expect, splits)
        if complete and "metrics" not in changed:
            flaws += _unexpected_scores(expect, scores)
        steps = expect.history.steps if "trainer" not in changed and expect.history is not None else ()
    facts = {
        path: PlanFacts(splits, scores | _scores_of_labels(part, scores), complete, steps)
        for path, part in parts.items()
    }
    for path, part in parts.items():
        for key, message in part.check(facts[path]):
            whole = whole_path(path, key)
            given = document.get(whole)
            misspelt = isinstance(given, str) and given not in facts[path].scores
            flaws.append(Flaw(whole, message + (did_you_mean(given, facts[path].scores) if misspelt else "")))
    evidence = tables.get("evidence")
    flaws += [
        Flaw(("evidence", key), "needs a validation split to be fitted on; add one under [split]")
        for key in ("tune_threshold", "temperature_scaling")
        if getattr(evidence, key, False) and "validation" not in splits
    ]
    return facts, flaws


def whole_path(path: KeyPath, key: str) -> KeyPath:
    """Return the path of a dotted key of a part, or of the part for none."""
    return (*path, *key.split(".")) if key else path


def _splits(split: Split | None) -> frozenset[str]:
    """Return the splits that there will be; those that the data brings are not known before it is read."""
    names = frozenset(SPLITS if split is None or "train" not in split.sizes else split.sizes)
    return names - {"test"} if split is not None and split.keep_test_closed else names


def _scores(metrics: Mapping[KeyPath, Part[Any]]) -> tuple[dict[str, bool], bool, list[Flaw]]:
    """Return the scores that the metrics name, whether there are no others, and those that two of them name."""
    scores: dict[str, bool] = {}
    owners: dict[str, str] = {}
    complete = True
    flaws = []
    for path, part in metrics.items():
        named = part.score_names()
        complete = complete and bool(named)
        taken = next((name for name in named if name in owners), None)
        if taken is not None:
            message = f"it gives {taken!r}, which {owners[taken]!r} gives already; keep one of the two"
            flaws.append(Flaw((*path, "use"), message))
        owners |= dict.fromkeys(named, part.component.name)
        scores |= named
    return scores, complete, flaws


def _scores_of_labels(part: Part[Any], scores: Mapping[str, bool]) -> dict[str, bool]:
    """Return the scores that the settings name after one that is known, as in `f1_positive`.

    A metric cannot name the scores of each label before the labels are known.
    """
    texts = [value for value in part.settings.model_dump().values() if isinstance(value, str)]
    return {text: greater for text in texts for name, greater in scores.items() if text.startswith(f"{name}_")}


def _unexpected_splits(expect: Expect, splits: frozenset[str]) -> Iterator[Flaw]:
    for split in expect.splits:
        if split not in splits:
            yield Flaw(("expect", split), f"there is no {split} split; add one under [split]", at_key=True)


def _unexpected_scores(expect: Expect, scores: Mapping[str, bool]) -> Iterator[Flaw]:
    named = {("expect", split): (list(expected.targets), set(scores)) for split, expected in expect.splits.items()}
    if expect.history is not None:
        named["expect", "history"] = (list(expect.history.values), {*scores, "loss"})
    for path, (names, known) in named.items():
        for name in names:
            # A metric may give scores of each label besides those it can name, as in f1_positive.
            if name not in known and not any(name.startswith(f"{s}_") for s in scores):
                message = f"no metric of this recipe gives {name!r}{offer(name, known, 'known')}"
                yield Flaw((*path, name), message, at_key=True)
