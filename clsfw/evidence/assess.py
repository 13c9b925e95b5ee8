"""Puts the evidence of a run together: the content of `metrics.json`, without clock values and the same every time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clsfw.evidence.calibration import calibration
from clsfw.evidence.decision import Decision, Options, check_options, fit_decision
from clsfw.evidence.intervals import intervals
from clsfw.evidence.leakage import TextHashes, find_leaks, find_side_leaks, hash_texts
from clsfw.evidence.slices import slices
from clsfw.evidence.tally import MACRO, classification_report, confusion_matrix, macro_scores
from clsfw.evidence.thresholds import at, roc_auc, threshold_table
from clsfw.kit.labels import numbers, references
from clsfw.kit.pairs import PAIR, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels, Outcome, Prediction
    from clsfw.evidence.metrics import (
        Calibration,
        Leaks,
        Loss,
        Metrics,
        Mistake,
        Scores,
        Slice,
        Thresholds,
        Truncation,
        TwoClasses,
    )

    Ints = NDArray[np.int64]

__all__ = ["Decision", "Facts", "Options", "assess", "check_options", "fit_decision"]

MISTAKES = 50
_MOST_BARS = 40
_TWO = 2


@dataclass(frozen=True)
class Facts:
    """What the evidence is made from.

    `predictions` by split, as the trainer gave them, in the order of `data`; `scores` of the recipe's metrics by split;
    `decision` turns the trainer's probabilities into the final ones and into labels.
    """

    labels: Labels
    data: Mapping[str, Dataset]
    predictions: Mapping[str, Prediction]
    scores: Mapping[str, Mapping[str, float]]
    seed: int
    options: Options
    decision: Decision = field(default_factory=Decision)
    texts: Mapping[str, TextHashes] | None = None
    """The hashes of the texts by split, where they are known."""
    seen: NDArray[np.uint64] | None = None
    """Folded hashes of what the model was trained and chosen on, where that is not in `data`."""
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    """What `decision` made of the predictions of a split, where that is known."""


@dataclass(frozen=True)
class _Judged:
    """One split with final probabilities [N, C], and true and predicted labels, [N] or [N, C]."""

    probabilities: NDArray[np.float32]
    true: Ints
    said: Ints
    rows: Ints


def assess(facts: Facts) -> Metrics:
    """Return everything that metrics.json holds; scores are under their split.

    Raises:
        DataError: `[evidence]` asks for what the data does not have.

    """
    check_options(facts.options, facts.labels, facts.data)
    labels, names = facts.labels, facts.labels.names
    judged = {split: _judge(facts, split) for split in facts.predictions}
    limits = {split: intervals(part.true, part.said, names, facts.seed) for split, part in judged.items()}
    truth = {
        split: judged[split].true if split in judged else references(rows, labels) for split, rows in facts.data.items()
    }
    scores = cast("Scores", {split: dict(facts.scores.get(split, {})) for split in judged})
    of_two: TwoClasses = {}
    if len(names) == _TWO and not labels.multi_label:
        of_two["thresholds"] = {split: _thresholds(facts, part) for split, part in judged.items()}
    return {
        **scores,
        "intervals": {
            split: _named(limits[split][0], facts.scores.get(split, {}), part, len(names))
            for split, part in judged.items()
        },
        "labels": list(names),
        "multi_label": labels.multi_label,
        "rows": {split: len(rows) for split, rows in facts.data.items()},
        "classification_report": {
            split: classification_report(part.true, part.said, names, limits[split][1])
            for split, part in judged.items()
        },
        "confusion_matrix": {
            split: confusion_matrix(part.true, part.said, len(names)) for split, part in judged.items()
        },
        "missing_classes": {split: _missing(true, names) for split, true in truth.items()},
        "leaks": _leaks(facts, truth, judged.get("test")),
        "truncation": {split: _lengths(prediction) for split, prediction in facts.predictions.items()},
        "slices": {split: _slices(facts, split, part) for split, part in judged.items()},
        "decision": facts.decision.to_json(),
        "calibration": {split: _calibration(facts, split, part) for split, part in judged.items()},
        **of_two,
        "mistakes": {split: _mistakes(part, labels) for split, part in judged.items()},
    }


def _judge(facts: Facts, split: str) -> _Judged:
    rows = facts.data[split]
    if (known := facts.outcomes.get(split)) is not None:
        return _Judged(known.probabilities, known.references, known.predictions, _rows(rows))
    final = facts.decision.scale(facts.predictions[split].probabilities, facts.labels)
    return _Judged(
        probabilities=final,
        true=references(rows, facts.labels),
        said=facts.decision.decide(final, facts.labels),
        rows=_rows(rows),
    )


def _rows(data: Dataset) -> Ints:
    """Return the number of each row in its source."""
    return numbers(data, "row") if "row" in data.column_names else np.arange(len(data))


def _named(
    limits: Mapping[str, list[float]], scores: Mapping[str, float], part: _Judged, classes: int
) -> dict[str, list[float]]:
    """Put limits under the score's name; where a metric means something else by it, under `macro_<name>`."""
    own: Mapping[str, Any] = macro_scores(part.true, part.said, classes)
    return {
        name if abs(scores.get(name, own[name]) - own[name]) < 1e-6 else f"macro_{name}": limits[name]  # noqa: PLR2004  # float32 scores are the same score
        for name in MACRO
        if name in limits
    }


