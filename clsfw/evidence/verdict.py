"""Holds a run against the published result that its recipe states under `[expect]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from clsfw.evidence.metrics import scores_by_split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.content import CheckRecord, MatrixRecord, VerdictRecord
    from clsfw.evidence.metrics import Metrics
    from clsfw.recipe.schema import Expect

Status = Literal["REPRODUCED", "NOT REPRODUCED", "NOT COMPARABLE"]

_ROUNDING = 1e-12  # 0.9095 - 0.8995 is a little more than 0.01 in binary


@dataclass(frozen=True)
class Check:
    """One published number beside the run's own; `found` is None where the run has no such number."""

    what: str
    expected: float
    found: float | None
    tolerance: float

    @property
    def distance(self) -> float | None:
        """How far the run lies above (+) or below (-) the published number."""
        return None if self.found is None else self.found - self.expected

    @property
    def held(self) -> bool:
        """Whether the distance is within the tolerance."""
        return self.distance is not None and abs(self.distance) <= self.tolerance + _ROUNDING

    def to_json(self) -> CheckRecord:
        """Return the check for run.json."""
        return {
            "what": self.what,
            "expected": self.expected,
            "found": self.found,
            "tolerance": self.tolerance,
            "distance": self.distance,
            "held": self.held,
        }

    def __str__(self) -> str:
        """Say it in one line."""
        if self.distance is None:
            return f"{self.what}: expected {self.expected:.6g}, but the run has no such score"
        return (
            f"{self.what}: {self.found:.6g}, expected {self.expected:.6g} within {self.tolerance:.6g}; "
            f"it is {self.distance:+.6f} away"
        )


@dataclass(frozen=True)
class Verdict:
    """The answer, with every check that led to it.

    `reasons` says for NOT COMPARABLE what is not the recipe's own; `matrices` holds expected and found confusion
    matrices by split, which are shown and not judged: the scores follow from them.
    """

    status: Status
    source: str
    checks: tuple[Check, ...]
    reasons: tuple[str, ...] = ()
    matrices: Mapping[str, MatrixRecord] | None = None

    @property
    def misses(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.held)

    def to_json(self) -> VerdictRecord:
        """Return the verdict for run.json."""
        return {
            "status": self.status,
            "source": self.source,
            "reasons": list(self.reasons),
            "misses": [str(check) for check in self.misses],
            "checks": [check.to_json() for check in self.checks],
            "confusion_matrices": dict(self.matrices or {}),
        }


def judge(
    expect: Expect,
    metrics: Metrics,
    history: Sequence[Mapping[str, Any]],
    differences: Sequence[str] = (),
) -> Verdict:
    """Return whether the run reached the published result.

    `metrics` is the content of metrics.json, `history` that of history.jsonl; `differences` says what of data, model,
    split or settings is not the recipe's own. With any of those the numbers cannot speak for or against the recipe.
    """
    checks = (*_scores(expect, metrics), *_course(expect, history))
    matrices: dict[str, MatrixRecord] = {
        split: {
            "expected": [list(row) for row in wanted.confusion_matrix],
            "found": metrics["confusion_matrix"].get(split),
        }
        for split, wanted in expect.splits.items()
        if wanted.confusion_matrix is not None
    }
    status: Status = "REPRODUCED" if all(check.held for check in checks) else "NOT REPRODUCED"
    if differences:
        status = "NOT COMPARABLE"
    return Verdict(status, expect.source, checks, tuple(differences), matrices)


def _scores(expect: Expect, metrics: Metrics) -> Iterator[Check]:
    measured = scores_by_split(metrics)
    for split, wanted in expect.splits.items():
        for name, target in wanted.targets.items():
            yield Check(f"{split} {name}", target.value, measured.get(split, {}).get(name), target.tolerance)


def _course(expect: Expect, history: Sequence[Mapping[str, Any]]) -> Iterator[Check]:
    """Hold the evaluations during training, which are in the history under the split validation."""
    if expect.history is None:
        return
    evaluations = {line["step"]: line for line in history if line.get("split") == "validation"}
    for name, values in expect.history.values.items():
        for step, value in zip(expect.history.steps, values, strict=True):
            found = evaluations.get(step, {}).get(name)
            yield Check(f"validation {name} at step {step}", value, found, expect.history.tolerance)
