"""What a careful reader would say of a run beside its scores: each in one line, with the setting that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clsfw.evidence.content import Metrics

Kind = Literal["leak"]


@dataclass(frozen=True)
class Finding:
    """One thing to know: what was seen, and what mends it; with a `void` one the scores say nothing at all."""

    kind: Kind
    seen: str
    mend: str
    void: bool = False

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.seen}; {self.mend}"


def find(metrics: Metrics, recipe: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return what is to be said of a run with this resolved recipe, the gravest first."""
    return tuple(_leak(metrics, recipe))


def leaked(rows: int, total: int, split: str, earlier: str) -> str:
    """Say how many of a split's rows stand in an earlier one too."""
    if rows == total:
        every = f"EVERY {split} row also stands in {earlier} ({rows:,} of {total:,})"
        return f"{every}: scores on them say nothing of new texts"
    return f"{rows:,} of {total:,} {split} rows ({rows / total:.1%}) also stand in {earlier}"


def _leak(metrics: Metrics, recipe: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what stands in the split that the run is judged on and was seen before."""
    test, shared = metrics["leaks"].get("test_without_leaks"), metrics["leaks"].get("train_validation")
    if test is not None and test["leaked_rows"]:
        rows, total = test["leaked_rows"], test["leaked_rows"] + test["rows"]
        seen = leaked(rows, total, "test", "training or validation")
        if test["scores"] is not None:
            without, with_leaks = test["scores"]["accuracy"], test["scores_with_leaks"]["accuracy"]
            seen += f": without them accuracy is {without:.4f} instead of {with_leaks:.4f}"
        yield Finding("leak", seen, _keep_together(recipe), void=rows == total)
    elif test is None and "validation" in metrics and shared is not None and shared["folded"]:
        rows, total = shared["folded"], max(shared["folded"], metrics["rows"]["validation"])
        yield Finding("leak", leaked(rows, total, "validation", "train"), _keep_together(recipe), void=rows == total)


def _keep_together(recipe: Mapping[str, Any]) -> str:
    split = recipe.get("split")
    if isinstance(split, dict) and split.get("method") != "given" and split.get("group_by") is None:
        return '[split] group_by = "text" keeps equal texts in one split'
    return "take them out of the training data"
