"""Which settings mattered in a search: a hint, since trials are few and settings act together.

A forest of trees learns the score from the values of the trials, and each setting is shuffled in turn: what the forest
loses by that is how much the setting matters (scikit-learn's permutation importance, after Breiman, 2001).
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.studies.content import TrialRecord

FEWEST = 10
"""With fewer trials nothing can be said."""

_TREES = 200
_SHUFFLES = 20


def importance(trials: Sequence[TrialRecord], space: Mapping[str, Mapping[str, Any]]) -> dict[str, float] | None:
    """Return the share of each setting in what moved the score, the largest first; None where that cannot be said.

    Trials are taken by their score when all of them were judged first. `space` has `choices` or `log` of each setting.
    """
    scored = [trial for trial in trials if trial["first"] is not None]
    scores = np.array([trial["first"] for trial in scored])
    if len(scored) < FEWEST or scores.std() == 0:
        return None
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    values = np.array([[_number(trial["values"][name], space[name]) for name in space] for trial in scored])
    forest = RandomForestRegressor(n_estimators=_TREES, random_state=0).fit(values, scores)
    found = permutation_importance(forest, values, scores, n_repeats=_SHUFFLES, random_state=0).importances_mean
    lost = np.maximum(found, 0.0)
    if lost.sum() == 0:
        return None
    shares = {name: float(share) for name, share in zip(space, lost / lost.sum(), strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _number(value: Any, within: Mapping[str, Any]) -> float:
    """Return a value as a number: the logarithm of a factor, the place of a choice that is not a number."""
    if "choices" in within and (isinstance(value, bool) or not isinstance(value, (int, float))):
        return float([json.dumps(choice) for choice in within["choices"]].index(json.dumps(value)))
    return math.log(value) if within.get("log") else float(value)
