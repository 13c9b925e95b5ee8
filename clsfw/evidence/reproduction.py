"""Holds a run beside an earlier one of the same recipe: bits of the model, predictions, metrics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.evidence import content
from clsfw.evidence.metrics import scores_by_split
from clsfw.kit.records import differences
from clsfw.store.rundir import MANIFEST, MODEL

if TYPE_CHECKING:
    from clsfw.evidence.content import RunRecord
    from clsfw.evidence.finished import FinishedRun
    from clsfw.evidence.metrics import Metrics


@dataclass(frozen=True)
class Level:
    """One way to be the same: `what` is model, predictions or metrics; `detail` says what was compared or differs."""

    what: str
    same: bool
    detail: str


@dataclass(frozen=True)
class Reproduction:
    """The three levels, and what differs in data, plugins, device and environment."""

    first: str
    second: str
    levels: tuple[Level, ...]
    surroundings: tuple[str, ...]

    @property
    def same_metrics(self) -> bool:
        """Whether all scores came out the same."""
        return next(level.same for level in self.levels if level.what == "metrics")

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**asdict(self), "levels": [asdict(level) for level in self.levels], "same_metrics": self.same_metrics}


def hold_beside(first: FinishedRun, second: FinishedRun) -> Reproduction:
    """Compare two complete runs.

    Raises:
        RunDirectoryError: a file of one of them is not what a run writes.

    """
    levels = (_models(first, second), _predictions(first, second), _metrics(first, second))
    around = _surroundings(first.record, second.record)
    return Reproduction(str(first.directory), str(second.directory), levels, tuple(around))


def _models(first: FinishedRun, second: FinishedRun) -> Level:
    before, now = (_hashes(run) for run in (first, second))
    differing = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if differing:
        return Level("model", same=False, detail=f"other bits in {', '.join(differing)}")
    return Level("model", same=True, detail=f"the same bits in all {len(before)} files")


def _hashes(run: FinishedRun) -> dict[str, str]:
    files = content.read_json(run.directory / MANIFEST, content.MANIFEST)["files"]
    return {name: facts["sha256"] for name, facts in files.items() if name.startswith(f"{MODEL}/")}


def _predictions(first: FinishedRun, second: FinishedRun) -> Level:
    before, now = first.predictions, second.predictions
    if (first.directory / "predictions.csv").read_bytes() == (second.directory / "predictions.csv").read_bytes():
        return Level("predictions", same=True, detail="the same to the last digit")
    if before.labels != now.labels or not np.array_equal(before.rows, now.rows):
        return Level("predictions", same=False, detail="other rows or other labels")
    if before.predictions.shape != now.predictions.shape:
        return Level("predictions", same=False, detail="other numbers of labels per text")
    moved = (before.predictions != now.predictions).reshape(len(before), -1).any(axis=1)
    furthest = float(np.abs(before.probabilities - now.probabilities).max())
    detail = f"{int(moved.sum()):,} of {len(before):,} labels differ; probabilities by up to {furthest:.2g}"
    return Level("predictions", same=False, detail=detail)


def _metrics(first: FinishedRun, second: FinishedRun) -> Level:
    before, now = (_scores(run.metrics) for run in (first, second))
    if before == now:
        return Level("metrics", same=True, detail=f"all {len(before)} scores are the same")
    changed = [
        f"{name} {before.get(name, 'missing')} before, {now.get(name, 'missing')} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return Level("metrics", same=False, detail="; ".join(changed))


def _scores(metrics: Metrics) -> dict[str, float]:
    by_split = scores_by_split(metrics)
    return {f"{split} {name}": value for split, scores in by_split.items() for name, value in scores.items()}


def _surroundings(before: RunRecord, now: RunRecord) -> list[str]:
    of_fixed = [
        line
        for part in ("data", "plugins", "environment")
        for line in differences(before["fixed"][part], now["fixed"][part], f"{part}.")
    ]
    of_training = differences(before.get("training") or {}, now.get("training") or {}, "training.")
    continued = [f"the first run was continued with other bits: {line}" for line in before.get("other_bits", [])]
    return of_fixed + of_training + continued
