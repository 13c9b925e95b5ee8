"""Whether an artifact predicts what its run predicts: the content of `parity.json`, and the verdict over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.evidence.significance import accuracy_differences, f1_differences, interval, mcnemar
from clsfw.evidence.tally import macro_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

ACCEPTED, REFUSED = "ACCEPTED", "REFUSED"

CLOSE = 1e-3
"""The largest difference of a probability that an artifact in full precision may show."""

_RESAMPLES = 2_000
_SEED = 20_000


@dataclass(frozen=True)
class Sides:
    """What is held side by side on the judged rows: labels as int [N] or 0/1 [N, C], probabilities float32 [N, C].

    `reference` is what the run's own model predicts in full precision, `artifact` the artifact; `recorded` are the
    labels that the run's evidence is about.
    """

    references: Ints
    recorded: Ints
    reference: tuple[Floats, Ints]
    artifact: tuple[Floats, Ints]


def parity(sides: Sides, precision: str, max_loss: float) -> dict[str, Any]:
    """Compare an artifact with its run; `verdict` is ACCEPTED or REFUSED, and `reasons` says why it is refused.

    In fp32 no label may differ and no probability by `CLOSE`. In any other precision the lower 95 % limit of the
    difference in accuracy, artifact less run, must be above `-max_loss`.
    """
    rows, classes = sides.artifact[0].shape
    flips = int(_differ(sides.reference[1], sides.artifact[1]).sum())
    largest = float(np.abs(sides.reference[0] - sides.artifact[0]).max())
    right_run = ~_differ(sides.references, sides.recorded)
    right_artifact = ~_differ(sides.references, sides.artifact[1])
    only_run, only_artifact = int((right_run & ~right_artifact).sum()), int((right_artifact & ~right_run).sum())
    accuracy = interval(accuracy_differences(only_artifact, only_run, rows, _RESAMPLES, _SEED))
    drawn = f1_differences(
        sides.references, sides.artifact[1], sides.recorded, classes, resamples=_RESAMPLES, seed=_SEED
    )
    of_run, of_artifact = (
        macro_scores(sides.references, said, classes) for said in (sides.recorded, sides.artifact[1])
    )
    reasons = []
    if precision == "fp32":
        if flips:
            reasons.append(f"{flips:,} of {rows:,} labels differ from those of the run's own model in fp32")
        if not largest < CLOSE:
            reasons.append(f"a probability differs by {largest:.2g}, and in fp32 none may by {CLOSE:g}")
    elif not accuracy[0] > -max_loss:
        reasons.append(
            f"accuracy may fall by as much as {-accuracy[0]:.4f} (lower 95 % limit of the difference on {rows:,} "
            f"rows), and no more than {max_loss:g} is allowed"
        )
    return {
        "verdict": REFUSED if reasons else ACCEPTED,
        "reasons": reasons,
        "precision": precision,
        "max_loss": max_loss,
        "rows": rows,
        "flips": flips,
        "largest_difference": largest,
        "accuracy": _beside(of_run["accuracy"], of_artifact["accuracy"], accuracy),
        "f1": _beside(of_run["f1"], of_artifact["f1"], interval(drawn)),
        "mcnemar_p": mcnemar(only_artifact, only_run),
        "only_run_right": only_run,
        "only_artifact_right": only_artifact,
    }


def _differ(one: Ints, other: Ints) -> NDArray[np.bool_]:
    """Say for each row whether its labels differ, [N]."""
    differ: NDArray[np.bool_] = (one != other).reshape(len(one), -1).any(axis=1)
    return differ


def _beside(run: float, artifact: float, limits: list[float]) -> dict[str, Any]:
    return {"run": run, "artifact": artifact, "difference": artifact - run, "interval": limits}
