"""From probabilities to decisions to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.contract.parts import Outcome
from clsfw.errors import PluginError
from clsfw.evidence.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels
    from clsfw.discovery.parts import BuiltMetric


def decide(labels: Labels, truth: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Outcome:
    """Decide the plain way, as during training, where no temperature or threshold is fitted yet."""
    return Outcome(truth, Decision().decide(probabilities, labels), probabilities, labels)


def score(metrics: Sequence[BuiltMetric], outcome: Outcome) -> dict[str, float]:
    """Compute every metric of the recipe; none can write to the outcome, which others and the evidence use too.

    Raises:
        PluginError: a metric raised, gave no mapping of finite numbers, or a name that is taken.

    """
    shown = Outcome(
        _read_only(outcome.references),
        _read_only(outcome.predictions),
        _read_only(outcome.probabilities),
        outcome.labels,
    )
    scores: dict[str, float] = {}
    for metric in metrics:
        for key, value in metric.compute(shown).items():
            if key in scores:
                raise PluginError(f"{metric} gives {key!r}, which another metric gave already")
            scores[key] = value
    return scores


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