def _missing(true: Ints, names: tuple[str, ...]) -> list[str]:
    present = np.bincount(true, minlength=len(names)) if true.ndim == 1 else true.sum(axis=0)
    return [name for name, count in zip(names, present, strict=True) if not count]


def _leaks(facts: Facts, truth: Mapping[str, Ints], test: _Judged | None) -> Leaks:
    texts = facts.texts or {split: hash_texts(texts_of(rows)) for split, rows in facts.data.items()}
    found, leaked = find_leaks(texts, truth, {split: _rows(rows) for split, rows in facts.data.items()}, facts.seen)
    if any(PAIR in rows.column_names for rows in facts.data.values()):
        found["sides"] = find_side_leaks(facts.data, {split: _rows(rows) for split, rows in facts.data.items()})
    if test is None or leaked is None:
        return found
    kept = ~leaked
    found["test_without_leaks"] = {
        "leaked_rows": int(leaked.sum()),
        "rows": int(kept.sum()),
        "scores": macro_scores(test.true[kept], test.said[kept], len(facts.labels.names)) if kept.any() else None,
        "scores_with_leaks": macro_scores(test.true, test.said, len(facts.labels.names)),
    }
    return found


def _lengths(prediction: Prediction) -> Truncation:
    tokens, cut = np.asarray(prediction.tokens), np.asarray(prediction.truncated)
    low, median, p95, high = np.quantile(tokens, [0, 0.5, 0.95, 1])
    different = int(high - low) + 1
    width = -(-different // _MOST_BARS)  # whole tokens, or some bars would hold more lengths than others
    edges = int(low) + width * np.arange(-(-different // width) + 1)
    counts, _ = np.histogram(tokens, bins=edges)
    losses: dict[str, Loss] = {}
    for side, lost in _losses(prediction).items():
        losses[side] = {
            "truncated": int((lost > 0).sum()),
            "tokens": float(lost[lost > 0].mean()) if lost.any() else 0.0,
        }
    found: Truncation = {
        "rows": len(tokens),
        "truncated": int(cut.sum()),
        "share": float(cut.mean()),
        "tokens": {
            "min": int(low),
            "median": float(median),
            "mean": float(tokens.mean()),
            "p95": float(p95),
            "max": int(high),
        },
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }
    if losses:
        found["sides"] = losses
    return found


def _losses(prediction: Prediction) -> dict[str, Ints]:
    """Return the tokens that each side of the pairs lost, [N] each; nothing if they are not pairs."""
    if prediction.lost is None:
        return {}
    lost = np.asarray(prediction.lost)
    return {"text": lost[:, 0], PAIR: lost[:, 1]}


def _slices(facts: Facts, split: str, part: _Judged) -> dict[str, list[Slice]]:
    prediction, rows = facts.predictions[split], facts.data[split]
    columns = {name: rows[name] for name in facts.options.slices}
    return slices(
        part.true,
        part.said,
        len(facts.labels.names),
        tokens=prediction.tokens,
        truncated=np.asarray(prediction.truncated),
        columns=columns,
        lost=_losses(prediction),
    )


def _calibration(facts: Facts, split: str, part: _Judged) -> Calibration:
    report = calibration(part.true, part.probabilities)
    if facts.decision.temperature is not None:
        before = calibration(part.true, facts.predictions[split].probabilities)
        report["before_scaling"] = {
            "ece": before["ece"],
            "log_loss": before["log_loss"],
            "brier": before["brier"],
        }
    return report


def _thresholds(facts: Facts, part: _Judged) -> Thresholds:
    positive, probability = part.true == 1, part.probabilities[:, 1]
    report: Thresholds = {
        "positive": facts.labels.names[1],
        "roc_auc": roc_auc(positive, probability),
        "table": threshold_table(positive, probability),
    }
    if facts.decision.threshold is not None:
        report["tuned"] = {**at(positive, probability, facts.decision.threshold), "tuned_on": "validation"}
    return report


def _mistakes(part: _Judged, labels: Labels) -> list[Mistake]:
    """List the wrong rows that the model was surest of; `index` is the place in the split, `row` that in the source."""
    if labels.multi_label:
        wrong_cells = part.true != part.said
        confidence = np.where(wrong_cells, np.maximum(part.probabilities, 1 - part.probabilities), 0).max(axis=1)
        wrong = wrong_cells.any(axis=1)
    else:
        confidence = part.probabilities[np.arange(len(part.said)), part.said]
        wrong = part.true != part.said
    index = np.flatnonzero(wrong)
    worst = index[np.argsort(-confidence[index], kind="stable")][:MISTAKES]
    return [
        {
            "row": int(part.rows[i]),
            "index": int(i),
            "gold": _label(part.true[i], labels),
            "predicted": _label(part.said[i], labels),
            "confidence": float(confidence[i]),
        }
        for i in worst
    ]


def _label(ids: Any, labels: Labels) -> str | list[str]:
    if labels.multi_label:
        return [labels.names[i] for i in np.flatnonzero(ids)]
    return labels.names[int(ids)]
