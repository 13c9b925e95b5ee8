"""What a careful reader would say of a run beside its scores: each in one line, with the setting that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import TYPE_CHECKING, Any, Literal

from clsfw.contract.component import SPLITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.metrics import Metrics

Weight = Literal["void", "warning", "note"]

_FAR = 0.1  # share of the loss that the last quarter of a training still took off
_RISE = 0.05  # share by which the loss at the end lies above its lowest
_SMALL = 0.005  # a loss that moved by no more is as good as still: of one near zero, every share is noise
_MISCALIBRATED = 0.1
_FEW = 10  # texts of a class; the interval of its recall is wider than half of all there is
_MOST_NAMED = 3
_LENGTHS = ("max_steps", "num_train_epochs")
"""What the settings that say how long to train are called, in the words that most people know."""


@dataclass(frozen=True)
class Finding:
    """One thing to know: what was seen, and what fixes it; where it is `void`, the scores say nothing at all."""

    weight: Weight
    seen: str
    remedy: str
    about: Literal["leaks", "training", "confidence", "classes"]
    """The section of the report that shows more of it."""

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{'!!! WARNING' if self.weight == 'void' else self.weight}: {self.seen}; {self.remedy}"


def find(metrics: Metrics, history: Sequence[Mapping[str, Any]], recipe: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what is to be said of a run, the gravest first.

    `history` are the lines of history.jsonl, `recipe` the resolved recipe.
    """
    trainer = recipe.get("trainer")
    losses = {line["step"]: line["loss"] for line in history if line.get("split") == "validation" and "loss" in line}
    course = sorted(losses.items())
    return (
        *_leak(metrics, recipe),
        *_course(course, trainer if isinstance(trainer, dict) else {}),
        *_calibration(metrics, recipe),
        *_rare(metrics, recipe),
    )


def leaked(rows: int, total: int, split: str, earlier: str) -> str:
    """Say how many of a split's rows are in an earlier one too."""
    if rows == total:
        every = f"EVERY {split} row also occurs in {earlier} ({rows:,} of {total:,})"
        return f"{every}: scores on them say nothing of new texts"
    return f"{rows:,} of {total:,} {split} rows ({rows / total:.1%}) also occur in {earlier}"


