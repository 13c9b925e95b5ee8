"""Holds a run beside an earlier one of the same recipe: bits of the model, predictions, metrics."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.contract.component import SPLITS
from clsfw.errors import RunDirectoryError
from clsfw.evidence.predictions import read_predictions
from clsfw.kit.records import differences
from clsfw.store.rundir import read_run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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


def hold_beside(first: Path, second: Path) -> Reproduction:
    """Compare two complete runs.

    Raises:
        RunDirectoryError: one of them is not complete, or a file of it was changed.

    """
    records = [read_run(path) for path in (first, second)]
    levels = (_models(first, second), _predictions(first, second), _metrics(first, second))
    return Reproduction(str(first), str(second), levels, tuple(_surroundings(*records)))


def _models(first: Path, second: Path) -> Level:
    before, now = (_hashes(path) for path in (first, second))
    differing = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if differing:
        return Level("model", same=False, detail=f"other bits in {', '.join(differing)}")
    return Level("model", same=True, detail=f"the same bits in all {len(before)} files")


def _hashes(path: Path) -> dict[str, str]:
    files: Mapping[str, Any] = _json(path / "manifest.json")["files"]
    return {name: facts["sha256"] for name, facts in files.items() if name.startswith("model/")}


def _predictions(first: Path, second: Path) -> Level:
    if (first / "predictions.csv").read_bytes() == (second / "predictions.csv").read_bytes():
        return Level("predictions", same=True, detail="the same to the last digit")
    before, now = (read_predictions(path / "predictions.csv") for path in (first, second))
    if before.labels != now.labels or not np.array_equal(before.rows, now.rows):
        return Level("predictions", same=False, detail="other rows or other labels")
    if before.predictions.shape != now.predictions.shape:
        return Level("predictions", same=False, detail="other numbers of labels per text")
    moved = (before.predictions != now.predictions).reshape(len(before), -1).any(axis=1)
    furthest = float(np.abs(before.probabilities - now.probabilities).max())
    detail = f"{int(moved.sum()):,} of {len(before):,} labels differ; probabilities by up to {furthest:.2g}"
    return Level("predictions", same=False, detail=detail)


def _metrics(first: Path, second: Path) -> Level:
    before, now = (_scores(_json(path / "metrics.json")) for path in (first, second))
    if before == now:
        return Level("metrics", same=True, detail=f"all {len(before)} scores are the same")
    changed = [
        f"{name} {before.get(name, 'missing')} before, {now.get(name, 'missing')} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return Level("metrics", same=False, detail="; ".join(changed))


def _scores(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {f"{split} {name}": value for split in SPLITS for name, value in metrics.get(split, {}).items()}


def _surroundings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        line
        for part in ("data", "plugins", "environment")
        for line in differences(before.get("fixed", {}).get(part, {}), now.get("fixed", {}).get(part, {}), f"{part}.")
    ] + differences(before.get("training") or {}, now.get("training") or {}, "training.")


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise RunDirectoryError(f"{path} cannot be read: {exc}") from exc
    return content
