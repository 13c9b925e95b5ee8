"""The contract of metrics."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from clsfw.contract.parts import NamesScores
from clsfw.errors import ContractError, DataError
from clsfw.evidence.outcomes import decide
from clsfw.kit.labels import references
from clsfw.testing.samples import SEVERAL, THREE, TWO, toy_splits
from clsfw.testing.surroundings import no_network, require_left_alone

if TYPE_CHECKING:
    from clsfw.contract.parts import Labels, Metric, Outcome
    from clsfw.testing.subject import Subject


def scores_two_classes(subject: Subject[Metric]) -> None:
    """Two classes give finite plain numbers by name."""
    _score(subject, _outcome(TWO))


def scores_three_classes(subject: Subject[Metric]) -> None:
    """Three classes do, too, under the same names as two."""
    two, three = _score(subject, _outcome(TWO)), _score(subject, _outcome(THREE))
    if set(two) != set(three) and not any(name in key for name in THREE.names for key in three):
        raise ContractError(f"{subject}: the score names change with the classes: {sorted(two)} and {sorted(three)}")


def scores_several_labels(subject: Subject[Metric]) -> None:
    """Several labels per text are scored, or refused by a `DataError`."""
    with suppress(DataError):
        _score(subject, _outcome(SEVERAL))


def scores_a_class_that_is_missing(subject: Subject[Metric]) -> None:
    """A class that no text has, or that nothing is predicted as, gives finite numbers, too."""
    full = _outcome(THREE)
    kept = full.references != 1
    _score(subject, decide(THREE, full.references[kept], full.probabilities[kept]))
    one_class = np.zeros_like(full.probabilities)
    one_class[:, 0] = 1
    _score(subject, decide(THREE, full.references, one_class))


def scores_one_text(subject: Subject[Metric]) -> None:
    """A single text gives finite numbers."""
    outcome = _outcome(TWO)
    _score(subject, decide(TWO, outcome.references[:1], outcome.probabilities[:1]))


def same_scores_every_time(subject: Subject[Metric]) -> None:
    """The same outcome gives the same numbers."""
    first, second = _score(subject, _outcome(THREE)), _score(subject, _outcome(THREE))
    if first != second:
        raise ContractError(f"{subject}: the same outcome gives {first} and then {second}")


def leaves_the_outcome_alone(subject: Subject[Metric]) -> None:
    """The arrays that it is given are as they were: the next metric gets them, too."""
    outcome, untouched = _outcome(THREE), _outcome(THREE)
    _score(subject, outcome)
    for name in ("references", "predictions", "probabilities"):
        if not np.array_equal(getattr(outcome, name), getattr(untouched, name)):
            raise ContractError(f"{subject}: it changes outcome.{name} in place; work on a copy")


def keeps_its_word_on_score_names(subject: Subject[Metric]) -> None:
    """If its settings name its scores, it gives those alone, and a perfect prediction is not worse than a wrong one."""
    settings = subject.settings()
    if not isinstance(settings, NamesScores):
        return
    said = settings.score_names()
    truth = _outcome(TWO).references
    right = np.eye(2, dtype=np.float32)[truth]
    best, worst = (_score(subject, decide(TWO, truth, found)) for found in (right, right[:, ::-1].copy()))
    given = set(best)
    with suppress(DataError):
        given |= set(_score(subject, _outcome(SEVERAL)))  # some scores make sense for several labels only
    missing = [name for name in said if name not in given]
    if missing:
        raise ContractError(f"{subject}: score_names() lists {missing[0]!r}, but it gives {', '.join(sorted(given))}")
    others = [name for name in best if said and not any(name == s or name.startswith(f"{s}_") for s in said)]
    if others:
        raise ContractError(
            f"{subject}: it gives {others[0]!r}, but score_names() does not list it, so that no recipe can expect it"
        )
    for name, greater in said.items():
        if name not in best:
            continue
        if (best[name] < worst[name]) if greater else (best[name] > worst[name]):
            raise ContractError(
                f"{subject}: {name!r} is said to be better when {'greater' if greater else 'smaller'}, "
                f"but all right gives {best[name]} and all wrong gives {worst[name]}"
            )


def works_offline(subject: Subject[Metric]) -> None:
    """With the settings to try it with, it needs no network."""
    with no_network():
        _score(subject, _outcome(TWO))


def leaves_surroundings_alone(subject: Subject[Metric]) -> None:
    """Scoring changes neither the working directory nor global random numbers."""
    require_left_alone(subject, lambda: _score(subject, _outcome(TWO)))


def _outcome(labels: Labels) -> Outcome:
    """Make an outcome in which about two thirds are right; C-contiguous arrays of the kinds that the engine gives."""
    data = toy_splits(labels, sizes={"train": 30})["train"]
    truth = references(data, labels)
    generator = np.random.default_rng(3)
    scores = generator.random((len(data), len(labels.names)))
    chosen = truth if labels.multi_label else np.eye(len(labels.names))[truth]
    scores += np.where(generator.random((len(data), 1)) < 0.5, chosen, 0)  # noqa: PLR2004  # a fair coin
    if labels.multi_label:
        return decide(labels, truth, np.asarray(scores / 2, dtype=np.float32))
    return decide(labels, truth, np.asarray(scores / scores.sum(axis=1, keepdims=True), dtype=np.float32))


def _score(subject: Subject[Metric], outcome: Outcome) -> dict[str, float]:
    found: dict[str, float] = subject.build().compute(outcome)
    if not found:
        raise ContractError(f"{subject}: it gives no score")
    return found


CHECKS = (
    scores_two_classes,
    scores_three_classes,
    scores_several_labels,
    scores_a_class_that_is_missing,
    scores_one_text,
    same_scores_every_time,
    leaves_the_outcome_alone,
    keeps_its_word_on_score_names,
    works_offline,
    leaves_surroundings_alone,
)