def _leak(metrics: Metrics, recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what is in the split that the run is judged on and was seen before."""
    test, shared = metrics["leaks"].get("test_without_leaks"), metrics["leaks"].get("train_validation")
    if test is not None and test["leaked_rows"]:
        rows, total = test["leaked_rows"], test["leaked_rows"] + test["rows"]
        seen = leaked(rows, total, "test", "training or validation")
        if test["scores"] is not None:
            without, with_leaks = test["scores"]["accuracy"], test["scores_with_leaks"]["accuracy"]
            seen += f": without them accuracy is {without:.4f} instead of {with_leaks:.4f}"
        yield Finding("void" if rows == total else "warning", seen, _keep_together(recipe), "leaks")
    elif test is None and "validation" in metrics and shared is not None and shared["folded"]:
        rows, total = shared["folded"], max(shared["folded"], metrics["rows"]["validation"])
        seen = leaked(rows, total, "validation", "train")
        yield Finding("void" if rows == total else "warning", seen, _keep_together(recipe), "leaks")


def _keep_together(recipe: Mapping[str, Any]) -> str:
    split = recipe.get("split")
    if isinstance(split, dict) and split.get("method") != "given" and split.get("group_by") is None:
        return '[split] group_by = "text" keeps equal texts in one split'
    return "take them out of the training data"


def _course(losses: Sequence[tuple[int, float]], trainer: Mapping[str, Any]) -> Iterator[Finding]:
    """Say where the validation loss, by step, still fell fast at the end, or rose for half of the training."""
    if len(losses) < 2:  # noqa: PLR2004  # one evaluation is no course
        return
    (last_step, last), (best_step, best) = losses[-1], min(losses, key=lambda pair: (pair[1], pair[0]))
    earlier = [loss for step, loss in losses if step <= 0.75 * last_step]
    if best_step == last_step and earlier and last <= min((1 - _FAR) * min(earlier), min(earlier) - _SMALL):
        share = 1 - last / min(earlier)
        seen = f"the validation loss still fell by {share:.0%} in the last quarter of the training, to {last:.4f}"
        yield Finding("note", f"{seen}: it underfits", _longer(trainer), "training")
    keeps_best = trainer.get("load_best_model_at_end") is True
    if keeps_best and trainer.get("metric_for_best_model") in {None, "loss", "eval_loss"}:
        return  # the model is that of the lowest loss
    if best_step <= last_step / 2 and last >= max((1 + _RISE) * best, best + _SMALL):
        seen = f"the validation loss rose from {best:.4f} at step {best_step:,} to {last:.4f} at step {last_step:,}"
        yield Finding("note", f"{seen}: past that it overfits", _shorter(trainer, best_step), "training")


def _length(trainer: Mapping[str, Any]) -> str | None:
    """Return the setting that says how long to train, with its value."""
    given = {key: trainer.get(key) for key in _LENGTHS}
    return next((f"{k} ({v:g})" for k, v in given.items() if isinstance(v, (int, float)) and 0 < v < 2**63), None)


def _longer(trainer: Mapping[str, Any]) -> str:
    length = _length(trainer)
    return f"raise [trainer] {length}" if length else f"train longer ([trainer] {' or '.join(_LENGTHS)})"


def _shorter(trainer: Mapping[str, Any], best_step: int) -> str:
    length = _length(trainer)
    words = f"lower [trainer] {length}" if length else f"train for about {best_step:,} steps"
    if "load_best_model_at_end" not in trainer:
        return words
    return f'{words}, or set load_best_model_at_end = true and metric_for_best_model = "loss"'


def _calibration(metrics: Metrics, recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """Say where probabilities are far from what they say, beyond what so few rows would show by chance."""
    split = next((name for name in reversed(SPLITS) if name in metrics), None)
    if split is None:
        return
    error, bins = metrics["calibration"][split]["ece"], metrics["calibration"][split]["bins"]
    total = sum(part["rows"] for part in bins) or 1
    # Of n right-or-wrong answers at a confidence of p, the share that is right strays by sqrt(2 p (1 - p) / (pi n)).
    chance = sum(sqrt(2 * part["rows"] * part["confidence"] * (1 - part["confidence"]) / pi) for part in bins) / total
    if error < _MISCALIBRATED or error < 2 * chance:
        return
    surer = sum(part["rows"] * (part["confidence"] - part["accuracy"]) for part in bins) / total
    way = "surer of its answers than it is right" if surer > 0 else "less sure of its answers than it is right"
    seen = (
        f"the model is {way}: on the {split} split, probability and truth lie {100 * error:.0f} points apart on average"
    )
    yield Finding("note", f"{seen} (expected calibration error {error:.2f})", _scaled(metrics, recipe), "confidence")


def _scaled(metrics: Metrics, recipe: Mapping[str, Any]) -> str:
    evidence = recipe.get("evidence")
    if isinstance(evidence, dict) and evidence.get("temperature_scaling") is True:
        return "the temperature could not fix it: a larger validation split in [split] would fit it better"
    if "validation" in metrics["rows"]:
        return "[evidence] temperature_scaling = true fixes that"
    return "a validation split and [evidence] temperature_scaling = true fix that"


def _rare(metrics: Metrics, recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """Say which classes are never recognized, and which have too few texts for a score of their own."""
    split = next((name for name in reversed(SPLITS) if name in metrics["classification_report"]), None)
    if split is None:
        return
    classes = metrics["classification_report"][split]["classes"]
    held = {name: scores["support"] for name, scores in classes.items() if scores["support"]}
    missed = {name: texts for name, texts in held.items() if classes[name]["recall"] == 0}
    if missed and len(missed) < len(held):
        trainer = recipe.get("trainer")
        weighed = isinstance(trainer, dict) and trainer.get("class_weights") is not None
        remedy = (
            "they need more texts to train on" if weighed else '[trainer] class_weights = "balanced" weighs them up'
        )
        yield Finding("note", f"no {split} text of {_named(missed)} is recognized", remedy, "classes")
    few = {name: texts for name, texts in held.items() if texts < _FEW and name not in missed}
    if few:
        whose = "has fewer than {} {} texts: its" if len(few) == 1 else "have fewer than {} {} texts: their"
        seen = f"{_named(few)} {whose.format(_FEW, split)} own scores, and the macro scores, are uncertain"
        yield Finding("note", seen, f"a larger {split} split narrows their intervals", "classes")


def _named(classes: Mapping[str, int]) -> str:
    """Name the smallest classes with their texts, and count the others."""
    smallest = sorted(classes, key=lambda name: (classes[name], name))
    words = ", ".join(f"{name!r} ({classes[name]:,})" for name in smallest[:_MOST_NAMED])
    others = len(smallest) - _MOST_NAMED
    return f"{words} and {others:,} other class{'es' if others > 1 else ''}" if others > 0 else words
