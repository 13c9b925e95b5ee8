"""Where a score of a study lies over all seeds and all test rows there might be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.evidence.tally import MACRO
from clsfw.studies.luck import crossed, shares

if TYPE_CHECKING:
    from clsfw.evidence.finished import FinishedRun
    from clsfw.studies.content import FinishedStudy

_SAME = 1e-6


def judged(study: FinishedStudy) -> list[FinishedRun]:
    """Return the runs that a study is about: those of the chosen values, or without a search all."""
    which = study.record["runs"][0]["values"]
    of_which = {run["run"] for run in study.record["runs"] if run["values"] == which}
    return [run for run in study.runs if run.directory.name in of_which]


def over_seeds_and_rows(study: FinishedStudy, score: str) -> tuple[float, float] | None:
    """Return the 95 % limits of a score over seeds and test rows; None of a score that is not a mean over rows.

    The accuracy and the macro scores are such means. Of a metric that has the name of one and another value, and of a
    single seed, there are no limits either.
    """
    runs = judged(study)
    if len(runs) < 2 or (score != "accuracy" and score not in MACRO):  # noqa: PLR2004  # one seed has no spread
        return None
    found = crossed(np.stack([shares(run.predictions, score) for run in runs]))
    if abs(found.mean - study.scores[runs[0].split][score]["mean"]) > _SAME:
        return None
    low, high = found.interval
    return max(low, 0.0), min(high, 1.0)
