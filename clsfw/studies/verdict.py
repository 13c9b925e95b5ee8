"""Holds a study against the published result that its recipe states under `[expect]`: by the mean over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.verdict import Check, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.evidence.finished import FinishedRun
    from clsfw.recipe.plan import Plan
    from clsfw.studies.content import StudyCheck, StudyVerdict


def judge_study(own: Plan, runs: Sequence[FinishedRun], seeds: int) -> StudyVerdict | None:
    """Return whether the mean over seeds reached the published result; None if the recipe states none.

    `own` is the recipe as it is: that the runs have other seeds than it makes them no less comparable. Of all
    `seeds`, those whose training diverged have no run, and would not have passed.
    """
    expect = own.recipe.expect
    if expect is None:
        return None
    by_run = [judge(expect, run.metrics, run.history).checks for run in runs]
    checks = [_over_seeds(checks, seeds) for checks in zip(*by_run, strict=True)]
    alone = [all(check.held for check in checks) for checks in by_run]
    held = all(check["held"] for check in checks)
    return {
        "status": "NOT COMPARABLE" if own.changes else "REPRODUCED" if held else "NOT REPRODUCED",
        "source": expect.source,
        "reasons": list(own.changes),
        "checks": checks,
        "passed": sum(alone) / seeds,
    }


def _over_seeds(checks: Sequence[Check], seeds: int) -> StudyCheck:
    first = checks[0]
    values = [check.found for check in checks if check.found is not None]
    mean = Check(
        first.what, first.expected, float(np.mean(values)) if len(values) == len(checks) else None, first.tolerance
    )
    return {
        "what": mean.what,
        "expected": mean.expected,
        "found": mean.found,
        "tolerance": mean.tolerance,
        "held": mean.held,
        "passed": sum(check.held for check in checks) / seeds,
    }
